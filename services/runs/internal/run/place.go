package run

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Place is where the coffee is fetched or handed out, on one line. Empty: none given.
type Place string

const maxPlace = 80 // Unicode characters

// NewPlace trims typed and returns ErrInvalid if more than 80 characters are left.
func NewPlace(typed string) (Place, error) {
	text := oneLine(typed)
	if utf8.RuneCountInString(text) > maxPlace {
		return "", ErrInvalid
	}
	return Place(text), nil
}

// oneLine trims typed text and turns control characters into spaces: cards show it on one line, and Postgres takes no NUL.
func oneLine(typed string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(typed, "�")))
}
