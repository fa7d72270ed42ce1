package run

import "time"

// Cancel ends the run without a runner. Only the initiator or an admin may (mayEnd).
// It refuses with ErrRunClosed, ErrRunCancelled or ErrNotAllowed.
func (r *Run) Cancel(by Actor, settings Settings, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	if !r.mayEnd(by, settings) {
		return Event{}, ErrNotAllowed
	}
	return r.cancel(CancelledByPerson, at), nil
}

func (r *Run) cancel(reason EndReason, at time.Time) Event {
	r.Status, r.EndReason, r.EndedAt, r.Assignment = Cancelled, reason, at, Assignment{}
	return r.changed(RunCancelled{}, at)
}

// Abandon fails the run because its card could not be shown to anyone: the edge asks for it, not a person.
// It refuses with ErrRunClosed or ErrRunCancelled.
func (r *Run) Abandon(at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	r.Status, r.EndReason, r.EndedAt = Failed, Abandoned, at
	return r.changed(RunFailed{}, at), nil
}
