// Package events books what runs say was drunk and who ran, and answers the question who runs next.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// Store keeps the ledgers.
type Store interface {
	// Load locks channels, given with the epochs heard of, until tx ends, and returns what is kept of them and of the
	// runs. A higher epoch than before voids all that was kept of the channel.
	Load(ctx context.Context, tx *postgres.Tx, channels map[ledger.ChannelID]uint64, runs []uuid.UUID) (ledger.Books, error)
	// Replace puts another in the place of a person, in one channel or, if it is empty, in all of the workspace, and returns
	// the tables of channels that knew them.
	Replace(ctx context.Context, tx *postgres.Tx, in ledger.ChannelID, user, by ledger.UserID) ([]ledger.Table, error)
	// KeepFor notes how long a channel keeps its entries, in days.
	KeepFor(ctx context.Context, tx *postgres.Tx, channel ledger.ChannelID, days int) error
	// Ledgers returns channels' ledgers as far as they tell of the people given, and of the latest runners.
	Ledgers(ctx context.Context, tx *postgres.Tx, people map[ledger.ChannelID][]ledger.UserID) (map[ledger.ChannelID]ledger.Ledger, error)
	// Book writes changes, at most one per channel, and returns the tables of channels in which they moved somebody.
	Book(ctx context.Context, tx *postgres.Tx, changes []ledger.Change) ([]ledger.Table, error)
}

// Outbox publishes messages after tx is committed, in order per key.
type Outbox interface {
	Add(ctx context.Context, tx *postgres.Tx, msgs ...bus.Message) error
}

// Subscriptions are the topics fairness reads.
func Subscriptions(runs *Runs) []bus.Subscription {
	return []bus.Subscription{{Topic: topic.RunEvents, Wants: Wants, Handler: runs}}
}

// Runs handles the topic coffeebuddy.run.events.
type Runs struct {
	store   Store
	outbox  Outbox
	log     *slog.Logger
	now     func() time.Time
	choices metric.Int64Counter
}

var _ bus.Handler = &Runs{}

// NewRuns returns a handler. It returns an error only if the meter refuses the metric's name.
func NewRuns(store Store, outbox Outbox, tel *telemetry.Telemetry, now func() time.Time) (*Runs, error) {
	choices, err := tel.Meter.Int64Counter("fairness_choices_total",
		metric.WithDescription("Answers to the question who runs, by the rule that decided, or nobody_left, or repeated"))
	if err != nil {
		return nil, fmt.Errorf("metric fairness_choices_total: %w", err)
	}
	return &Runs{store: store, outbox: outbox, log: tel.Log, now: now, choices: choices}, nil
}

// unneeded are events that never change who drank or who ran. Kinds that are not known yet are taken: their snapshot may.
var unneeded = map[string]bool{
	bus.TypeOf(&runv1.RunStarted{}):          true,
	bus.TypeOf(&runv1.OrderPlaced{}):         true,
	bus.TypeOf(&runv1.OrderWithdrawn{}):      true,
	bus.TypeOf(&runv1.RunMoved{}):            true,
	bus.TypeOf(&runv1.Volunteered{}):         true,
	bus.TypeOf(&runv1.StoppedVolunteering{}): true,
	bus.TypeOf(&runv1.LastCall{}):            true,
	bus.TypeOf(&runv1.RunnerAccepted{}):      true,
	bus.TypeOf(&runv1.TakeOverOffered{}):     true,
	bus.TypeOf(&runv1.CoffeeArrived{}):       true,
	bus.TypeOf(&runv1.UsualSaved{}):          true,
	bus.TypeOf(&runv1.UsualCleared{}):        true,
	bus.TypeOf(&runv1.CommandRejected{}):     true,
}

// Wants says whether an event of this type can matter.
func Wants(ceType string) bool { return !unneeded[ceType] }

