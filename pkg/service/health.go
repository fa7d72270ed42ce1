package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

const (
	checkLimit = 2 * time.Second // how long one check may take
	keepGreen  = time.Second     // how long an answer is kept, so that probes do not load what they ask
	keepRed    = 50 * time.Millisecond
)

// health answers GET /health/ready.
type health struct {
	log *slog.Logger

	stopping atomic.Bool

	mu     sync.Mutex // held while checking: requests at the same time share one round of checks
	checks []namedCheck
	last   report
	until  time.Time // last is kept until then
}

type namedCheck struct {
	name  string
	check func(ctx context.Context) error
}

type report struct {
	Status string            `json:"status"` // ready or not_ready
	Checks map[string]result `json:"checks"`
}

type result struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func newHealth(log *slog.Logger) *health { return &health{log: log} }

func (h *health) add(name string, check func(ctx context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, namedCheck{name, check})
}

// stop makes readiness red for good.
func (h *health) stop() { h.stopping.Store(true) }

func live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"live"}`)
}

func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r := h.report()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Status != "ready" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r)
}

func (h *health) report() report {
	if h.stopping.Load() {
		return report{Status: "not_ready", Checks: map[string]result{"service": {Error: "stopping"}}}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.until) {
		return h.last
	}
	// Not the request's context: who gives up early must not leave a red answer for others.
	r := h.ask(context.Background())
	if r.Status != h.last.Status {
		h.log.InfoContext(context.Background(), "readiness", "status", r.Status, "checks", r.Checks)
	}
	keep := keepGreen
	if r.Status != "ready" {
		keep = keepRed
	}
	h.last, h.until = r, time.Now().Add(keep)
	return r
}

func (h *health) ask(ctx context.Context) report {
	results := make([]result, len(h.checks))
	var wg sync.WaitGroup
	for i, c := range h.checks {
		wg.Go(func() { results[i] = c.ask(ctx) })
	}
	wg.Wait()
	r := report{Status: "ready", Checks: make(map[string]result, len(h.checks))}
	for i, c := range h.checks {
		r.Checks[c.name] = results[i]
		if !results[i].OK {
			r.Status = "not_ready"
		}
	}
	return r
}

// ask does not wait for a check that ignores its ctx.
func (c namedCheck) ask(ctx context.Context) result {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- guard(func() error { return c.check(ctx) }) }()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p, crashed := errors.AsType[*panicked](err)
	switch {
	case err == nil:
		return result{OK: true}
	case err == context.DeadlineExceeded: // a check that says more is quoted
		return result{Error: fmt.Sprintf("no answer within %v", checkLimit)}
	case crashed:
		return result{Error: "panic: " + telemetry.PanicCause(p.value)}
	default:
		return result{Error: strings.Join(strings.Fields(telemetry.Redact(err.Error())), " ")} // on one line
	}
}
