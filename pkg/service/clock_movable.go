//go:build movableclock

package service

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// newClock is a clock that tests of whole processes move: CLOCK_OFFSET_FILE names a file with how far ahead of the
// machine's it is, a Go duration ("1h30m"). Only binaries built with the tag movableclock have it.
func newClock() func() time.Time {
	file := os.Getenv("CLOCK_OFFSET_FILE")
	if file == "" {
		return time.Now
	}
	var offset atomic.Int64
	read := func() {
		text, err := os.ReadFile(file)
		if err != nil {
			return
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			offset.Store(int64(d))
		}
	}
	read()
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			read()
		}
	}()
	return func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
}