// Handle books the newest snapshot of each run in records, and answers the questions that are still open in it.
func (h *Runs) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	b, err := read(ctx, records)
	if err != nil {
		return err
	}
	// First, for the snapshots that follow know the person under the other name.
	if err := h.erase(ctx, tx, b); err != nil {
		return err
	}
	if len(b.channels) == 0 {
		return h.publish(ctx, tx, b)
	}
	books, err := h.store.Load(ctx, tx, b.epochs(), b.runs())
	if err != nil {
		return fmt.Errorf("load postings: %w", err)
	}
	b.kept = books.Postings
	b.news = slices.DeleteFunc(b.news, func(n *news) bool { return books.Void(n.Snapshot) })
	if err := h.heed(ctx, tx, b, books); err != nil {
		return err
	}
	for next := b.next(); len(next) > 0; next = b.next() {
		if err := h.follow(ctx, tx, b, next); err != nil {
			return err
		}
		if err := h.choose(ctx, tx, b, next); err != nil {
			return err
		}
	}
	return h.publish(ctx, tx, b)
}

// firstEpoch is the one that no reset began.
const firstEpoch = 1

// heed notes which channels were reset, and for how long they keep their entries.
func (h *Runs) heed(ctx context.Context, tx *postgres.Tx, b *batch, books ledger.Books) error {
	for channel, kept := range books.Channels {
		told := b.channels[channel]
		if told.epoch < kept.Epoch {
			continue
		}
		if kept.Reset && kept.Epoch > firstEpoch {
			b.resets[channel] = kept
		}
		if told.retentionDays != kept.RetentionDays {
			if err := h.store.KeepFor(ctx, tx, channel, told.retentionDays); err != nil {
				return err
			}
		}
	}
	return nil
}

// erase puts somebody without a name in the place of people who were erased, so that nobody owes more or less for it.
func (h *Runs) erase(ctx context.Context, tx *postgres.Tx, b *batch) error {
	for _, e := range b.erased {
		tables, err := h.store.Replace(ctx, tx, e.in, e.user, e.by)
		if err != nil {
			return err
		}
		for _, t := range tables {
			b.tables[t.Channel] = t
			b.latest[t.Channel] = &news{Snapshot: ledger.Snapshot{Channel: t.Channel, Epoch: t.Epoch}, cause: e.cause}
		}
	}
	return nil
}

// follow books the runs as their snapshots show them. While a runner is being chosen, that is without one.
func (h *Runs) follow(ctx context.Context, tx *postgres.Tx, b *batch, all []*news) error {
	var changes []ledger.Change
	for _, n := range all {
		before := b.kept[n.RunID]
		after, err := before.Follow(n.Snapshot)
		if err != nil {
			return err
		}
		change := ledger.Change{Before: before, After: after}
		if after.Version > before.Version && (before.Version > 0 || change.Moves()) { // else there is nothing to keep
			changes = append(changes, change)
		}
		if n.asked && after.Answers(n.AssignmentNo) {
			b.answers = append(b.answers, answer{n, after, repeated})
		}
	}
	return h.book(ctx, tx, b, changes)
}

// choose answers the questions that have no answer yet, each by its channel's ledger without the run itself.
func (h *Runs) choose(ctx context.Context, tx *postgres.Tx, b *batch, all []*news) error {
	var open []*news
	people := map[ledger.ChannelID][]ledger.UserID{}
	for _, n := range all {
		if n.Choosing && !b.kept[n.RunID].Answers(n.AssignmentNo) {
			open = append(open, n)
			people[n.Channel] = n.people()
		}
	}
	if len(open) == 0 {
		return nil
	}
	ledgers, err := h.store.Ledgers(ctx, tx, people)
	if err != nil {
		return fmt.Errorf("load ledgers: %w", err)
	}
	var changes []ledger.Change
	for _, n := range open {
		a, err := n.decide(b.kept[n.RunID], ledgers[n.Channel])
		if err != nil {
			return err
		}
		b.answers = append(b.answers, a)
		changes = append(changes, ledger.Change{Before: b.kept[n.RunID], After: a.posting})
	}
	return h.book(ctx, tx, b, changes)
}

func (h *Runs) book(ctx context.Context, tx *postgres.Tx, b *batch, changes []ledger.Change) error {
	if len(changes) == 0 {
		return nil
	}
	tables, err := h.store.Book(ctx, tx, changes)
	if err != nil {
		return fmt.Errorf("book %d entries: %w", len(changes), err)
	}
	for _, change := range changes {
		b.kept[change.After.RunID] = change.After
	}
	for _, table := range tables {
		b.tables[table.Channel] = table
	}
	return nil
}
