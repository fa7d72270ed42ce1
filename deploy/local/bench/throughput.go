package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

const (
	ordersEach      = 10 // by as many people, in each channel: first one in every channel, then the next
	throughputLimit = 90 * time.Second
	lookEvery       = 100 * time.Millisecond
)

func measureThroughput(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	pg, err := newPgbench(ctx, w)
	if err != nil {
		return err
	}
	before, cost, err := pg.run(ctx, w)
	if err != nil {
		return err
	}
	together, err := w.backlog(ctx, regulars)
	if err != nil {
		return err
	}
	after, _, err := pg.run(ctx, w)
	if err != nil {
		return err
	}
	tps := (before + after) / 2
	r.atLeast("commands applied per second / pgbench", together.applied/tps, 1, "", others(together.usage, together.took))
	r.note("  applied", value(together.applied, "/s"), "while all services work on them; processor time per command %.2f ms: %s",
		milliseconds(together.usage.product())/float64(together.commands), together.usage.each(together.commands))
	r.note("  end to end", value(together.shown, "/s"), "orders shown on cards; %.0f calls of Slack/s, for a card changes once a second", together.calls)
	r.note("  pgbench", value(tps, "tps"), "TPC-B, prepared, %d clients, scale %d: %.0f before, %.0f after; a transaction takes %.2f ms of Postgres's processor time",
		pgClients, pgScale, before, after, milliseconds(cost))

	for _, name := range []string{"ingress", "fairness", "reminder"} { // for good: this is the last that is measured
		if err := w.stack.Hold(name); err != nil {
			return err
		}
	}
	alone, err := w.backlog(ctx, regulars+ordersEach)
	if err != nil {
		return err
	}
	r.note("  applied with the other services stopped", value(alone.applied, "/s"), "%.2f of pgbench", alone.applied/tps)
	return nil
}

// rates are per second.
type rates struct {
	applied, shown, calls float64
	commands              int
	usage                 usage
	took                  time.Duration
}

// backlog puts orders of people who have none yet, the channel's from first on, into Kafka all at once, and measures how
// fast they are carried out and, if ingress is up, shown. The clock starts when all are there.
func (w *world) backlog(ctx context.Context, first int) (x rates, err error) {
	var orders []bus.Message
	for i := range ordersEach {
		for _, c := range w.channels {
			orders = append(orders, c.order(c.person(first+i), false))
		}
	}
	x.commands = len(orders)
	shownBefore, err := w.number(ctx, shown)
	if err != nil {
		return x, err
	}
	if err := w.publish(ctx, orders); err != nil {
		return x, err
	}
	calls := w.slack.calls.Load()
	appliedAtFirst, err := w.number(ctx, applied)
	if err != nil {
		return x, err
	}
	shownAtFirst, err := w.number(ctx, shown)
	if err != nil {
		return x, err
	}
	rate := func(from, to int64, took time.Duration) float64 { return float64(to-from) / took.Seconds() }
	x.usage, x.took, err = w.watched(func() error {
		begun := time.Now()
		reached, err := w.progress(ctx, applied, w.sent, lookEvery, throughputLimit)
		x.applied = rate(appliedAtFirst, reached, time.Since(begun))
		if err != nil || w.stack.PID("ingress") == 0 {
			return err
		}
		reached, err = w.progress(ctx, shown, shownBefore+int64(len(orders)), lookEvery, throughputLimit)
		x.shown = rate(shownAtFirst, reached, time.Since(begun))
		x.calls = rate(calls, w.slack.calls.Load(), time.Since(begun))
		return err
	})
	return x, err
}

const (
	pgClients = 8
	pgScale   = 10
	pgFor     = 8 * time.Second
)

// pgbench is PostgreSQL's own benchmark, on a database of its own in the product's server.
type pgbench struct{ program, url string }

func newPgbench(ctx context.Context, w *world) (*pgbench, error) {
	folder, err := server.FindPostgres(ctx)
	if err != nil {
		return nil, err
	}
	p := &pgbench{program: filepath.Join(folder, "pgbench")}
	if _, err := os.Stat(p.program); err != nil {
		return nil, fmt.Errorf("pgbench is needed to compare with; on Debian it is in postgresql-contrib: %w", err)
	}
	database, err := url.Parse(w.stack.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	database.Path = "/pgbench"
	p.url = database.String()
	if _, err := w.db.Exec(ctx, "CREATE DATABASE pgbench"); err != nil {
		return nil, fmt.Errorf("database pgbench: %w", err)
	}
	_, err = p.call(ctx, "--initialize", "--quiet", "--scale", strconv.Itoa(pgScale))
	return p, err
}

func (p *pgbench) call(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, p.program, append(args, p.url)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return string(out), nil
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// run returns transactions per second, and what one takes of Postgres's processor time.
func (p *pgbench) run(ctx context.Context, w *world) (perSecond float64, cost time.Duration, err error) {
	if _, err := w.db.Exec(ctx, "CHECKPOINT"); err != nil { // so that nobody pays for what others wrote
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	var out string
	used, took, err := w.watched(func() (err error) {
		out, err = p.call(ctx, "--no-vacuum", "--protocol=prepared", "--client", strconv.Itoa(pgClients), "--jobs=2",
			"--time", strconv.Itoa(int(pgFor.Seconds())))
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	match := tps.FindStringSubmatch(out)
	if match == nil {
		return 0, 0, fmt.Errorf("pgbench says no tps:\n%s", out)
	}
	perSecond, err = strconv.ParseFloat(match[1], 64)
	return perSecond, time.Duration(float64(used["postgres"]) / (perSecond * took.Seconds())), err
}
