package run

import "time"

// closing is when a run closes by itself: lead before its pickup or, for a pickup sooner than that, half-way from the
// start. Without a lead it never does.
func closing(start, pickup time.Time, lead time.Duration) time.Time {
	if lead == 0 {
		return time.Time{}
	}
	if at := pickup.Add(-lead); at.After(start) {
		return at
	}
	return start.Add(pickup.Sub(start) / 2).Truncate(time.Microsecond)
}

// Deadline ends an open run whose closing time due has come: it is closed or, without orders, cancelled. It returns nil
// if the run has moved on.
func (r *Run) Deadline(due, at time.Time) []Event {
	switch {
	case r.Status != Open || !r.ClosesAt.Equal(due):
		return nil
	case len(r.Orders) == 0:
		return []Event{r.cancel(NoOrders, at)}
	}
	return []Event{r.close(true, at)}
}

// maxMissing are the most people whom a last call names.
const maxMissing = 5

// LastCall is the word that ordering ends soon, with those who usually are in (regulars, the most regular first) and are
// not. It returns nil if the run has moved on: its pickup is another than the timer was for, or it has closed.
func (r *Run) LastCall(pickup time.Time, regulars []UserID, at time.Time) []Event {
	if r.Status != Open || !r.PickupAt.Equal(pickup) || !r.ClosesAt.IsZero() && !at.Before(r.ClosesAt) {
		return nil
	}
	var missing []UserID
	for _, user := range regulars {
		if r.OrderOf(user) == nil && len(missing) < maxMissing {
			missing = append(missing, user)
		}
	}
	return []Event{r.changed(LastCall{Missing: missing}, at)}
}
