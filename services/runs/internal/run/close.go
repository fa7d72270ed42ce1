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
	r.Status = Closing
	r.Assignment = Assignment{No: 1, State: Choosing, RequestedAt: at, AskedAt: at}
	return r.changed(RunClosed{}, at), nil
}
