// Package reminder is the domain: which timers a run has, and what is to be done when one is due. It is pure.
package reminder

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Kind is what a timer is for.
type Kind string

// Runner is the runner's reminder, at pickup − offset.
const Runner Kind = "runner"

// Channel is what is known of a channel.
type Channel struct {
	WorkspaceID, ChannelID string
	Epoch                  uint64 // generation of its data; whatever has a lower one is void
	SettingsVersion        uint64
	Reminders              bool // wanted, as of SettingsVersion
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
	Closed                 bool // with a runner who has not brought the coffee yet
	PickupAt               time.Time
	RunnerID               string // empty: nobody
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
	AssignmentNo int
	DueAt        time.Time
}

// Armed is a run with the timers that it has now.
type Armed struct {
	Run
	Timers []Timer
}

// Due is a timer that is due, with what is known now.
type Due struct {
	Timer   Timer
	Run     Run
	Channel Channel
}

// Timers are the timers that a run has, with its snapshot and the channel's offset before pickup as they are. Whether a
// reminder is needed is decided by when the runner was assigned, not by when we hear of it: someone assigned after the
// moment needs none, for the assignment says it all. Whether one is wanted is decided when it is due, see Judge.
func Timers(run Run, offset time.Duration) []Timer {
	due := run.PickupAt.Add(-offset)
	if !run.Closed || run.RunnerID == "" || !run.AssignedAt.Before(due) {
		return nil
	}
	return []Timer{{Kind: Runner, AssignmentNo: run.AssignmentNo, DueAt: due}}
}

// Outcome is what becomes of a timer that is due.
type Outcome string

// Outcomes; they are also the values of the metric's label status.
const (
	Send     Outcome = "sent"
	Disabled Outcome = "disabled" // for the channel or the whole installation, as of this moment
	Obsolete Outcome = "obsolete" // the run has moved on, or pickup is past
	Broken   Outcome = "broken"   // what is known of the run cannot be read
)

// Judge decides at the due moment, by what is known then. disabled: reminders are off for the whole installation.
func (d Due) Judge(disabled bool, now time.Time) Outcome {
	switch {
	case d.Run.Epoch != d.Channel.Epoch, !d.Run.Closed, d.Run.RunnerID == "", d.Run.AssignmentNo != d.Timer.AssignmentNo,
		!now.Before(d.Run.PickupAt):
		return Obsolete
	case disabled, !d.Channel.Reminders:
		return Disabled
	default:
		return Send
	}
}
