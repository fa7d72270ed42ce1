// Package reminder is the domain: which timers a run has, and what is to be done when one is due. It is pure.
package reminder

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Kind is what a timer is for.
type Kind string

// The kinds of timer.
const (
	Runner   Kind = "runner"    // the runner's reminder, at pickup − offset
	LastCall Kind = "last_call" // the channel's last call
	Deadline Kind = "deadline"  // the run's closing time
)

// Channel is what is known of a channel.
type Channel struct {
	WorkspaceID, ChannelID string
	Epoch                  uint64 // generation of its data; whatever has a lower one is void
	SettingsVersion        uint64
	Reminders, LastCall    bool // wanted, as of SettingsVersion
}

// Newer says whether c tells more than other does, of the same channel.
func (c Channel) Newer(other Channel) bool {
	return cmp.Or(cmp.Compare(c.Epoch, other.Epoch), cmp.Compare(c.SettingsVersion, other.SettingsVersion)) > 0
}

// Run is what matters here of a run's snapshot.
type Run struct {
	ID                     uuid.UUID
	WorkspaceID, ChannelID string
	Epoch, Version         uint64
	Open                   bool
	Closed                 bool // with a runner who has not brought the coffee yet
	StartedAt, PickupAt    time.Time
	ClosesAt               time.Time // zero: only by hand
	RunnerID               string    // empty: nobody
	AssignmentNo           int
	AssignedAt             time.Time
	Source                 Source
}

// Source is what the event of a run's snapshot said beside that, for the event that a timer causes. Nothing looks inside.
type Source struct {
	Snapshot      []byte
	CorrelationID string
	Trace         string
}

// Newer says whether r tells more than other does, of the same run.
func (r Run) Newer(other Run) bool {
	return cmp.Or(cmp.Compare(r.Epoch, other.Epoch), cmp.Compare(r.Version, other.Version)) > 0
}

// Timer is something that becomes due.
type Timer struct {
	Kind         Kind
	AssignmentNo int    // of a runner's reminder; else 0
	UserID       string // whom it reminds; empty: everyone in the channel
	DueAt        time.Time
}

// Armed is a run with the timers that it has now.
type Armed struct {
	Run
	Timers []Timer
}

// Due is a timer that is due, with what is known now.
type Due struct {
	Timer    Timer
	Run      Run
	Channel  Channel
	Unwanted bool // by the person reminded, as of now
}

// Leads are how long before pickup a channel wants to hear.
type Leads struct {
	Runner   time.Duration
	LastCall time.Duration // 0: not at all
}

// Timers are the timers that a run has, with its snapshot and the channel's leads as they are. Whether a reminder is
// needed is decided by when the runner was assigned, not by when we hear of it: someone assigned after the moment needs
// none, for the assignment says it all. Whether one is wanted is decided when it is due, see Judge.
func Timers(run Run, leads Leads) (timers []Timer) {
	switch {
	case run.Open:
		if !run.ClosesAt.IsZero() {
			timers = append(timers, Timer{Kind: Deadline, DueAt: run.ClosesAt})
		}
		if at := lastCall(run, leads.LastCall); !at.IsZero() {
			timers = append(timers, Timer{Kind: LastCall, DueAt: at})
		}
	case run.Closed && run.RunnerID != "":
		if due := run.PickupAt.Add(-leads.Runner); run.AssignedAt.Before(due) {
			timers = append(timers, Timer{Kind: Runner, AssignmentNo: run.AssignmentNo, UserID: run.RunnerID, DueAt: due})
		}
	}
	return timers
}

// lastCall is at pickup − lead, or 5 min before closing where that is earlier; never within a minute of the start, when
// everybody has just been asked. Zero: none.
func lastCall(run Run, lead time.Duration) time.Time {
	if lead == 0 {
		return time.Time{}
	}
	at := run.PickupAt.Add(-lead)
	if early := run.ClosesAt.Add(-5 * time.Minute); !run.ClosesAt.IsZero() && early.Before(at) {
		at = early
	}
	if at.Before(run.StartedAt.Add(time.Minute)) {
		return time.Time{}
	}
	return at
}

// Outcome is what becomes of a timer that is due.
type Outcome string

// Outcomes; they are also the values of the metric's label status.
const (
	Send     Outcome = "sent"
	Disabled Outcome = "disabled" // for the person, the channel or the whole installation, as of this moment
	Obsolete Outcome = "obsolete" // the run has moved on, or pickup is past
	Broken   Outcome = "broken"   // what is known of the run cannot be read
)

// Judge decides at the due moment, by what is known then. disabled: reminders are off for the whole installation; a
// deadline is none.
func (d Due) Judge(disabled bool, now time.Time) Outcome {
	wanted := true
	switch d.Timer.Kind {
	case Deadline:
		if !d.Run.Open || !d.Run.ClosesAt.Equal(d.Timer.DueAt) {
			return Obsolete
		}
		disabled = false
	case LastCall:
		if !d.Run.Open || !now.Before(d.Run.PickupAt) || !d.Run.ClosesAt.IsZero() && !now.Before(d.Run.ClosesAt) {
			return Obsolete
		}
		wanted = d.Channel.LastCall
	case Runner:
		if !d.Run.Closed || d.Run.RunnerID == "" || d.Run.AssignmentNo != d.Timer.AssignmentNo || !now.Before(d.Run.PickupAt) {
			return Obsolete
		}
		wanted = d.Channel.Reminders && !d.Unwanted
	}
	switch {
	case d.Run.Epoch != d.Channel.Epoch:
		return Obsolete
	case disabled || !wanted:
		return Disabled
	default:
		return Send
	}
}
