// Package command understands what people type after /coffee. It is pure: text in, meaning out.
//
//	text  = "" | "help" | when [","] [place] | {"pickup=" when | "note=" place}
//	when  = ["at" | "@"] clock | "noon" | ("in" | "+") span | units
//	clock = "10:30" | "15.30" | "3pm" | "3:15 pm"
//	span  = "20" | units                            (a bare number means minutes)
//	units = "20m" | "1h" | "1h 15m" | "1h15"
//
// What has a space in it is quoted after "pickup=" and "note=". Unbalanced quotes are just text.
package command

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxPlace is the longest place, in Unicode characters.
const MaxPlace = 80

// Command is what was meant.
type Command interface{ command() }

type (
	// Start opens a run.
	Start struct {
		When  When
		Place string // trimmed; empty: none given
	}
	// Help asks for the list of commands.
	Help struct{}
	// Unknown is text that is no command. It is answered with help and never starts a run.
	Unknown struct {
		Place string // the text, where it can be meant as a place; empty: it can't
	}
)

func (Start) command()   {}
func (Help) command()    {}
func (Unknown) command() {}

// UsageError says what cannot be understood, with what can.
type UsageError struct {
	Problem  string   // a whole sentence
	Examples []string // what to type after /coffee, at least one
}

func (e *UsageError) Error() string {
	return e.Problem + " Example: /coffee " + strings.Join(e.Examples, " or /coffee ")
}

func usage(problem string, examples ...string) *UsageError { return &UsageError{problem, examples} }

var plainQuotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "\u00a0", " ")

// Parse reads the text of a /coffee command. The error is a *UsageError.
func Parse(text string) (Command, error) {
	text = strings.Join(strings.Fields(plainQuotes.Replace(text)), " ")
	first, _, _ := strings.Cut(strings.ToLower(text), " ")
	switch first {
	case "":
		return Start{}, nil
	case "help", "?", "-h", "--help":
		return Help{}, nil
	}
	if named.MatchString(text) {
		return parseNamed(text)
	}
	when, rest, err := parseWhen(text)
	switch {
	case err != nil:
		return nil, err
	case !when.IsZero():
		return start(when, rest)
	case verbs[first] || utf8.RuneCountInString(text) > MaxPlace:
		return Unknown{}, nil
	default:
		return Unknown{Place: unquote(text)}, nil
	}
}

// verbs are words that people try and that are no place. What they want is on the card's buttons.
var verbs = map[string]bool{
	"start": true, "new": true, "now": true, "order": true, "add": true, "usual": true, "withdraw": true, "remove": true,
	"close": true, "end": true, "done": true, "stop": true, "cancel": true, "list": true, "status": true, "who": true,
	"fairness": true, "history": true, "admin": true, "settings": true, "pickup": true, "note": true,
}

func start(when When, place string) (Command, error) {
	place = strings.TrimSpace(unquote(strings.TrimSpace(place)))
	if n := utf8.RuneCountInString(place); n > MaxPlace {
		return nil, usage(fmt.Sprintf("A place has at most %d characters, this one has %d.", MaxPlace, n), "10:30 Lobby café")
	}
	return Start{When: when, Place: place}, nil
}

// named is the form pickup=10:30 note="Lobby": keys in any order, quotes where there are spaces.
var (
	named    = regexp.MustCompile(`(?i)^(pickup|note)=`)
	nextPair = regexp.MustCompile(`(?i)^(pickup|note)=("[^"]*"|'[^']*'|\S*)(?:\s+|$)`)
)

func parseNamed(text string) (Command, error) {
	const example = `pickup=10:30 note="Lobby café"`
	var when When
	var place string
	for text != "" {
		pair := nextPair.FindStringSubmatch(text)
		if pair == nil {
			return nil, usage("What has a space in it needs quotes.", example)
		}
		text = text[len(pair[0]):]
		value := unquote(pair[2])
		if strings.EqualFold(pair[1], "note") {
			place = value
			continue
		}
		parsed, rest, err := parseWhen(value)
		if err != nil {
			return nil, err
		}
		if parsed.IsZero() || rest != "" {
			return nil, usage("After pickup= I need a time.", example)
		}
		when = parsed
	}
	return start(when, place)
}

// unquote takes one pair of quotes off. Unbalanced quotes are just text.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
