package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

const (
	longestSleep = 500 * time.Millisecond // a timer armed by another replica is seen this late at most
	claimLimit   = 500                    // channels whose timers are fired in one transaction
	keep         = 48 * time.Hour         // of a run after its pickup; its events are gone from the topic's consumers long before
	forgetLimit  = 1000                   // runs deleted at once, so that no lock is held for long
)

// Clock fires timers: it sleeps until the next is due and publishes what then is to be done.
type Clock struct {
	db       *postgres.DB
	store    Store
	outbox   *outbox.Outbox
	tel      *telemetry.Telemetry
	now      func() time.Time
	disabled bool // DISABLE_REMINDERS: decided at the due moment
	wake     chan struct{}

	sent  metric.Int64Counter
	delay metric.Float64Histogram
}

// NewClock prepares a clock. disabled turns reminders off for the whole installation.
func NewClock(db *postgres.DB, store Store, out *outbox.Outbox, tel *telemetry.Telemetry, now func() time.Time, disabled bool) (*Clock, error) {
	c := &Clock{db: db, store: store, outbox: out, tel: tel, now: now, disabled: disabled, wake: make(chan struct{}, 1)}
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
	for ctx.Err() == nil {
		sleep := longestSleep
		fired, err := c.Fire(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			c.tel.Log.ErrorContext(ctx, "timers not fired", "error", err)
		case fired > 0:
			continue // there may be more
		default:
			if next, err := c.store.NextDue(ctx); err == nil && !next.IsZero() {
				sleep = max(time.Millisecond, min(sleep, next.Sub(c.now())))
			}
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-time.After(sleep):
		}
	}
	return nil
}

// Fire handles the timers that are due now, at most those of claimLimit channels, and says how many they were.
func (c *Clock) Fire(ctx context.Context) (int, error) {
	var due []reminder.Due
	var outcomes []reminder.Outcome
	now := c.now()
	err := c.db.InTx(ctx, func(tx *postgres.Tx) error {
		var err error
		if due, err = c.store.ClaimDue(ctx, tx, now, claimLimit); err != nil {
			return err
		}
		outcomes = outcomes[:0]
		var msgs []bus.Message
		for _, d := range due {
			msg, outcome, err := c.judge(ctx, d, now)
			if err != nil {
				return err
			}
			if outcome == reminder.Send {
				msgs = append(msgs, msg)
			}
			outcomes = append(outcomes, outcome)
		}
		return c.outbox.Add(ctx, tx, msgs...)
	})
	if err != nil {
		return 0, err
	}
	for i, d := range due {
		kind := attribute.String("reminder_type", string(d.Timer.Kind))
		c.sent.Add(ctx, 1, metric.WithAttributes(kind, attribute.String("status", string(outcomes[i]))))
		if outcomes[i] == reminder.Send {
			c.delay.Record(ctx, c.now().Sub(d.Timer.DueAt).Seconds(), metric.WithAttributes(kind))
		}
	}
	return len(due), nil
}

// judge decides what becomes of a timer and encodes the event, in the trace of the click that armed it.
func (c *Clock) judge(ctx context.Context, d reminder.Due, now time.Time) (bus.Message, reminder.Outcome, error) {
	snapshot := &runv1.Run{}
	if err := proto.Unmarshal(d.Run.Source.Snapshot, snapshot); err != nil {
		return bus.Message{}, "", fmt.Errorf("snapshot of run %s: %w", d.Run.ID, err)
	}
	run, err := toDomain(snapshot)
	if err != nil {
		return bus.Message{}, "", err
	}
	run.Epoch, run.Source = d.Run.Epoch, d.Run.Source
	d.Run = run
	outcome := d.Judge(c.disabled, now)
	trace := map[string]string{}
	if err := json.Unmarshal([]byte(run.Source.Trace), &trace); err != nil {
		return bus.Message{}, "", fmt.Errorf("trace context of run %s: %w", run.ID, err)
	}
	ctx = telemetry.WithCorrelation(telemetry.Extract(ctx, trace), run.Source.CorrelationID)
	ctx, span := c.tel.Tracer.Start(ctx, "fire "+string(d.Timer.Kind)+" timer")
	span.SetAttributes(attribute.String("run_id", snapshot.GetId()), attribute.String("outcome", string(outcome)))
	defer span.End()
	event := &reminderv1.ReminderEvent{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: run.WorkspaceID, ChannelId: run.ChannelID, Epoch: run.Epoch,
		CorrelationId: run.Source.CorrelationID, OccurredAt: timestamppb.New(now), DueAt: timestamppb.New(d.Timer.DueAt), Run: snapshot,
		What: &reminderv1.ReminderEvent_RunnerReminderDue{RunnerReminderDue: &reminderv1.RunnerReminderDue{
			RunnerId: snapshot.GetAssignment().GetRunnerId(), AssignmentNo: uint32(d.Timer.AssignmentNo),
		}},
	}
	msg, err := bus.Encode(topic.ReminderEvents, run.WorkspaceID+"/"+run.ChannelID, event.Id, snapshot.GetId(), now, event)
	msg.Headers = telemetry.Inject(ctx)
	msg.Headers[bus.CorrelationHeader] = run.Source.CorrelationID
	c.tel.Log.InfoContext(ctx, "timer fired", "kind", string(d.Timer.Kind), "run_id", snapshot.GetId(), "outcome", string(outcome))
	return msg, outcome, err
}

// Forget deletes what is of no more use, once an hour, until ctx ends.
func (c *Clock) Forget(ctx context.Context) error {
	for {
		deleted, err := c.store.Forget(ctx, c.now().Add(-keep), forgetLimit)
		if err != nil && ctx.Err() == nil {
			c.tel.Log.WarnContext(ctx, "old runs not deleted", "error", err)
		}
		wait := time.Hour
		if deleted == forgetLimit {
			wait = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
