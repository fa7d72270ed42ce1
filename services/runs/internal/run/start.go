package run

import "time"

const maxAhead = 24 * time.Hour

// Start opens a run in the channel as by asks. Without a pickup it is the channel's default after the command was issued.
// It refuses with ChannelDisabled, RunAlreadyOpen, Invalid or PickupOutOfRange.
func (c *Channel) Start(by Command, want StartRun, at time.Time) (Event, error) {
	switch {
	case !c.Settings.Enabled:
		return Event{}, ChannelDisabled
	case c.Open() != nil:
		return Event{}, RunAlreadyOpen
	}
	place, err := NewPlace(want.Place)
	if err != nil {
		return Event{}, err
	}
	pickup := want.Pickup
	if pickup.IsZero() {
		pickup = by.IssuedAt.Add(c.Settings.DefaultPickup)
	}
	if !pickup.After(at) || pickup.After(at.Add(maxAhead)) {
		return Event{}, PickupOutOfRange
	}
	r := &Run{
		ID: want.ID, Channel: c.ID, Epoch: c.Epoch, Status: Open,
		Initiator: by.Actor.User, CorrelationID: by.CorrelationID, StartedAt: at, PickupAt: pickup, Place: place,
	}
	c.Runs = append(c.Runs, r)
	return r.changed(Started{}, at), nil
}
