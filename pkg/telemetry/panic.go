package telemetry

import (
	"fmt"
	"runtime"
)

// PanicCause is what may be logged of the value that recover returned: the text of a runtime error, of anything else
// only the type, because its text may quote a user.
func PanicCause(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", value)
}
