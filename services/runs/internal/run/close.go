package run

import "time"

// Close ends ordering; a runner is to be chosen. Only the initiator or an admin may (mayEnd), with at least one order.
// It refuses with RunClosed, RunCancelled, NotAllowed or NoOrders.
func (r *Run) Close(by Actor, settings Settings, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	if !r.mayEnd(by, settings) {
		return Event{}, NotAllowed
	}
	if len(r.Orders) == 0 {
		return Event{}, NoOrders
	}
	r.Status = Closing
	r.Assignment = Assignment{No: 1, State: Choosing, RequestedAt: at, AskedAt: at}
	return r.changed(ClosingBegan{}, at), nil
}
