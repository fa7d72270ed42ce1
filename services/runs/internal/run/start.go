package run

import "time"

const (
	maxAhead = 24 * time.Hour
	// OverstayAfter is how long after its pickup an open run, which nobody closed, still keeps a new one from starting.
	OverstayAfter = time.Hour
)

// Start opens a run in the channel as by asks. Without a pickup it is the channel's default after the command was issued.
// An open run that overstays is cancelled first.
// It refuses with ErrChannelDisabled, ErrRunAlreadyOpen, ErrInvalid or ErrPickupOutOfRange.
func (c *Channel) Start(by Command, want StartRun, at time.Time) ([]Event, error) {
	open := c.Open()
	switch {
	case !c.Settings.Enabled:
		return nil, ErrChannelDisabled
	case open != nil && !open.overstays(at):
		return nil, ErrRunAlreadyOpen
	}
	place, err := NewPlace(want.Place)
	if err != nil {
		return nil, err
	}
	pickup := want.Pickup
	if pickup.IsZero() {
		pickup = by.IssuedAt.Add(c.Settings.DefaultPickup)
	}
	if !pickup.After(at) || pickup.After(at.Add(maxAhead)) {
		return nil, ErrPickupOutOfRange
	}
	var events []Event
	if open != nil {
		events = append(events, open.cancel(Forgotten, at))
	}
	r := &Run{
		ID: want.ID, Channel: c.ID, Epoch: c.Epoch, Status: Open,
		Initiator: by.Actor.User, CorrelationID: by.CorrelationID, StartedAt: at, PickupAt: pickup, ClosesAt: closing(at, pickup, c.Settings.ClosingLead), Place: place,
	}
	c.Runs = append(c.Runs, r)
	return append(events, r.changed(RunStarted{}, at)), nil
}

// overstays tells whether the run should long have been closed. One that is closing gets its answer soon.
func (r *Run) overstays(at time.Time) bool {
	return r.Status == Open && at.After(r.PickupAt.Add(OverstayAfter))
}
