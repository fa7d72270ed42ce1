package app_test

import (
	"bytes"
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
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/app"
)

const soon = 30 * time.Second

// world is the whole service on a real database and broker. The test is the edge and fairness: it writes commands,
// listens to what happens, and has the first who ordered run.
type world struct {
	*testing.T
	client *bus.Client

	mu    sync.Mutex
	heard []*runv1.RunEvent
	trace map[string]string // traceparent by event id
	dead  int               // letters
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, trace: map[string]string{}}
	database, cluster := testkit.Postgres(t), testkit.Kafka(t)
	addr := filepath.Join(t.TempDir(), "addr")
	w.background(func(ctx context.Context) error {
		code := service.Run(ctx, "runs", nil, []string{
			"DATABASE_URL=" + database.URL, "KAFKA_BOOTSTRAP=" + strings.Join(cluster.Bootstrap, ","),
			"HTTP_ADDR=127.0.0.1:0", "HTTP_ADDR_FILE=" + addr,
		}, io.Discard, os.Stderr, app.Build)
		if code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		return nil
	})

	tel, _ := testkit.Telemetry(t)
	var err error
	w.client, err = bus.Connect(cluster.Config(), "test", tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.client.Close() })
	listener, err := w.client.NewConsumer(database.Open("coffeebuddy_fairness"), bus.ConsumerConfig{
		Group: "test", Schema: "fairness",
		Subscriptions: []bus.Subscription{{Topic: topic.RunEvents, Handler: w}, {Topic: topic.DeadLetter, Handler: (*letters)(w)}},
	})
	require.NoError(t, err)
	w.background(listener.Run)
	require.Eventually(t, func() bool { return ready(addr) }, soon, 10*time.Millisecond)
	return w
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

// ready reports whether the service whose address is in a file is, with each dependency by name.
func ready(addr string) bool {
	address, err := os.ReadFile(addr)
	if err != nil {
		return false
	}
	response, err := http.Get("http://" + strings.TrimSpace(string(address)) + "/health/ready")
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var report struct {
		Checks map[string]struct{ OK bool }
	}
	err = json.NewDecoder(response.Body).Decode(&report)
	return err == nil && report.Checks["postgres"].OK && report.Checks["kafka"].OK && report.Checks["consumer"].OK
}

// Handle makes a world listen, and answer as fairness.
func (w *world) Handle(ctx context.Context, _ *postgres.Tx, records []*bus.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		event := &runv1.RunEvent{}
		if err := bus.Decode(r, event); err != nil {
			return err
		}
		w.heard = append(w.heard, event)
		w.trace[event.Id] = r.Headers["traceparent"]
		if event.GetRunClosed() == nil {
			continue
		}
		answer := &fairnessv1.FairnessEvent{
			Id: newID(), WorkspaceId: event.WorkspaceId, ChannelId: event.ChannelId, Epoch: event.Epoch, RunId: event.Run.Id,
			AssignmentNo: event.Run.Assignment.AssignmentNo, CorrelationId: event.CorrelationId,
			What: &fairnessv1.FairnessEvent_RunnerChosen{RunnerChosen: &fairnessv1.RunnerChosen{RunnerId: event.Run.Orders[0].UserId}},
		}
		message, err := bus.Encode(topic.FairnessEvents, r.Key, answer.Id, answer.RunId, time.Now(), answer)
		if err != nil {
			return err
		}
		if err := w.client.Publish(ctx, message, message); err != nil { // delivered twice, as it may be
			return err
		}
	}
	return nil
}

type letters world

func (l *letters) Handle(_ context.Context, _ *postgres.Tx, records []*bus.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead += len(records)
	return nil
}

// tell publishes commands.
func (w *world) tell(commands ...*commandv1.Command) {
	w.Helper()
	require.NoError(w, w.client.Publish(w.Context(), messages(w, commands...)...))
}

func messages(t *world, commands ...*commandv1.Command) []bus.Message {
	t.Helper()
	var all []bus.Message
	for _, c := range commands {
		if c.Id == "" {
			c.Id = newID()
		}
		c.WorkspaceId, c.ChannelId, c.CorrelationId, c.IssuedAt = "T1", "C1", "corr-"+c.Id, timestamppb.Now()
		message, err := bus.Encode(topic.Commands, "T1/C1", c.Id, "", time.Now(), c)
		require.NoError(t, err)
		all = append(all, message)
	}
	return all
}

// await waits until as many events were heard as counts says, and returns all.
func (w *world) await(enough func(heard []*runv1.RunEvent) bool) (heard []*runv1.RunEvent) {
	w.Helper()
	require.Eventually(w, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		heard = append([]*runv1.RunEvent(nil), w.heard...)
		return enough(heard)
	}, soon, 5*time.Millisecond)
	return heard
}

