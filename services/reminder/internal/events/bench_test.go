package events_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/store"
)

// Pickup is at half past ten, so the reminder is due at 10:25.
var (
	pickup = time.Date(2026, time.November, 23, 10, 30, 0, 0, time.UTC)
	due    = pickup.Add(-5 * time.Minute)
)

// bench is a handler and clocks on a real store, with what they published and a time of its own.
type bench struct {
	*testing.T
	kit   *testkit.Database
	db    *postgres.DB
	store *store.Store
	runs  events.Runs
	clock *events.Clock
	tel   *telemetry.Telemetry
	spans *testkit.SpanRecorder

	mu        sync.Mutex
	time      time.Time // zero: the real one
	asked     int       // how often clocks asked for it
	published []bus.Message
}

func newBench(t *testing.T) *bench {
	t.Helper()
	kit := testkit.Postgres(t)
	db := kit.Open(store.Role)
	tel, spans := testkit.Telemetry(t)
	b := &bench{T: t, kit: kit, db: db, store: store.New(db), tel: tel, spans: spans, time: due}
	b.clock = b.newClock(false)
	b.runs = events.Runs{Store: b.store, Outbox: b, Now: b.now, Armed: b.clock.Wake}
	return b
}

func (b *bench) newClock(disabled bool) *events.Clock {
	b.Helper()
	clock, err := events.NewClock(b.db, b.store, b, b.tel, b.now, disabled)
	require.NoError(b, err)
	return clock
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.time.IsZero() {
		return time.Now()
	}
	return b.time
}

func (b *bench) setTime(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.time = at
}

// Add makes a bench an outbox.
func (b *bench) Add(_ context.Context, tx *postgres.Tx, msgs ...bus.Message) error {
	tx.AfterCommit(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.published = append(b.published, msgs...)
	})
	return nil
}

func (b *bench) sent() int { return len(b.messages()) }

// messages are what was published so far.
func (b *bench) messages() []bus.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.published)
}

func (b *bench) try(records ...*bus.Record) error {
	return b.db.InTx(b.Context(), func(tx *postgres.Tx) error { return b.runs.Handle(b.Context(), tx, records) })
}

func (b *bench) handle(records ...*bus.Record) {
	b.Helper()
	require.NoError(b, b.try(records...))
}

// fire has the clock look once and returns how many timers that was, and the reminders that were sent.
func (b *bench) fire(clock *events.Clock) (int, []*reminderv1.ReminderEvent) {
	b.Helper()
	before := b.sent()
	fired, err := clock.Fire(b.Context())
	require.NoError(b, err)
	var sent []*reminderv1.ReminderEvent
	for _, m := range b.messages()[before:] {
		event := &reminderv1.ReminderEvent{}
		require.NoError(b, proto.Unmarshal(m.Value, event))
		sent = append(sent, event)
	}
	return fired, sent
}

// background runs a component until the test ends.
func (b *bench) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
}

// brew is a closed run of channel C1 that Ben fetches, assigned an hour before pickup, as the service runs tells of it.
type brew struct {
	*runv1.Run
	epoch    uint64
	settings *runv1.ChannelSettings
}

func newBrew() *brew {
	return &brew{epoch: 1, settings: settings(0, true), Run: &runv1.Run{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: "T1", ChannelId: "C1", Version: 3,
		Status: runv1.RunStatus_RUN_STATUS_CLOSED, PickupAt: timestamppb.New(pickup),
		Orders: []*runv1.Order{{UserId: "ana", Drink: "Tea", Quantity: 2}},
		Assignment: &runv1.Assignment{
			AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, RunnerId: "ben", AssignedAt: timestamppb.New(pickup.Add(-time.Hour)),
		},
	}}
}

func settings(version uint64, reminders bool) *runv1.ChannelSettings {
	return &runv1.ChannelSettings{Version: version, Reminders: reminders, ReminderOffsetMinutes: 5}
}

// tells makes the record of an event, after which the run has a new version. What it is about is of no interest here.
func (b *brew) tells() *bus.Record {
	b.Version++
	return record(&runv1.RunEvent{
		WorkspaceId: b.WorkspaceId, ChannelId: b.ChannelId, Epoch: b.epoch, CorrelationId: "corr", Run: proto.CloneOf(b.Run), Settings: b.settings,
	})
}

// record is an event as it comes from Kafka.
func record(event *runv1.RunEvent) *bus.Record {
	value, err := proto.Marshal(event)
	if err != nil {
		panic(err)
	}
	return &bus.Record{Message: bus.Message{Topic: topic.RunEvents, Value: value}}
}
