package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Fault is one thing that is wrong with the configuration. It is also an error, so that a
// Validate() error may return one, or several with errors.Join.
type Fault struct {
	Variable string // "" when it concerns no single variable
	Problem  string // follows the variable's name: "is not set", `is "7s", not a whole number`
	Example  string // a value that would be accepted; Load fills it in from the field's example tag
}

func (f Fault) Error() string {
	text := strings.TrimSpace(f.Variable + " " + f.Problem)
	if f.Example != "" && f.Variable != "" {
		text += fmt.Sprintf(" (example: %s=%s)", f.Variable, f.Example)
	}
	return text
}

// Error is every fault of a configuration.
type Error struct{ Faults []Fault }

// Error has one line for each fault.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Faults)+1)
	lines = append(lines, "configuration has faults:")
	for _, f := range e.Faults {
		lines = append(lines, "  "+f.Error())
	}
	return strings.Join(lines, "\n")
}

// problem says in a person's words why value cannot be read as a t.
func problem(t reflect.Type, value string, secret bool, err error) string {
	what := kind(t)
	if secret {
		return "is not " + what
	}
	if what == acceptable {
		return fmt.Sprintf("is %q: %v", value, cause(err))
	}
	return fmt.Sprintf("is %q, not %s", value, what)
}

const acceptable = "an acceptable value"

func kind(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[slog.Level]() {
		return "one of debug, info, warn and error"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return acceptable
	}
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration such as 500ms, 10s or 5m"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, separated by commas, where each item is " + kind(t.Elem())
	default:
		return acceptable
	}
}

// cause is what a type's own parser said, without what the library wraps around it.
func cause(err error) error {
	if parse, ok := errors.AsType[env.ParseError](err); ok {
		return parse.Err
	}
	return err
}
