package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Clock is the time of a whole stack, which tests move instead of waiting. It takes binaries that were built with the
// tag movableclock (Build).
type Clock struct {
	file  string
	ahead atomic.Int64
}

// NewClock makes a clock that keeps in a file of the folder how far it is ahead.
func NewClock(dir string) (*Clock, error) {
	c := &Clock{file: filepath.Join(dir, "clock")}
	return c, c.Move(0)
}

// Move puts the clock ahead.
func (c *Clock) Move(d time.Duration) error {
	ahead := time.Duration(c.ahead.Add(int64(d)))
	partial := c.file + ".partial" // whoever reads it reads all of it
	if err := os.WriteFile(partial, []byte(ahead.String()), 0o600); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	if err := os.Rename(partial, c.file); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return nil
}

// Now is what the clock shows. A nil clock shows the machine's time.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	return time.Now().Add(time.Duration(c.ahead.Load()))
}
