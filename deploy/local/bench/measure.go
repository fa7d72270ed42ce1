package main

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// watched runs do and returns the processor time used meanwhile, and how it was spread, in words.
func (w *world) watched(do func() error) (usage, time.Duration, error) {
	before, err := w.procs.now()
	if err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	if err := do(); err != nil {
		return nil, 0, err
	}
	took := time.Since(begun)
	after, err := w.procs.now()
	if err != nil {
		return nil, 0, err
	}
	return after.since(before), took, nil
}

// others says how much of a processor everything else on the machine took.
func others(u usage, took time.Duration) string {
	return fmt.Sprintf("others on this machine: %.0f %% of a core", 100*u.strangers().Seconds()/took.Seconds())
}

// Each service is asked to stop, as a deployment does, and is started again by the stack, several times.
const restarts = 3

func measureStart(ctx context.Context, w *world, r *report) error {
	for _, name := range stack.Services {
		var all samples
		for range restarts {
			took, err := w.restart(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all.add(took)
		}
		r.atMost("start to ready, "+name, all.quantile(0.5), 300, "ms", fmt.Sprintf("median of %d, slowest %.0f ms", restarts, all.quantile(1)))
	}
	return nil
}

// restart returns how long a service took from the start of its process to being ready.
func (w *world) restart(ctx context.Context, name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	old := w.stack.PID(name)
	if err := syscall.Kill(old, syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop: %w", err)
	}
	for w.stack.PID(name) == old || w.stack.PID(name) == 0 {
		if err := sleep(ctx, time.Millisecond); err != nil {
			return 0, fmt.Errorf("not started again: %w", err)
		}
	}
	begun := time.Now()
	for !w.ready(ctx, name) {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return 0, fmt.Errorf("not ready: %w", err)
		}
	}
	return time.Since(begun), nil
}

func (w *world) ready(ctx context.Context, name string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.stack.Addresses[name]+"/health/ready", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

const (
	idleSettles = 5 * time.Second
	idleFor     = 10 * time.Second
)

func measureIdle(ctx context.Context, w *world, r *report) error {
	if err := sleep(ctx, idleSettles); err != nil {
		return err
	}
	u, took, err := w.watched(func() error { return sleep(ctx, idleFor) })
	if err != nil {
		return err
	}
	if err := w.memory(r, "memory idle, ", 40); err != nil {
		return err
	}
	r.note("processor idle", fmt.Sprintf("%.1f %%", 100*u.product().Seconds()/took.Seconds()), "of a core, for %s", u.shares(took))
	return nil
}

func (w *world) memory(r *report, what string, goal float64) error {
	for _, name := range stack.Services {
		bytes, err := resident(w.stack.PID(name))
		if err != nil {
			return fmt.Errorf("memory of %s: %w", name, err)
		}
		r.atMost(what+name, float64(bytes)/1e6, goal, "MB", "")
	}
	return nil
}
