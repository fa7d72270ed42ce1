// Package events connects the domain with Kafka: commands and answers come in, what happened goes out.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Store keeps the channels. What Load and LoadOverdue return is locked until tx ends; what Save is given is written as tx ends.
type Store interface {
	Load(ctx context.Context, tx *postgres.Tx, scope run.Scope, commands []uuid.UUID) (channels map[run.ChannelID]*run.Channel, fresh map[uuid.UUID]bool, err error)
	LoadOverdue(ctx context.Context, tx *postgres.Tx, now time.Time, limit int, not []uuid.UUID) ([]*run.Channel, error)
	// LoadOverdueResets is LoadOverdue for channels whose reset is to be completed at now, with what is known.
	LoadOverdueResets(ctx context.Context, tx *postgres.Tx, now time.Time, limit int) ([]*run.Channel, error)
	Save(tx *postgres.Tx, events []run.Event)
	// SavePersonal replaces someone's own settings, and locks them until tx ends.
	SavePersonal(ctx context.Context, tx *postgres.Tx, workspace string, user run.UserID, settings run.PersonalSettings) (run.PersonalSettings, error)
	// FindPerson widens the scope by all that is kept of someone.
	FindPerson(ctx context.Context, tx *postgres.Tx, scope *run.Scope, workspace string, user run.UserID) error
	// ErasePersonal has someone's own settings deleted as tx ends.
	ErasePersonal(tx *postgres.Tx, workspace string, user run.UserID)
	// PurgeRuns deletes at most limit runs that are older than their channel keeps them, and tells whether there may be more.
	PurgeRuns(ctx context.Context, now time.Time, limit int) (more bool, err error)
	// PurgeInbox forgets commands claimed before the instant, at most limit, and returns how many they were.
	PurgeInbox(ctx context.Context, before time.Time, limit int) (int, error)
}

// Outbox publishes messages after tx is committed, in order per key.
type Outbox interface {
	Add(ctx context.Context, tx *postgres.Tx, msgs ...bus.Message) error
}

// Subscriptions are the topics runs reads.
func Subscriptions(recorder *Recorder) []bus.Subscription {
	answers, timers := Answers{recorder}, Timers{recorder}
	return []bus.Subscription{
		{Topic: topic.Commands, Handler: Commands{recorder}},
		{Topic: topic.FairnessEvents, Wants: answers.Wants, Handler: answers},
		{Topic: topic.ReminderEvents, Wants: timers.Wants, Handler: timers},
	}
}

// Recorder writes what happened, together with the word to all others about it.
type Recorder struct {
	db       *postgres.DB
	store    Store
	outbox   Outbox
	log      *slog.Logger
	now      func() time.Time
	runs     metric.Int64Counter
	duration metric.Float64Histogram
}

// NewRecorder returns a Recorder. It returns an error only if the meter refuses the metrics' names.
func NewRecorder(db *postgres.DB, store Store, outbox Outbox, tel *telemetry.Telemetry, now func() time.Time) (*Recorder, error) {
	runs, err := tel.Meter.Int64Counter("runs_total", metric.WithDescription("Runs that came to a status"))
	if err != nil {
		return nil, fmt.Errorf("metric runs_total: %w", err)
	}
	duration, err := tel.Meter.Float64Histogram("run_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("From the start of a run to its end, by the status it ended in"))
	if err != nil {
		return nil, fmt.Errorf("metric run_duration_seconds: %w", err)
	}
	return &Recorder{db: db, store: store, outbox: outbox, log: tel.Log, now: now, runs: runs, duration: duration}, nil
}

// cause is what brought events about.
type cause struct {
	ctx           context.Context // with the span that they continue
	correlationID string
	commandID     string
	actor         string
	replyTo       string
	// Of a command, for its author in case it is rejected.
	command, typed, ref string
}

// happening is an event and what brought it about.
type happening struct {
	run.Event
	cause
}

// happenings collects events in the order they happened.
type happenings []happening

func (h *happenings) add(by cause, events []run.Event) {
	for _, e := range events {
		*h = append(*h, happening{e, by})
	}
}

// record writes all that happened in one go. The channels it happened in are locked by tx.
func (r *Recorder) record(ctx context.Context, tx *postgres.Tx, all happenings) error {
	if len(all) == 0 {
		return nil
	}
	events, messages := make([]run.Event, len(all)), make([]bus.Message, 0, len(all))
	for i, h := range all {
		events[i] = h.Event
		if _, internal := h.What.(run.ResetReported); internal {
			continue
		}
		message, err := toMessage(h.Event, h.cause)
		if err != nil {
			return err
		}
		message.Headers = telemetry.Inject(h.ctx)
		message.Headers[bus.CorrelationHeader] = h.correlationID
		messages = append(messages, message)
	}
	r.store.Save(tx, events)
	if err := r.outbox.Add(ctx, tx, messages...); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	tx.AfterCommit(func() {
		for _, h := range all {
			r.observe(h)
		}
	})
	return nil
}

// observe counts and logs what has been committed. Never what people typed.
func (r *Recorder) observe(h happening) {
	ctx := telemetry.WithIDs(h.ctx, slog.String("channel_id", h.Channel.Channel))
	if h.Run != nil {
		ctx = telemetry.WithIDs(ctx, slog.String("run_id", h.Run.ID.String()))
	}
	switch what := h.What.(type) {
	case run.CommandRejected:
		r.log.InfoContext(ctx, "command rejected", "command", h.command, "reason", what.Refusal.Error())
	case run.RunStarted, run.RunClosed, run.RunCancelled, run.RunFailed:
		r.log.InfoContext(ctx, "run changed", "status", string(h.Run.Status))
		r.count(h)
	case run.RunnerAssigned, run.RunnerWanted:
		r.log.InfoContext(ctx, "run changed", "status", string(h.Run.Status), "assignment_no", h.Run.Assignment.No)
		if h.Run.EndedAt.Equal(h.At) {
			r.count(h)
		}
	case run.RunnerRequested:
		if what.DeclinedBy == "" {
			r.log.WarnContext(ctx, "runner requested again")
		}
	default:
		r.log.DebugContext(ctx, "run changed a little")
	}
}

func (r *Recorder) count(h happening) {
	status := metric.WithAttributes(attribute.String("status", string(h.Run.Status)))
	r.runs.Add(h.ctx, 1, status)
	if !h.Run.EndedAt.IsZero() {
		r.duration.Record(h.ctx, h.Run.EndedAt.Sub(h.Run.StartedAt).Seconds(), status)
	}
}

// instant is the present with the precision of the database.
func (r *Recorder) instant() time.Time { return r.now().UTC().Truncate(time.Microsecond) }
