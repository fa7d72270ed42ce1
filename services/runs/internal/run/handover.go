package run

import (
	"slices"
	"time"
)

// Accept has the runner say that they are on the way. Saying it again changes nothing.
// It refuses with ErrRunCancelled, ErrStale or ErrNotRunner.
func (r *Run) Accept(by UserID, no uint32, at time.Time) (Event, error) {
	if err := r.mustRun(by, no); err != nil {
		return Event{}, err
	}
	r.Assignment.State = Accepted
	return r.changed(RunnerAccepted{}, at), nil
}

// Decline has the runner say that they can't go: the next is chosen. It costs them nothing.
// It refuses with ErrRunCancelled, ErrStale or ErrNotRunner.
func (r *Run) Decline(by UserID, no uint32, at time.Time) (Event, error) {
	if err := r.mustRun(by, no); err != nil {
		return Event{}, err
	}
	r.Declined = append(slices.Clip(r.Declined), by)
	r.Volunteers = without(r.Volunteers, by)
	r.choose(by, at)
	return r.changed(RunnerRequested{DeclinedBy: by}, at), nil
}

// TakeOver makes by the runner where one is wanted, first come first served. Where there is one, by offers to go instead,
// and the runner decides (Relieve); the latest offer counts. It refuses with ErrRunCancelled or ErrStale.
func (r *Run) TakeOver(by UserID, no uint32, at time.Time) (Event, error) {
	if err := r.mustBeAt(no); err != nil {
		return Event{}, err
	}
	a := &r.Assignment
	switch {
	case a.State == Wanted:
		r.hand(by, "", at)
		return r.changed(RunnerAssigned{}, at), nil
	case a.Runner == by || a.State != Assigned && a.State != Accepted:
		return Event{}, ErrStale
	}
	a.OfferedBy = by
	return r.changed(TakeOverOffered{User: by}, at), nil
}

// Relieve has the runner hand over to the one who offered to go instead.
// It refuses with ErrRunCancelled, ErrStale or ErrNotRunner.
func (r *Run) Relieve(by UserID, no uint32, successor UserID, at time.Time) (Event, error) {
	if err := r.mustRun(by, no); err != nil {
		return Event{}, err
	}
	if r.Assignment.OfferedBy != successor {
		return Event{}, ErrStale
	}
	r.hand(successor, by, at)
	return r.changed(RunnerAssigned{}, at), nil
}

// Arrive has the runner say that the coffee is here. It refuses with ErrRunCancelled, ErrStale or ErrNotRunner.
func (r *Run) Arrive(by UserID, no uint32, at time.Time) (Event, error) {
	if err := r.mustRun(by, no); err != nil {
		return Event{}, err
	}
	r.Assignment.State, r.Assignment.OfferedBy = Done, ""
	return r.changed(CoffeeArrived{}, at), nil
}

// mustBeAt refuses what is said about another assignment than the present one.
func (r *Run) mustBeAt(no uint32) error {
	switch {
	case r.Status == Cancelled || r.Status == Failed:
		return ErrRunCancelled
	case r.Status != Closed || r.Assignment.No != no:
		return ErrStale
	}
	return nil
}

// mustRun refuses whoever is not the runner of assignment no, on the way or not yet.
func (r *Run) mustRun(by UserID, no uint32) error {
	if err := r.mustBeAt(no); err != nil {
		return err
	}
	switch {
	case r.Assignment.State != Assigned && r.Assignment.State != Accepted:
		return ErrStale
	case r.Assignment.Runner != by:
		return ErrNotRunner
	}
	return nil
}
