package run

import "time"

// Close ends ordering; a runner is to be chosen. Only the initiator or an admin may (mayEnd), with at least one order.
// It refuses with ErrRunClosed, ErrRunCancelled, ErrNotAllowed or ErrNoOrders.
func (r *Run) Close(by Actor, settings Settings, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	if !r.mayEnd(by, settings) {
		return Event{}, ErrNotAllowed
	}
	if len(r.Orders) == 0 {
		return Event{}, ErrNoOrders
	}
	return r.close(false, at), nil
}

func (r *Run) close(byDeadline bool, at time.Time) Event {
	r.Status = Closing
	r.choose("", at)
	return r.changed(RunClosed{ByDeadline: byDeadline}, at)
}
