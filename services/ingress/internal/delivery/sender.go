package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

const (
	poll         = 500 * time.Millisecond // between looks for what other processes left
	shortestWait = 5 * time.Millisecond   // between two looks
	longestWait  = 5 * time.Second        // between two looks while the database is away
	workers      = 64
	waiting      = 2 * workers      // claims in line: what waits longer than half a lease is given back
	mostWaiting  = 16 * workers     // in line, when many partitions find the same room
	worthALook   = workers / 4      // room in the line
	lastWords    = 10 * time.Second // after the end, for what is under way to end and be recorded
	purgeEvery   = 10 * time.Minute
	purgeBatch   = 500
)

// Keep is how long a finished delivery is remembered, so that an event that comes again is recognised:
// longer than the topic keeps events.
const Keep = 8 * 24 * time.Hour

// Lease is how long a claim holds, and so how long a crash delays what was under way. Half of it is longer than a call
// of Slack may take.
const Lease = 15 * time.Second

// Queue is where deliveries are recorded.
type Queue interface {
	// Claim leases up to limit deliveries that are due.
	Claim(ctx context.Context, limit int) ([]Claim, error)
	// Finish records what came of claims, as far as their attempt is still the newest. It reports
	// whether one of them, or another of the same conversation, waits for the next claim.
	Finish(ctx context.Context, results []Result) (more bool, err error)
	// Record adds a delivery, unless its key is known.
	Record(ctx context.Context, deliveries ...Delivery) error
	// CardTS is Slack's id of a run's card; empty: it was not posted.
	CardTS(ctx context.Context, workspaceID, runID string) (string, error)
	// Backlog says what waits, and for how long.
	Backlog(ctx context.Context) (Backlog, error)
	// Purge forgets up to limit finished deliveries that were recorded before a moment.
	Purge(ctx context.Context, before time.Time, limit int) (purged int, err error)
}

// People names people.
type People interface {
	Names(ctx context.Context, workspaceID string, userIDs []string) func(userID string) string
}

// Publisher publishes commands.
type Publisher interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Sender carries deliveries out: at once those it is handed, and those that others left behind.
type Sender struct {
	queue     Queue
	slack     *slack.Client
	people    People
	publisher Publisher
	reminders bool
	log       *slog.Logger
	now       func() time.Time
	errors    metric.Int64Counter
	outcomes  metric.Int64Counter
	latency   metric.Float64Histogram

	claims  chan Claim
	poke    chan struct{}
	full    atomic.Bool // the claim loop waits for room
	results chan recorded
	pending atomic.Int64
}

// NewSender makes a sender; Run has it work. reminders: the installation sends some, so they may be promised.
func NewSender(
	queue Queue, client *slack.Client, people People, publisher Publisher, reminders bool, tel *telemetry.Telemetry, now func() time.Time,
) (*Sender, error) {
	s := &Sender{
		queue: queue, slack: client, people: people, publisher: publisher, reminders: reminders, log: tel.Log, now: now,
		claims: make(chan Claim, mostWaiting), poke: make(chan struct{}, 1), results: make(chan recorded),
	}
	var err1, err2, err3, err4 error
	s.outcomes, err3 = tel.Meter.Int64Counter("deliveries_total", metric.WithDescription("Attempts to deliver something to Slack, by what came of them"))
	s.latency, err4 = tel.Meter.Float64Histogram("delivery_latency_seconds", metric.WithUnit("s"),
		metric.WithDescription("From the moment something is to be said to Slack's acceptance of the message; changes of cards are not in it"))
	s.errors, err1 = tel.Meter.Int64Counter("errors_total", metric.WithDescription("Errors somebody should know of"))
	_, err2 = tel.Meter.Int64ObservableGauge("deliveries_pending", metric.WithDescription("Deliveries to Slack that are recorded and not finished, of all replicas"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.pending.Load())
			return nil
		}))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("delivery metrics: %w", err)
	}
	return s, nil
}

// Room is how many claims the sender can take on at the moment.
func (s *Sender) Room() int { return max(waiting-len(s.claims), 0) / 2 }

// Send carries out claims that the caller has leased. rest: there is more, which the caller could not lease now.
// It does not wait.
func (s *Sender) Send(claims []Claim, rest bool) {
	for _, c := range claims {
		select {
		case s.claims <- c:
		default: // others were faster with what room there was; it is claimed anew when the lease ends
			s.log.Warn("too many deliveries at once, one is left to its lease", "delivery_id", c.ID)
		}
	}
	if rest {
		s.wake()
	}
}

// wake has the claim loop look again at once.
func (s *Sender) wake() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Greet records a greeting and has it sent soon.
func (s *Sender) Greet(ctx context.Context, d Delivery) error {
	if err := s.queue.Record(ctx, d); err != nil {
		return err
	}
	s.wake()
	return nil
}

