package run

import (
	"reflect"
	"time"
)

// changeSettings replaces the channel's settings if they are still at the version that the person saw. Admins may.
// A run that is open in a channel that is being disabled is cancelled. Where nothing changes, the version stays, and the
// author hears it all the same. It refuses with ErrNotAllowed, ErrInvalid or ErrStale.
func (c *Channel) changeSettings(cmd Command, want ChangeSettings, at time.Time) ([]Event, error) {
	next := want.Settings
	switch {
	case !cmd.Actor.administers(c.Settings):
		return nil, ErrNotAllowed
	case next.check() != nil:
		return nil, ErrInvalid
	case want.IfVersion != c.Settings.Version:
		return nil, ErrStale
	}
	previous := c.Settings
	next.Version = previous.Version
	if !reflect.DeepEqual(previous, next) {
		next.Version++
	}
	c.Settings = next
	events := []Event{{What: SettingsChanged{Previous: previous, By: cmd.request()}, At: at}}
	if open := c.Open(); open != nil && !next.Enabled {
		events = append(events, open.cancel(ChannelDisabled, at))
	}
	return events, nil
}
