// Package command understands what people type after /coffee. It is pure: text in, meaning out.
//
//	text  = "" | "help" | when [place] | {"pickup=" when | "note=" place}
//	when  = clock | "noon" | "in" span | "+" span | "at" clock
//	clock = "10:30" | "15.30" | "3pm" | "3:15 pm"
//	span  = "20" | "20m" | "1h" | "1h 15m"          (a bare number means minutes)
package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	Unknown struct{ Text string }
)

func (Start) command()   {}
func (Help) command()    {}
func (Unknown) command() {}

// UsageError says what cannot be understood, with an example that can.
type UsageError struct {
	Problem string // a whole sentence
	Example string // what to type after /coffee
}

func (e *UsageError) Error() string { return e.Problem + " Example: /coffee " + e.Example }

var plainQuotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "\u00a0", " ")

// Parse reads the text of a /coffee command. The error is a *UsageError.
func Parse(text string) (Command, error) {
	text = strings.Join(strings.Fields(plainQuotes.Replace(text)), " ")
	switch strings.ToLower(text) {
	case "":
		return Start{}, nil
	case "help", "?", "-h", "--help":
		return Help{}, nil
	}
	if named.MatchString(text) {
		return parseNamed(text)
	}
	when, rest, err := parseWhen(text)
	if err != nil {
		return nil, err
	}
	if when.IsZero() {
		return Unknown{Text: text}, nil
	}
	return start(when, rest)
}

func start(when When, place string) (Command, error) {
	place = strings.TrimSpace(unquote(strings.TrimSpace(place)))
	if n := utf8.RuneCountInString(place); n > MaxPlace {
		return nil, &UsageError{fmt.Sprintf("A place has at most %d characters, this one has %d.", MaxPlace, n), "10:30 Lobby café"}
	}
	return Start{When: when, Place: place}, nil
}

// named is the form pickup=10:30 note="Lobby": keys in any order, quotes where there are spaces.
var (
	named    = regexp.MustCompile(`(?i)^(pickup|note)=`)
	nextPair = regexp.MustCompile(`(?i)^(pickup|note)=("[^"]*"|'[^']*'|\S*)\s*`)
)

func parseNamed(text string) (Command, error) {
	var when When
	var place string
	for text != "" {
		pair := nextPair.FindStringSubmatch(text)
		if pair == nil {
			return nil, &UsageError{"I can't read that after the names.", `pickup=10:30 note="Lobby café"`}
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
			return nil, &UsageError{"After pickup= I need a time.", `pickup=10:30 note="Lobby café"`}
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

var (
	clockForm = regexp.MustCompile(`(?i)^(\d{1,2})(?:[:.](\d{2}))?(?: ?(am|pm|a\.m\.|p\.m\.))?(?:\s+|$)`)
	spanForm  = regexp.MustCompile(`^(\d{1,4})( ?)([a-zA-Z]*) ?`)
	spanStart = regexp.MustCompile(`(?i)^(?:in ?|\+ ?)(\d.*)$`)
	atClock   = regexp.MustCompile(`(?i)^(?:at |@ ?)?(\d.*)$`)
	noon      = regexp.MustCompile(`(?i)^(?:at )?noon(?:\s+|$)`)
)

// parseWhen takes a time off the front of text. A zero When: text does not begin with one.
func parseWhen(text string) (When, string, error) {
	if found := noon.FindString(text); found != "" {
		return When{clock: true, hour: 12, half: pm}, text[len(found):], nil
	}
	if match := spanStart.FindStringSubmatch(text); match != nil {
		return parseSpan(match[1])
	}
	if match := atClock.FindStringSubmatch(text); match != nil {
		return parseClock(match[1])
	}
	return When{}, text, nil
}

var units = map[string]time.Duration{
	"": time.Minute, "m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
}

// parseSpan reads "20", "20m", "1h 15m" and leaves what follows: each unit once, and a bare number alone.
func parseSpan(text string) (When, string, error) {
	var span time.Duration
	seen := map[time.Duration]bool{}
	for {
		match := spanForm.FindStringSubmatch(text)
		if match == nil {
			break
		}
		number, space, word := match[1], match[2], strings.ToLower(match[3])
		unit, known := units[word]
		length := len(match[0])
		if len(seen) > 0 && (!known || word == "" || seen[unit]) { // "20m 4th floor": that belongs to the place
			break
		}
		if !known && space == "" {
			return When{}, "", &UsageError{"I can't read that span of time.", "in 20m"}
		}
		if !known { // "20 mocha": so does this word
			unit, word, length = time.Minute, "", len(number)+len(space)
		}
		seen[unit] = true
		n, _ := strconv.Atoi(number) // at most four digits
		span += time.Duration(n) * unit
		text = text[length:]
		if word == "" {
			break
		}
	}
	if span <= 0 {
		return When{}, "", &UsageError{"Pickup must be in the future.", "in 20m"}
	}
	return When{span: span}, text, nil
}

func parseClock(text string) (When, string, error) {
	match := clockForm.FindStringSubmatch(text)
	if match == nil || match[2] == "" && match[3] == "" {
		word, _, _ := strings.Cut(text, " ")
		if strings.IndexFunc(word, unicode.IsLetter) < 0 && !strings.ContainsAny(word, ":.") {
			return When{}, "", &UsageError{"A number alone could mean a time or minutes.", "10:30 or in 20m"}
		}
		return When{}, "", &UsageError{"I can't read that time.", "10:30"}
	}
	hour, _ := strconv.Atoi(match[1])
	minute, _ := strconv.Atoi(match[2]) // empty: 0
	when := When{clock: true, hour: hour, minute: minute}
	switch strings.ToLower(strings.ReplaceAll(match[3], ".", "")) {
	case "am":
		when.half = am
	case "pm":
		when.half = pm
	}
	if hour > 23 || minute > 59 || when.half != either && (hour < 1 || hour > 12) {
		return When{}, "", &UsageError{"There is no such time of day.", "10:30"}
	}
	return when, text[len(match[0]):], nil
}
