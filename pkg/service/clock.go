//go:build !movableclock

package service

import "time"

func newClock() func() time.Time { return time.Now }
