package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	noon      = regexp.MustCompile(`(?i)^(?:at |@ ?)?noon(?:,\s*|\s+|$)`)
	spanStart = regexp.MustCompile(`(?i)^(?:in ?|\+ ?)(\d.*)$`)
	bareSpan  = regexp.MustCompile(`(?i)^\d{1,4} ?(?:m|mins?|minutes?|h|hrs?|hours?)(?:[\d\s,]|$)`)
	spanForm  = regexp.MustCompile(`^(\d{1,4})( ?)([a-zA-Z]*)(?:,\s*|\s+|)`)
	fraction  = regexp.MustCompile(`^\d+[.,]\d`)
	otherUnit = regexp.MustCompile(`^(?:s|secs?|seconds?|d|days?|w|weeks?|months?|years?)$`)
	atClock   = regexp.MustCompile(`(?i)^(?:at |@ ?)?(\d.*)$`)
	alone     = regexp.MustCompile(`^\d+(?:[, ]|$)`)
	clockForm = regexp.MustCompile(`(?i)^(\d{1,2})(?:[:.](\d{2}))?(?: ?(am|pm|a\.m\.|p\.m\.))?(?:,\s*|\s+|$)`)
)

// parseWhen takes a time off the front of text. A zero When: text does not begin with one.
func parseWhen(text string) (When, string, error) {
	if found := noon.FindString(text); found != "" {
		return When{clock: true, hour: 12, half: pm}, text[len(found):], nil
	}
	if match := spanStart.FindStringSubmatch(text); match != nil {
		return parseSpan(match[1])
	}
	if bareSpan.MatchString(text) {
		return parseSpan(text)
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

// parseSpan reads "20", "20m", "1h 15m", "1h15" and leaves what follows: each unit once, and a bare number alone.
func parseSpan(text string) (When, string, error) {
	var span time.Duration
	seen := map[time.Duration]bool{}
	glued := false // nothing stands between this number and the unit before
	for {
		match := spanForm.FindStringSubmatch(text)
		if match == nil {
			break
		}
		length, number, space, word := len(match[0]), match[1], match[2], strings.ToLower(match[3])
		unit, known := units[word]
		if fraction.MatchString(text) || otherUnit.MatchString(word) {
			return When{}, "", usage("I can't read that span of time.", "in 1h 30m", "in 20m")
		}
		if !known && space != "" { // "20 mocha": the number is bare, the word belongs to the place
			unit, known, word, length = time.Minute, true, "", len(number)+len(space)
		}
		if len(seen) > 0 && (!known || seen[unit] || word == "" && !glued) { // "20m 4th floor": so does this number
			break
		}
		if !known {
			return When{}, "", usage("I can't read that span of time.", "in 20m", "in 1h 15m")
		}
		n, _ := strconv.Atoi(number) // at most four digits
		span += time.Duration(n) * unit
		seen[unit] = true
		text = text[length:]
		if word == "" {
			break
		}
		glued = length == len(number)+len(space)+len(word)
	}
	if span <= 0 {
		return When{}, "", usage("Pickup must be in the future.", "in 20m")
	}
	return When{span: span}, text, nil
}

func parseClock(text string) (When, string, error) {
	match := clockForm.FindStringSubmatch(text)
	if match == nil || match[2] == "" && match[3] == "" {
		number := strings.TrimRight(alone.FindString(text), ", ")
		if number == "" {
			return When{}, "", usage("I can't read that time.", "10:30", "3pm", "in 20m")
		}
		if hour, err := strconv.Atoi(number); err == nil && hour > 0 && hour < 24 {
			return When{}, "", usage("A number alone could be a time or minutes.", fmt.Sprintf("%d:00", hour), fmt.Sprintf("in %dm", hour))
		}
		return When{}, "", usage("A number alone could be a time or minutes.", "10:30", "in 20m")
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
		return When{}, "", usage(fmt.Sprintf("There is no %s.", strings.TrimRight(match[0], ", ")), "10:30", "3pm")
	}
	return when, text[len(match[0]):], nil
}
