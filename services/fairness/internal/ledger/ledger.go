// Package ledger holds who drank and who ran in a channel, what each of them owes for it, and who runs next.
//
// The problem is the carpool problem: each day some of the people take part and one of them does the work.
// See R. Fagin and J. H. Williams, "A fair carpool scheduling algorithm", IBM Journal of Research and Development 27(2), 1983,
// and docs/adr/0006-fair-share.md.
package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Standing is where one person stands in a channel. The zero value is a newcomer's.
type Standing struct {
	Cups int
	// Owed is what the runs they took part in cost them.
	Owed Share
	// Served counts the runs they ran.
	Served int
	// Since is the time of the first run they took part in or ran, in the retained history. Zero: none.
	Since time.Time
	// LastServedAt is the time of the run they last ran for others. Zero: never.
	LastServedAt time.Time
}

// Balance is what they are credited less what they owe. Negative: owes runs.
func (s Standing) Balance() Share { return Share(s.Served)*Run - s.Owed }

// Ledger is a channel's history, summed up. The balances of its standings always add up to exactly zero.
// The zero value is an empty one. It is either folded from entries or filled from equal sums made elsewhere.
type Ledger struct {
	Standings map[UserID]Standing
	// Runners of the runs served for others, the latest last. Those before the latest [MaxWindow] may be left out.
	Runners []UserID
}

// Fold sums up a channel's entries, at most one per run, given in any order.
func Fold(entries []Entry) Ledger {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.RunID[:], b.RunID[:]))
	})
	var l Ledger
	for _, e := range entries {
		l.Book(e)
	}
	return l
}

// Book adds the entry of a run later than all that are booked. A run that nobody served changes nothing.
// Someone who fetched only their own coffee has served nobody: it costs what it credits and is nobody's turn.
// Otherwise a rare guest of someone who often drinks alone would have to run whenever the two meet.
func (l *Ledger) Book(e Entry) {
	if e.Runner == "" {
		return
	}
	if l.Standings == nil {
		l.Standings = make(map[UserID]Standing)
	}
	for user, cups := range e.Cups {
		s := l.standing(user, e.At)
		s.Cups += cups
		s.Owed += e.Owed[user]
		l.Standings[user] = s
	}
	s := l.standing(e.Runner, e.At)
	s.Served++
	if !e.Alone() {
		s.LastServedAt = e.At
		l.Runners = append(l.Runners, e.Runner)
	}
	l.Standings[e.Runner] = s
}

// RunsSince counts the runs served after the last one that user ran. Not ok: user is none of Runners.
func (l Ledger) RunsSince(user UserID) (runs int, ok bool) {
	for i, runner := range slices.Backward(l.Runners) {
		if runner == user {
			return len(l.Runners) - 1 - i, true
		}
	}
	return 0, false
}

// standing returns user's numbers, which begin at the given time if there are none.
func (l Ledger) standing(user UserID, at time.Time) Standing {
	s := l.Standings[user]
	if s.Since.IsZero() {
		s.Since = at
	}
	return s
}

// previous returns the last who ran for others. Empty: nobody did.
func (l Ledger) previous() UserID {
	if len(l.Runners) == 0 {
		return ""
	}
	return l.Runners[len(l.Runners)-1]
}

// rested reports whether user ran none of the latest window runs.
func (l Ledger) rested(user UserID, window int) bool { return l.turns(user, window) == 0 }

// turns counts the runs that user ran of the latest window runs.
func (l Ledger) turns(user UserID, window int) (n int) {
	for _, runner := range l.Runners[max(len(l.Runners)-window, 0):] {
		if runner == user {
			n++
		}
	}
	return n
}