func count(heard []*runv1.RunEvent, is func(*runv1.RunEvent) bool) (n int) {
	for _, e := range heard {
		if is(e) {
			n++
		}
	}
	return n
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func startRun(user, id string) *commandv1.Command {
	return &commandv1.Command{Actor: &commandv1.Actor{UserId: user}, What: &commandv1.Command_StartRun{StartRun: &commandv1.StartRun{RunId: id}}}
}

func placeOrder(user, id string) *commandv1.Command {
	return &commandv1.Command{Actor: &commandv1.Actor{UserId: user}, What: &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{RunId: id, Drink: "Tea", RememberAsUsual: true}}}
}

func closeRun(by *commandv1.Actor, id string) *commandv1.Command {
	return &commandv1.Command{Actor: by, What: &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{RunId: id}}}
}

func isPlaced(e *runv1.RunEvent) bool   { return e.GetOrderPlaced() != nil }
func isClosed(e *runv1.RunEvent) bool   { return e.GetRunClosed() != nil }
func isAssigned(e *runv1.RunEvent) bool { return e.GetRunnerAssigned() != nil }
func isRejected(e *runv1.RunEvent) bool { return e.GetCommandRejected() != nil }

// Fifty people order at the same instant, and two close at the same instant, while Kafka delivers everything twice.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := newID()
	w.tell(startRun("ana", id))

	const people = 50
	atOnce(people, func(i int) { w.tell(twice(placeOrder(fmt.Sprint("U", i), id))...) })
	w.await(func(heard []*runv1.RunEvent) bool { return count(heard, isPlaced) >= people })

	closers := []*commandv1.Actor{{UserId: "ana"}, {UserId: "wes", WorkspaceAdmin: true}}
	atOnce(len(closers), func(i int) { w.tell(twice(closeRun(closers[i], id))...) })
	w.tell(startRun("ben", newID())) // the last word: all before it has been heard when it is
	heard := w.await(func(heard []*runv1.RunEvent) bool {
		return count(heard, isAssigned) > 0 && count(heard, func(e *runv1.RunEvent) bool { return e.ActorId == "ben" }) > 0
	})

	require.Equal(t, people, count(heard, isPlaced))
	require.Equal(t, 1, count(heard, isClosed))
	require.Equal(t, 1, count(heard, isAssigned), "one runner")
	require.Equal(t, 1, count(heard, func(e *runv1.RunEvent) bool {
		return e.GetCommandRejected().GetReason() == runv1.RejectReason_REJECT_REASON_RUN_CLOSED
	}), "the second hears that it is closed")
	var version uint64
	var last *runv1.Run
	for _, e := range heard {
		if e.Run.GetId() != id || isRejected(e) {
			continue
		}
		version++
		require.Equal(t, version, e.Run.Version, "versions have no gaps, in the order of the topic")
		last = e.Run
	}
	require.EqualValues(t, 1+people+2, version)
	require.Len(t, last.Orders, people)
	require.Equal(t, last.Orders[0].UserId, last.Assignment.RunnerId)
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSED, last.Status)
}

func twice(c *commandv1.Command) []*commandv1.Command { return []*commandv1.Command{c, c} }

func atOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// What cannot be handled is put aside, its author hears of it, and the channel goes on.
func TestACommandThatBreaksIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	broken := startRun("ana", newID())
	broken.Id = "7" // is no UUID
	garbage := messages(w, startRun("ana", newID()))[0]
	garbage.Value = []byte{0xff}
	batch := append(messages(w, broken), garbage)
	batch = append(batch, messages(w, startRun("ben", newID()))...)
	for i := range batch {
		batch[i].Headers = map[string]string{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}
	}
	require.NoError(t, w.client.Publish(t.Context(), batch...))

	heard := w.await(func(heard []*runv1.RunEvent) bool { return len(heard) == 2 })
	require.Equal(t, runv1.RejectReason_REJECT_REASON_INTERNAL, heard[0].GetCommandRejected().GetReason())
	require.Equal(t, "ana", heard[0].ActorId)
	require.Equal(t, trace[:8], heard[0].GetCommandRejected().Ref)
	require.NotNil(t, heard[1].GetRunStarted())
	require.Contains(t, w.trace[heard[1].Id], trace, "the event belongs to the trace of the command")
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.dead == 2
	}, soon, 5*time.Millisecond)
}

func TestWrongConfigurationIsReportedWhole(t *testing.T) {
	t.Parallel()
	var faults bytes.Buffer
	code := service.Run(t.Context(), "runs", []string{"--check-config"}, []string{
		"REMINDER_OFFSET_DEFAULT=0", "RUN_FAIRNESS_WINDOW=51",
	}, io.Discard, &faults, app.Build)
	require.Equal(t, 2, code)
	for _, name := range []string{"DATABASE_URL", "KAFKA_BOOTSTRAP", "REMINDER_OFFSET_DEFAULT", "RUN_FAIRNESS_WINDOW"} {
		require.Contains(t, faults.String(), name)
	}
}
