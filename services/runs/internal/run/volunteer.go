package run

import (
	"slices"
	"time"
)

// Volunteer puts user forward: where anyone is, the runner is one of them. No order is needed. Doing it again changes
// nothing, and is answered like the first time. It refuses with ErrRunClosed, ErrRunCancelled or ErrRunFull.
func (r *Run) Volunteer(user UserID, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	if !slices.Contains(r.Volunteers, user) {
		if len(r.Volunteers) >= MaxOrders {
			return Event{}, ErrRunFull
		}
		r.Volunteers = append(slices.Clip(r.Volunteers), user)
	}
	return r.changed(Volunteered{User: user}, at), nil
}

// StopVolunteering takes that back, also where there is nothing to take back.
// It refuses with ErrRunClosed or ErrRunCancelled.
func (r *Run) StopVolunteering(user UserID, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	r.Volunteers = without(r.Volunteers, user)
	return r.changed(StoppedVolunteering{User: user}, at), nil
}
