package service

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

type component struct {
	name   string
	run    func(ctx context.Context) error
	cancel context.CancelFunc
	done   chan struct{}
}

func (rt *Runtime) start(c *component) {
	// Not derived from the signal's context: components end in order, not all at once.
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() {
		defer close(c.done)
		err := guard(func() error { return c.run(ctx) })
		switch {
		case err == nil && ctx.Err() == nil:
			rt.Log.Info("component has nothing more to do", "component", c.name)
		case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
			rt.Log.Debug("component ended", "component", c.name)
		default:
			rt.fail(fmt.Errorf("component %s: %w", c.name, err))
		}
	}()
}

// fail reports what stops the service; only the first failure decides, later ones are its consequences and logged.
func (rt *Runtime) fail(err error) {
	select {
	case rt.failed <- err:
	default:
		rt.Log.Error("failed while stopping", "error", err)
	}
}

// panicked is a panic as an error.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string {
	return "panic: " + telemetry.PanicCause(p.value) + "\n" + p.stack
}

// guard calls fn and returns its panic as an error, with the stack.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, string(debug.Stack())}
		}
	}()
	return fn()
}
