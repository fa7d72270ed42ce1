package run

import "time"

// Move sets another pickup, if it still is the one that the person saw; the closing time moves by as much. The initiator,
// an admin (mayEnd) and everyone who ordered may.
// It refuses with ErrRunClosed, ErrRunCancelled, ErrNotAllowed, ErrStale or ErrPickupOutOfRange.
func (r *Run) Move(by Actor, settings Settings, pickup, ifPickup, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	switch {
	case !r.mayEnd(by, settings) && r.OrderOf(by.User) == nil:
		return Event{}, ErrNotAllowed
	case !r.PickupAt.Equal(ifPickup):
		return Event{}, ErrStale
	case !pickup.After(at) || pickup.After(at.Add(maxAhead)):
		return Event{}, ErrPickupOutOfRange
	}
	previous := r.PickupAt
	r.PickupAt = pickup
	if !r.ClosesAt.IsZero() {
		r.ClosesAt = closing(at, pickup, previous.Sub(r.ClosesAt))
	}
	return r.changed(RunMoved{Previous: previous}, at), nil
}
