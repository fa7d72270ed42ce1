package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/app"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/store"
)

const soon = time.Minute

// world is the whole service on a real database and broker, with somebody who listens, as ingress does.
type world struct {
	*testing.T
	kit       *testkit.Database
	client    *bus.Client
	bootstrap string

	mu    sync.Mutex
	heard []*bus.Record
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster := testkit.Kafka(t)
	w := &world{T: t, kit: testkit.Postgres(t), bootstrap: strings.Join(cluster.Bootstrap, ",")}
	tel, _ := testkit.Telemetry(t)
	var err error
	w.client, err = bus.Connect(cluster.Config(), "runs", tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.client.Close() })
	listener, err := w.client.NewConsumer(w.kit.Open("coffeebuddy_ingress"), bus.ConsumerConfig{
		Group: "ingress", Schema: "ingress", Subscriptions: []bus.Subscription{{Topic: topic.ReminderEvents, Handler: w}},
	})
	require.NoError(t, err)
	w.background(listener.Run)
	require.Eventually(t, func() bool { return listener.Check(t.Context()) == nil }, soon, 10*time.Millisecond)
	return w
}

// start starts the service and waits until it is ready.
func (w *world) start(environ ...string) {
	w.Helper()
	addr := filepath.Join(w.TempDir(), "addr")
	w.background(func(ctx context.Context) error {
		code := service.Run(ctx, "reminder", nil, append([]string{
			"DATABASE_URL=" + w.kit.URL, "KAFKA_BOOTSTRAP=" + w.bootstrap, "HTTP_ADDR=127.0.0.1:0", "HTTP_ADDR_FILE=" + addr,
		}, environ...), io.Discard, os.Stderr, app.Build)
		if code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		return nil
	})
	require.Eventually(w, func() bool {
		text, err := os.ReadFile(addr)
		return err == nil && ready(strings.TrimSpace(string(text)))
	}, soon, 10*time.Millisecond)
}

func ready(address string) bool {
	response, err := http.Get("http://" + address + "/health/ready")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var report struct {
		Checks map[string]struct{ OK bool }
	}
	err = json.NewDecoder(response.Body).Decode(&report)
	return err == nil && report.Checks["postgres"].OK && report.Checks["kafka"].OK && report.Checks["consumer"].OK
}

func (w *world) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	w.Cleanup(func() {
		cancel()
		require.NoError(w, <-ended)
	})
}

// Handle makes a world listen.
func (w *world) Handle(_ context.Context, _ *postgres.Tx, records []*bus.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, records...)
	return nil
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heard)
}

// assigned tells that a run of the channel has a runner, who is to be reminded at the given time.
func assigned(t testing.TB, channel string, due time.Time) bus.Message {
	t.Helper()
	run := &runv1.Run{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: "T1", ChannelId: channel, Version: 4,
		Status: runv1.RunStatus_RUN_STATUS_CLOSED, PickupAt: timestamppb.New(due.Add(5 * time.Minute)),
		Orders: []*runv1.Order{{UserId: "ana", Drink: "Flat white, oat milk", Quantity: 1}},
		Assignment: &runv1.Assignment{
			AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, RunnerId: "ben", AssignedAt: timestamppb.New(due.Add(-time.Hour)),
		},
	}
	event := &runv1.RunEvent{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: "T1", ChannelId: channel, Epoch: 1, Run: run,
		Settings: &runv1.ChannelSettings{Reminders: true, ReminderOffsetMinutes: 5},
		What:     &runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}},
	}
	message, err := bus.Encode(topic.RunEvents, "T1/"+channel, event.Id, run.Id, time.Now(), event)
	require.NoError(t, err)
	return message
}

func TestARunnerIsRemindedInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	due := time.Now().Add(time.Second).Truncate(time.Microsecond)
	message := assigned(t, "C1", due)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	message.Headers = map[string]string{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}
	require.NoError(t, w.client.Publish(t.Context(), message))
	require.Eventually(t, func() bool { return w.count() == 1 }, soon, time.Millisecond)
	record := w.heard[0]
	event := &reminderv1.ReminderEvent{}
	require.NoError(t, bus.Decode(record, event))
	require.Equal(t, message.Subject, event.Run.Id)
	require.True(t, due.Equal(event.DueAt.AsTime()))
	require.False(t, event.OccurredAt.AsTime().Before(due), "never early")
	require.WithinDuration(t, due, record.Published, 5*time.Second, "people are promised a minute")
	require.Contains(t, record.Headers["traceparent"], trace, "the reminder belongs to the trace of the click")
	t.Logf("published %v after it was due", record.Published.Sub(due))
}

func TestDisabledRemindersAreNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("DISABLE_REMINDERS=true")
	require.NoError(t, w.client.Publish(t.Context(), assigned(t, "C1", time.Now())))
	require.Eventually(t, func() bool {
		var fired int
		require.NoError(t, w.kit.Connect().QueryRow(t.Context(), "SELECT count(*) FROM reminder.timer WHERE fired_at IS NOT NULL").Scan(&fired))
		return fired == 1
	}, soon, 10*time.Millisecond)
	var waiting int
	require.NoError(t, w.kit.Connect().QueryRow(t.Context(), "SELECT count(*) FROM reminder.outbox").Scan(&waiting))
	require.Zero(t, waiting)
	require.Zero(t, w.count())
}

func TestTenThousandRemindersAtOnce(t *testing.T) {
	t.Parallel()
	const timers = 10_000
	w := newWorld(t)
	db := w.kit.Open(store.Role)
	handler := events.Runs{Store: store.New(db), Armed: func() {}}
	due := time.Now().Add(-time.Second)
	for n := 0; n < timers; n += 500 {
		var records []*bus.Record
		for c := range 500 {
			records = append(records, &bus.Record{Message: assigned(t, fmt.Sprint("C", n+c), due)})
		}
		require.NoError(t, db.InTx(t.Context(), func(tx *postgres.Tx) error { return handler.Handle(t.Context(), tx, records) }))
	}
	begun := time.Now()
	w.start()
	require.Eventually(t, func() bool { return w.count() >= timers }, 5*time.Minute, 10*time.Millisecond) // on a busy machine, with the race detector
	w.mu.Lock()
	defer w.mu.Unlock()
	reminded := map[string]bool{}
	var last time.Time
	for _, record := range w.heard {
		require.False(t, reminded[record.Subject], "twice")
		reminded[record.Subject] = true
		if record.Published.After(last) {
			last = record.Published
		}
	}
	require.Len(t, reminded, timers)
	t.Logf("%d reminders were published %v after the service was started", timers, last.Sub(begun))
}