// Run sends until ctx ends, then finishes what is under way and gives the rest back.
func (s *Sender) Run(ctx context.Context) error {
	recordingCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()

	var recording, working sync.WaitGroup
	recording.Go(func() { s.record(recordingCtx) })
	for range workers {
		working.Go(func() { s.work(ctx) })
	}
	s.look(ctx)
	working.Wait()
	close(s.results)
	recording.Wait()
	return nil
}

// look claims what is due, again and again until ctx ends.
func (s *Sender) look(ctx context.Context) {
	failures := 0
	var purged time.Time
	for ctx.Err() == nil {
		wait, err := s.claim(ctx)
		if err == nil && time.Since(purged) > purgeEvery {
			purged, err = time.Now(), s.purge(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			wait = min(poll<<min(failures-1, 4), longestWait)
			s.log.WarnContext(ctx, "deliveries not claimed", "error", err, "attempt", failures)
		default:
			failures = 0
		}
		woken := s.poke
		if failures > 0 {
			woken = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-woken:
			timer.Reset(shortestWait) // what else is recorded meanwhile is found by the same look
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		case <-timer.C:
		}
		timer.Stop()
	}
}

// claim hands what is due to the workers, as much as they have room for, and says when to look again.
func (s *Sender) claim(ctx context.Context) (wait time.Duration, err error) {
	s.full.Store(true) // before the look at the room, so that no worker that makes some goes unnoticed
	room := s.Room()
	if room < worthALook {
		return poll, nil
	}
	s.full.Store(false)
	if s.slack.Refused() { // nothing can be sent: what is recorded waits, until the token is good again
		if err := s.slack.Check(ctx); err != nil {
			return 0, err
		}
	}
	backlog, err := s.queue.Backlog(ctx)
	if err != nil {
		return 0, err
	}
	s.pending.Store(int64(backlog.Pending))
	switch {
	case backlog.Next < 0:
		return poll, nil
	case backlog.Next > 0:
		return min(max(backlog.Next, shortestWait), poll), nil
	}
	claims, err := s.queue.Claim(ctx, room)
	if err != nil {
		return 0, err
	}
	s.Send(claims, false)
	return shortestWait, nil
}

func (s *Sender) purge(ctx context.Context) error {
	for {
		n, err := s.queue.Purge(ctx, s.now().Add(-Keep), purgeBatch)
		if err != nil || n < purgeBatch {
			return err
		}
	}
}

// work carries out one claim after the other until ctx ends; those still in line then are given back.
func (s *Sender) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			for {
				select {
				case c := <-s.claims:
					s.finish(c, c.giveBack())
				default:
					return
				}
			}
		case c := <-s.claims:
			if len(s.claims) <= waiting/2 && s.full.CompareAndSwap(true, false) {
				s.wake()
			}
			if ctx.Err() != nil || time.Now().After(c.Begin) || s.slack.Refused() {
				s.finish(c, c.giveBack())
				continue
			}
			s.carryOut(ctx, c)
		}
	}
}

// carryOut does one claim and records what came of it.
func (s *Sender) carryOut(ctx context.Context, c Claim) {
	ctx = telemetry.Extract(ctx, map[string]string{"traceparent": c.Traceparent})
	ctx = telemetry.WithCorrelation(ctx, c.CorrelationID)
	ctx = telemetry.WithIDs(ctx, slog.String("run_id", c.RunID), slog.String("channel_id", c.ChannelID),
		slog.String("delivery_id", c.ID.String()), slog.String("kind", string(c.Kind)))
	// A shutdown does not cut off what is under way; the end of the lease does.
	limited, cancel := context.WithDeadline(context.WithoutCancel(ctx), c.Until)
	defer cancel()
	r := s.deliver(limited, &c)
	s.measure(limited, &c, r)
	s.finish(c, r)
}

func (s *Sender) measure(ctx context.Context, c *Claim, r Result) {
	kind := attribute.String("kind", string(c.Kind))
	s.outcomes.Add(ctx, 1, metric.WithAttributes(kind, attribute.String("outcome", string(r.Outcome))))
	if r.Outcome == Sent && c.MessageTS == "" { // a card that is there is as old as its run
		s.latency.Record(ctx, s.now().Sub(c.recordedAt()).Seconds(), metric.WithAttributes(kind))
	}
}

// report counts an error and logs it. code is Slack's or ours, never a text.
func (s *Sender) report(ctx context.Context, level slog.Level, msg, code string) {
	s.errors.Add(ctx, 1, metric.WithAttributes(attribute.String("type", "delivery_"+code)))
	s.log.Log(ctx, level, msg, "code", code) //nolint:sloglint // msg is one of a few constants of this package
}
