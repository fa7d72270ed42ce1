package stack

import (
	"bytes"
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
	env    []string
	out    io.Writer // its log lines
	say    func(format string, args ...any)

	mu      sync.Mutex
	process *os.Process   // nil while it is down
	ended   chan struct{} // closed when process has ended
	held    bool          // stay down until release
	wake    chan struct{}
}

const (
	restartDelay    = 250 * time.Millisecond
	restartDelayMax = 5 * time.Second
	steady          = 10 * time.Second // up for longer: whatever ended it is not what ended it last time
	stopGrace       = 15 * time.Second // more than a service grants itself
)

// checkConfig has the binary judge its environment. The error lists every fault.
func (c *child) checkConfig(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.binary, "--check-config")
	cmd.Env = c.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// run keeps the process alive until ctx ends, then asks it to stop and waits for it.
func (c *child) run(ctx context.Context) {
	delay := restartDelay
	for c.waitWhileHeld(ctx) == nil {
		started := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errHeld) {
			continue
		}
		if time.Since(started) > steady {
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
	if err := c.start(cmd); err != nil {
		return err
	}
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	close(c.ended)
	if c.held {
		return errHeld
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	return err
}

var errHeld = errors.New("held")

func (c *child) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return errHeld
	}
	if err := startLocked(cmd); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.process, c.ended = cmd.Process, make(chan struct{})
	return nil
}

// kill ends the process as kill -9 does and returns when it is gone; it is an error when it is down.
func (c *child) kill() error {
	c.mu.Lock()
	process, ended := c.process, c.ended
	c.mu.Unlock()
	if process == nil {
		return fmt.Errorf("%s is not running", c.name)
	}
	_ = process.Kill() // an error: it has ended already
	<-ended
	return nil
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

// waitWhileHeld returns nil when the process may run, or the end of ctx.
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
