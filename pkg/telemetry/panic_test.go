package telemetry_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

func TestThePanicOfAUsersTextIsNotQuoted(t *testing.T) {
	t.Parallel()
	var none []string
	for want, crash := range map[string]func(){
		"string":              func() { panic("oat milk") },
		"*errors.errorString": func() { panic(errors.New("oat milk")) },
		"runtime error: index out of range [0] with length 0": func() { _ = none[0] },
	} {
		func() {
			defer func() { require.Equal(t, want, telemetry.PanicCause(recover())) }()
			crash()
		}()
	}
}
