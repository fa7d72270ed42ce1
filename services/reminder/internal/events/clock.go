package events

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

const (
	longestSleep = 500 * time.Millisecond // a timer armed by another replica is seen this late at most
	busyPause    = 20 * time.Millisecond  // before looking again at a channel that someone else was working on
	claimLimit   = 500                    // channels whose timers are fired in one transaction
	remindAfter  = 30 * time.Second       // of a failure that lasts
	keep         = 48 * time.Hour         // of a run after its pickup; should its events be replayed, Judge finds their timers obsolete
	forgetLimit  = 1000                   // runs deleted at once, so that no lock is held for long
)

// Clock fires timers: it sleeps until the next is due and publishes what then is to be done.
type Clock struct {
	db       *postgres.DB
	store    Store
	outbox   Outbox
	tel      *telemetry.Telemetry
	now      func() time.Time
	disabled bool // DISABLE_REMINDERS: decided at the due moment
	wake     chan struct{}
	longest  time.Duration // sleep

	sent  metric.Int64Counter
	delay metric.Float64Histogram
}

// NewClock prepares a clock. disabled turns reminders off for the whole installation.
func NewClock(db *postgres.DB, store Store, out Outbox, tel *telemetry.Telemetry, now func() time.Time, disabled bool) (*Clock, error) {
	c := &Clock{db: db, store: store, outbox: out, tel: tel, now: now, disabled: disabled, wake: make(chan struct{}, 1), longest: longestSleep}
	var err error
	if c.sent, err = tel.Meter.Int64Counter("reminder_send_total",
		metric.WithDescription("Timers that became due, by type and what became of them.")); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	if c.delay, err = tel.Meter.Float64Histogram("reminder_delay_seconds", metric.WithUnit("s"),
		metric.WithDescription("How late a reminder was handed over, after the instant it was due.")); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return c, nil
}

// Wake makes the clock look again: a timer may have been armed.
func (c *Clock) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run fires timers until ctx ends. An outage of the database delays them, no more.
func (c *Clock) Run(ctx context.Context) error {
	var reminded time.Time
	for ctx.Err() == nil {
		sleep := c.longest
		count, err := c.Fire(ctx)
		switch {
		case err != nil:
			if ctx.Err() == nil && time.Since(reminded) >= remindAfter {
				c.tel.Log.ErrorContext(ctx, "timers not fired, trying again", "error", err)
				reminded = time.Now()
			}
		case count > 0:
			continue // there may be more
		default:
			sleep = c.untilNext(ctx)
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-time.After(sleep):
		}
	}
	return nil
}

// untilNext is how long there is nothing to do.
func (c *Clock) untilNext(ctx context.Context) time.Duration {
	next, err := c.store.NextDue(ctx)
	if err != nil || next.IsZero() {
		return c.longest
	}
	if left := next.Sub(c.now()); left > 0 {
		return min(left, c.longest)
	}
	return busyPause
}

// fired is a timer that was due, and what became of it.
type fired struct {
	ctx     context.Context // in the trace of the click that armed the timer
	due     reminder.Due
	outcome reminder.Outcome
	err     error       // if it is broken
	message bus.Message // if it is sent
}

// Fire handles the timers that are due now, at most those of claimLimit channels, and says how many they were.
func (c *Clock) Fire(ctx context.Context) (int, error) {
	var all []fired
	now := c.now()
	err := c.db.InTx(ctx, func(tx *postgres.Tx) error {
		due, err := c.store.ClaimDue(ctx, tx, now, claimLimit)
		if err != nil {
			return err
		}
		all = all[:0]
		var msgs []bus.Message
		for _, d := range due {
			f := c.judge(ctx, d, now)
			if f.outcome == reminder.Send {
				msgs = append(msgs, f.message)
			}
			all = append(all, f)
		}
		return c.outbox.Add(ctx, tx, msgs...)
	})
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		c.observe(f)
	}
	return len(all), nil
}

