package events

import "time"

// SleepAtMost replaces half a second, so that a test can tell being woken from having slept enough.
func (c *Clock) SleepAtMost(d time.Duration) { c.longest = d }
