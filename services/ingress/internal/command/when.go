package command

import (
	"errors"
	"time"
)

// MaxAhead is how far ahead a pickup may be.
const MaxAhead = 24 * time.Hour

// When is a pickup time as it was typed: a time of day, a span from now, or nothing.
type When struct {
	span   time.Duration
	clock  bool
	hour   int // as typed
	minute int
	half   half
}

// half is the half of the day that was typed.
type half int

const (
	either half = iota // neither am nor pm was typed
	am
	pm
)

// IsZero says that no time was typed.
func (w When) IsZero() bool { return w == When{} }

// NeedsZone says that the time can only be understood in a time zone.
func (w When) NeedsZone() bool { return w.clock }

// clockFace is how w's author writes times of day.
func (w When) clockFace() string {
	if w.half == either {
		return "15:04"
	}
	return "3:04 pm"
}

// PastError is a time of day that is over today, with the next instant that what was typed can mean.
type PastError struct {
	Typed string    // "10:30", "3:00 pm"
	Next  time.Time // in the author's zone
	Label string    // Next as its author would write it: "22:30", "tomorrow 3:00 pm"
}

func (e *PastError) Error() string {
	return e.Typed + " is past, next is " + e.Next.Format(time.RFC3339)
}

func (w When) past(now, next time.Time) error {
	e := &PastError{Typed: time.Date(0, 1, 1, w.readings()[0], w.minute, 0, 0, time.UTC).Format(w.clockFace()), Next: next}
	e.Label = next.Format(w.clockFace())
	if next.Day() != now.Day() {
		e.Label = "tomorrow " + e.Label
	}
	return e
}

// Reasons why a time cannot be used.
var (
	ErrNoZone = errors.New("time zone unknown")
	ErrTooFar = errors.New("more than 24 hours ahead")
)

// At is the instant that w means, typed at now by someone in zone (nil: unknown). Errors: *PastError, ErrNoZone, ErrTooFar.
func (w When) At(now time.Time, zone *time.Location) (time.Time, error) {
	if !w.clock {
		if w.span > MaxAhead {
			return time.Time{}, ErrTooFar
		}
		return now.Add(w.span), nil
	}
	if zone == nil {
		return time.Time{}, ErrNoZone
	}
	now = now.In(zone)
	if today := w.on(now, 0, w.readings()[:1], now); !today.IsZero() {
		return today, nil
	}
	for day := range 2 {
		if next := w.on(now, day, w.readings(), now); !next.IsZero() && !next.After(now.Add(MaxAhead)) {
			return time.Time{}, w.past(now, next)
		}
	}
	return time.Time{}, ErrTooFar // tomorrow's clocks go back, or skip it
}

// readings are the hours (0 to 23) that what was typed can mean, the plain one first:
// am or pm is guessed only when neither was typed and the hour leaves it open.
func (w When) readings() []int {
	switch {
	case w.half == am:
		return []int{w.hour % 12}
	case w.half == pm:
		return []int{w.hour%12 + 12}
	case w.hour >= 1 && w.hour < 12:
		return []int{w.hour, w.hour + 12}
	case w.hour == 12:
		return []int{12, 0}
	default:
		return []int{w.hour}
	}
}

// on is the earliest instant after now at which clocks in now's zone show one of hours, day days from now. Zero: none.
func (w When) on(now time.Time, day int, hours []int, after time.Time) time.Time {
	var earliest time.Time
	for _, hour := range hours {
		guess := time.Date(now.Year(), now.Month(), now.Day()+day, hour, w.minute, 0, 0, now.Location())
		// When clocks go back an hour comes twice, when they go forward it does not come; time.Date promises
		// nothing for these, so look on both sides.
		for _, shift := range []time.Duration{-time.Hour, 0, time.Hour} {
			t := guess.Add(shift)
			if t.Hour() != hour || t.Minute() != w.minute || !t.After(after) {
				continue
			}
			if earliest.IsZero() || t.Before(earliest) {
				earliest = t
			}
		}
	}
	return earliest
}
