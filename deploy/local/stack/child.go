package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// child is one service process that is started again whenever it ends unasked.
type child struct {
	name   string
	binary string
	addr   string // host:port it listens on, the same after each restart
	env    []string
	out    io.Writer // its log lines
	say    func(format string, args ...any)

	mu      sync.Mutex
	process *os.Process // nil while it is down
	held    bool        // Hold: stay down until Release
	wake    chan struct{}
}

const (
	restartDelay    = 250 * time.Millisecond
	restartDelayMax = 5 * time.Second
	stopGrace       = 15 * time.Second
)

// run keeps the process alive until ctx ends, then asks it to stop and waits for it.
func (c *child) run(ctx context.Context) {
	delay := restartDelay
	for ctx.Err() == nil {
		if c.waitWhileHeld(ctx) != nil {
			return
		}
		started := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > 10*time.Second {
			delay = restartDelay
		}
		c.say("%s ended (%v), starting it again", c.name, err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, restartDelayMax)
	}
}

// once starts the process and returns when it has ended. When ctx ends, it is asked to stop, and killed if it does not.
func (c *child) once(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.binary)
	cmd.Env = c.env
	cmd.Stdout, cmd.Stderr = c.out, c.out
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	if err := startLocked(cmd); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.mu.Lock()
	c.process = cmd.Process
	c.mu.Unlock()
	err := cmd.Wait()
	c.mu.Lock()
	c.process = nil
	c.mu.Unlock()
	if err == nil {
		err = errors.New("exit status 0")
	}
	return err
}

// signal sends sig to the running process; it is an error when it is down.
func (c *child) signal(sig os.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return fmt.Errorf("%s is not running", c.name)
	}
	return c.process.Signal(sig)
}

// hold keeps the process from being started again until release.
func (c *child) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

func (c *child) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *child) waitWhileHeld(ctx context.Context) error {
	for {
		c.mu.Lock()
		held := c.held
		c.mu.Unlock()
		if !held {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		}
	}
}
