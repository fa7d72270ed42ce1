// Package command understands what people type after /coffee. It is pure: text in, meaning out.
//
//	text  = "" | word | "usual" [drink | "clear"] | when [","] [place] | {"pickup=" when | "note=" place}
//	word  = "status" | "close" | "cancel" | "fairness" | "history" | "admin" | "help"
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
	// Status asks for the open run.
	Status struct{}
	// Close ends ordering in the open run.
	Close struct{}
	// Cancel ends the open run.
	Cancel struct{}
	// Usual asks for the caller's usual drink or, with one, makes it that.
	Usual struct{ Drink string }
	// ClearUsual forgets it.
	ClearUsual struct{}
	// Fairness asks who owes what.
	Fairness struct{}
	// History asks for the latest runs.
	History struct{}
	// Admin asks for the channel's settings.
	Admin struct{}
	// Unknown is text that is no command. It is answered with help and never starts a run.
	Unknown struct {
		Place string // the text, where it can be meant as a place; empty: it can't
	}
)

func (Start) command()      {}
func (Help) command()       {}
func (Status) command()     {}
func (Close) command()      {}
func (Cancel) command()     {}
func (Usual) command()      {}
func (ClearUsual) command() {}
func (Fairness) command()   {}
func (History) command()    {}
func (Admin) command()      {}
func (Unknown) command()    {}

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
	typed := strings.Join(strings.Fields(text), " ")
	text = strings.Join(strings.Fields(plainQuotes.Replace(text)), " ")
	first, _, _ := strings.Cut(strings.ToLower(text), " ")
	if word, ok := words[strings.ToLower(text)]; ok {
		return word, nil
	}
	switch first {
	case "?", "-h", "--help", "help":
		return Help{}, nil
	case "usual":
		return Usual{Drink: strings.TrimSpace(typed[len(first):])}, nil
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

// words are commands of one word.
var words = map[string]Command{
	"": Start{}, "status": Status{}, "close": Close{}, "cancel": Cancel{}, "fairness": Fairness{}, "history": History{},
	"admin": Admin{}, "settings": Admin{}, "usual": Usual{}, "usual clear": ClearUsual{},
}

// verbs are words that people try and that are no place. What they want is on the card's buttons, or among words.
var verbs = map[string]bool{
	"start": true, "new": true, "now": true, "order": true, "add": true, "withdraw": true, "remove": true,
	"close": true, "end": true, "done": true, "stop": true, "cancel": true, "list": true, "status": true, "who": true,
	"fairness": true, "history": true, "admin": true, "settings": true, "pickup": true, "note": true,
	"today": true, "tomorrow": true, "tonight": true, "later": true, "soon": true,
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