// judge decides what becomes of a timer, in the trace of the click that armed it. One that cannot be judged is broken:
// it has fired as the others have, and does not hold them up.
func (c *Clock) judge(ctx context.Context, d reminder.Due, now time.Time) fired {
	f := fired{due: d}
	trace := map[string]string{}
	badTrace := json.Unmarshal([]byte(d.Run.Source.Trace), &trace)
	var span oteltrace.Span
	f.ctx, span = c.tel.Tracer.Start(telemetry.WithCorrelation(telemetry.Extract(ctx, trace), d.Run.Source.CorrelationID), "fire timer")
	defer span.End()
	if f.err = cmp.Or(badTrace, f.decide(c.disabled, now)); f.err != nil {
		f.outcome = reminder.Broken
	}
	span.SetAttributes(attribute.String("run_id", d.Run.ID.String()), attribute.String("outcome", string(f.outcome)))
	return f
}

// decide reads the snapshot, and judges the timer by it.
func (f *fired) decide(disabled bool, now time.Time) error {
	run, snapshot, err := fromKept(f.due.Run)
	if err != nil {
		return err
	}
	f.due.Run = run
	if f.outcome = f.due.Judge(disabled, now); f.outcome == reminder.Send {
		f.message, err = f.toMessage(snapshot, now)
	}
	return err
}

// toMessage tells that the timer is due.
func (f *fired) toMessage(snapshot *runv1.Run, now time.Time) (bus.Message, error) {
	run, timer := f.due.Run, f.due.Timer
	event := &reminderv1.ReminderEvent{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: run.WorkspaceID, ChannelId: run.ChannelID, Epoch: run.Epoch,
		CorrelationId: run.Source.CorrelationID, OccurredAt: timestamppb.New(now), DueAt: timestamppb.New(timer.DueAt), Run: snapshot,
	}
	switch timer.Kind {
	case reminder.Deadline:
		event.What = &reminderv1.ReminderEvent_DeadlineReached{DeadlineReached: &reminderv1.DeadlineReached{}}
	case reminder.LastCall:
		event.What = &reminderv1.ReminderEvent_LastCallDue{LastCallDue: &reminderv1.LastCallDue{}}
	default:
		event.What = &reminderv1.ReminderEvent_RunnerReminderDue{RunnerReminderDue: &reminderv1.RunnerReminderDue{
			RunnerId: run.RunnerID, AssignmentNo: uint32(timer.AssignmentNo),
		}}
	}
	message, err := bus.Encode(topic.ReminderEvents, topic.Key(run.WorkspaceID, run.ChannelID), event.Id, run.ID.String(), now, event)
	if err != nil {
		return bus.Message{}, err
	}
	message.Headers = telemetry.Inject(f.ctx)
	message.Headers[bus.CorrelationHeader] = run.Source.CorrelationID
	return message, nil
}

// observe counts and logs a timer whose firing has been committed.
func (c *Clock) observe(f fired) {
	kind := attribute.String("reminder_type", string(f.due.Timer.Kind))
	c.sent.Add(f.ctx, 1, metric.WithAttributes(kind, attribute.String("status", string(f.outcome))))
	if f.outcome == reminder.Send {
		c.delay.Record(f.ctx, c.now().Sub(f.due.Timer.DueAt).Seconds(), metric.WithAttributes(kind))
	}
	log := c.tel.Log.With("kind", string(f.due.Timer.Kind), "run_id", f.due.Run.ID.String(), "outcome", string(f.outcome))
	if f.err != nil {
		log.ErrorContext(f.ctx, "timer given up", "error", f.err)
		return
	}
	log.InfoContext(f.ctx, "timer fired")
}

// ForgetEvery is how often old runs are deleted.
const ForgetEvery = time.Hour

// Forget deletes runs, with their timers, that are of no more use, and tells whether there may be more.
func (c *Clock) Forget(ctx context.Context) (more bool, err error) {
	deleted, err := c.store.Forget(ctx, c.now().Add(-keep), forgetLimit)
	return deleted == forgetLimit, err
}
