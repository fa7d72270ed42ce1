// Package reminder is the domain: which timers a run has, and what is to be done when one is due. It is pure.
package reminder

import "time"

// Kind is what a timer is for.
type Kind string

// Runner is the runner's reminder, at pickup − offset.
const Runner Kind = "runner"

// Run is what matters here of a run's snapshot.
type Run struct {
	Closed       bool // with a runner who has not brought the coffee yet
	PickupAt     time.Time
	RunnerID     string // empty: nobody
	AssignmentNo int
	AssignedAt   time.Time
}

// Settings are what matters here of a channel's.
type Settings struct {
	Reminders bool
	Offset    time.Duration // before pickup
}

// Timer is something that becomes due.
type Timer struct {
	Kind         Kind
	AssignmentNo int
	DueAt        time.Time
}

// Timers are the timers that a run has with the snapshot and settings as they are. Whether a reminder is needed is
// decided by when the runner was assigned, not by when we hear of it: someone assigned after the moment needs none,
// for the assignment says it all.
func Timers(run Run, settings Settings) []Timer {
	due := run.PickupAt.Add(-settings.Offset)
	if !run.Closed || run.RunnerID == "" || !settings.Reminders || !run.AssignedAt.Before(due) {
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
)

// Judge decides at the due moment, with the newest snapshot and whether reminders are on now.
func Judge(timer Timer, run Run, remindersOn bool, now time.Time) Outcome {
	switch {
	case !run.Closed || run.RunnerID == "" || run.AssignmentNo != timer.AssignmentNo, !now.Before(run.PickupAt):
		return Obsolete
	case !remindersOn:
		return Disabled
	default:
		return Send
	}
}
