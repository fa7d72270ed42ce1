package run

import (
	"maps"
	"slices"
	"time"
)

// ResetWait is how long a reset waits for what the other services purged before it is told with what is known.
const ResetWait = 10 * time.Second

// purgers are the services that report what they purged.
var purgers = []string{"fairness", "reminder"}

// Counts are rows deleted, by what they are ("runs").
type Counts map[string]uint64

// Reset is a reset whose count is not complete yet.
type Reset struct {
	Epoch   uint64 // that it began
	Counts  Counts
	Missing []string // services that have not reported
	DueAt   time.Time
	By      Request
}

// Request is who asked for something, and where an answer goes.
type Request struct{ Actor, CommandID, CorrelationID, ReplyTo string }

func (c Command) request() Request {
	return Request{string(c.Actor.User), c.ID, c.CorrelationID, c.ReplyTo}
}

// resetChannel purges the channel's runs, orders and usuals; the other services follow as they see the higher epoch.
// Its settings and the audit stay. Admins may. It refuses with ErrNotAllowed.
func (c *Channel) resetChannel(cmd Command, at time.Time) ([]Event, error) {
	if !cmd.Actor.administers(c.Settings) {
		return nil, ErrNotAllowed
	}
	var events []Event
	if c.Reset != nil { // of a moment ago
		events = c.completeReset(at)
	}
	c.Epoch++
	c.Runs, c.Usuals = nil, map[UserID]Usual{}
	c.Reset = &Reset{
		Epoch: c.Epoch, Counts: c.Counts, Missing: slices.Clone(purgers), DueAt: at.Add(ResetWait),
		By: cmd.request(),
	}
	c.Counts = nil
	return append(events, Event{What: ChannelReset{*c.Reset}, At: at}), nil
}

// Purged adds what a service has purged for the epoch. When all have reported, the reset is completed.
func (c *Channel) Purged(epoch uint64, service string, counts Counts, at time.Time) []Event {
	r := c.Reset
	if r == nil || r.Epoch != epoch || !slices.Contains(r.Missing, service) {
		return nil
	}
	next := *r
	next.Missing = slices.DeleteFunc(slices.Clone(r.Missing), func(s string) bool { return s == service })
	next.Counts = maps.Collect(maps.All(r.Counts)) // never nil
	for what, n := range counts {
		next.Counts[what] += n
	}
	c.Reset = &next
	if len(next.Missing) > 0 {
		return c.complete([]Event{{What: ResetReported{next}, At: at}})
	}
	return c.completeReset(at)
}

// ResetOverdue completes a reset that has waited long enough, with what is known.
func (c *Channel) ResetOverdue(at time.Time) []Event {
	if c.Reset == nil || at.Before(c.Reset.DueAt) {
		return nil
	}
	return c.completeReset(at)
}

func (c *Channel) completeReset(at time.Time) []Event {
	reset := *c.Reset
	c.Reset = nil
	return c.complete([]Event{{What: ChannelResetCompleted{reset}, At: at}})
}
