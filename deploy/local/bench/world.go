package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// world is the running product with everything around it.
type world struct {
	stack *stack.Stack
	slack *slackDouble
	db    *pgxpool.Pool
	kafka *bus.Client
	procs *processes
	dir   string   // with what the stack keeps
	stop  []func() // in reverse order

	channels []*channel // with an open run each, once opened
	sent     int64      // commands published so far, by us and, for each click, by ingress
	swept    int        // clicks made by sweep so far
}

// readyLimit is how long the product may take to be ready.
const readyLimit = time.Minute

func newWorld(ctx context.Context, cfg stack.Config, verbose bool) (_ *world, err error) {
	if cfg.Root, err = stack.Root(); err != nil {
		return nil, err
	}
	cfg.Dir = filepath.Join(cfg.Root, ".local", "bench")
	if err := stack.Reset(ctx, cfg.Dir); err != nil { // every bench begins with an empty database
		return nil, err
	}
	lock, err := stack.Lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	reset := func() { _ = stack.Reset(context.WithoutCancel(ctx), cfg.Dir) } // it is a gigabyte
	w := &world{dir: cfg.Dir, stop: []func(){reset, lock.Unlock}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()

	kafka, err := startBroker(filepath.Join(cfg.Dir, "kafka"))
	if err != nil {
		return nil, err
	}
	w.stop = append(w.stop, kafka.stop)
	if w.slack, err = startSlack(); err != nil {
		return nil, err
	}
	w.stop = append(w.stop, w.slack.close)
	// With a Slack that is given, the stack takes its secrets from the environment.
	_ = os.Setenv("SLACK_SIGNING_SECRET", signingSecret)
	_ = os.Setenv("SLACK_BOT_TOKEN", "xoxb-bench")
	cfg.KafkaBootstrap, cfg.SlackAPIURL = kafka.bootstrap, w.slack.url+"/api/"

	logs, err := os.Create(filepath.Join(cfg.Dir, "services.log"))
	if err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	w.stop = append(w.stop, func() { _ = logs.Close() })
	cfg.RawLog = logs
	if verbose {
		cfg.Out = os.Stdout
	}
	if w.stack, err = stack.Start(ctx, cfg); err != nil {
		return nil, err
	}
	w.stop = append(w.stop, w.stack.Stop)
	waiting, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := w.stack.Ready(waiting); err != nil {
		return nil, fmt.Errorf("%w (%s has the services' logs)", err, logs.Name())
	}

	if w.db, err = pgxpool.New(ctx, w.stack.DatabaseURL); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	w.stop = append(w.stop, w.db.Close)
	tel, err := telemetry.New("bench", "", telemetry.Config{}, io.Discard)
	if err != nil {
		return nil, err
	}
	if w.kafka, err = bus.Connect(bus.Config{Bootstrap: []string{kafka.bootstrap}}, "bench", tel); err != nil {
		return nil, err
	}
	w.stop = append(w.stop, func() { _ = w.kafka.Close() })
	w.procs, err = newProcesses(ctx, w, kafka.cmd.Process.Pid)
	return w, err
}

func (w *world) close() {
	for _, stop := range slices.Backward(w.stop) {
		stop()
	}
}

// number reads one number from the database.
func (w *world) number(ctx context.Context, sql string) (int64, error) {
	var n int64
	if err := w.db.QueryRow(ctx, sql).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return n, nil
}

// Figures of how far the product has come.
const (
	// Commands that runs has committed.
	applied = `SELECT COALESCE(sum(next_offset), 0)::bigint FROM runs.consumer_position WHERE topic = 'coffeebuddy.commands'`
	// Changes of runs that people see: each raises a run's version by one, and a card knows which one it shows.
	shown = `SELECT COALESCE(sum(shown_version), 0)::bigint FROM ingress.delivery WHERE kind = 'card'`
	// Changes of runs that have happened.
	changed = `SELECT COALESCE(sum(version), 0)::bigint FROM (
		SELECT GREATEST(r.version, max(o.version)) AS version FROM runs.run r LEFT JOIN runs.drink_order o ON o.run_id = r.id GROUP BY r.id) v`
	// Deliveries of any kind that have not arrived.
	undelivered = `SELECT count(*) FROM ingress.delivery WHERE live AND state = 'pending'`
)

// progress waits until a figure is at least goal, or for limit, looking every so often. It returns the figure.
func (w *world) progress(ctx context.Context, figure string, goal int64, every, limit time.Duration) (int64, error) {
	for deadline := time.Now().Add(limit); ; {
		n, err := w.number(ctx, figure)
		if err != nil || n >= goal || time.Now().After(deadline) {
			return n, err
		}
		if err := sleep(ctx, every); err != nil {
			return n, err
		}
	}
}

// reach is progress whose end before goal is an error.
func (w *world) reach(ctx context.Context, figure string, goal int64) error {
	n, err := w.progress(ctx, figure, goal, 50*time.Millisecond, settleLimit)
	if err == nil && n < goal {
		err = fmt.Errorf("still at %d of %d after %s: %s", n, goal, settleLimit, figure)
	}
	return err
}

const settleLimit = time.Minute

// settle waits until everything that was asked has been done and shown.
func (w *world) settle(ctx context.Context) error {
	if err := w.reach(ctx, applied, w.sent-w.slack.refused.Load()); err != nil {
		return err
	}
	goal, err := w.number(ctx, changed)
	if err != nil {
		return err
	}
	if err := w.reach(ctx, shown, goal); err != nil {
		return err
	}
	return w.reach(ctx, "SELECT -n FROM ("+undelivered+") AS d (n)", 0)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
