package events_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// kit is the handlers over a real database, with a clock and an outbox that the test holds.
type kit struct {
	*testing.T
	database *testkit.Database
	db       *postgres.DB
	tel      *telemetry.Telemetry
	log      *bytes.Buffer
	outbox   *sink
	now      time.Time
	*events.Recorder
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, database: testkit.Postgres(t), log: &bytes.Buffer{}, outbox: &sink{}, now: noon}
	var err error
	k.tel, err = telemetry.New("runs", "test", telemetry.Config{LogLevel: slog.LevelDebug}, k.log)
	require.NoError(t, err)
	k.db = k.database.Open(store.Role)
	settings, err := run.DefaultSettings(5*time.Minute, 5)
	require.NoError(t, err)
	k.Recorder, err = events.NewRecorder(k.db, store.New(k.db, settings), k.outbox, k.tel, func() time.Time { return k.now })
	require.NoError(t, err)
	return k
}

// sink is an outbox that keeps what was committed.
type sink struct {
	mu   sync.Mutex
	sent []bus.Message
}

func (o *sink) Add(_ context.Context, tx *postgres.Tx, msgs ...bus.Message) error {
	tx.AfterCommit(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.sent = append(o.sent, msgs...)
	})
	return nil
}

// taken returns what was committed since it was last asked.
func (k *kit) taken() []*runv1.RunEvent {
	k.Helper()
	var all []*runv1.RunEvent
	for _, m := range k.messages() {
		e := &runv1.RunEvent{}
		require.NoError(k, bus.Decode(&bus.Record{Message: m}, e))
		all = append(all, e)
	}
	return all
}

func (k *kit) messages() []bus.Message {
	sent := k.outbox.sent
	k.outbox.sent = nil
	return sent
}

func (k *kit) handle(h bus.Handler, records ...*bus.Record) error {
	return k.db.InTx(k.Context(), func(tx *postgres.Tx) error { return h.Handle(k.Context(), tx, records) })
}

// do handles commands in one batch and returns what was committed.
func (k *kit) do(commands ...*commandv1.Command) []*runv1.RunEvent {
	k.Helper()
	var records []*bus.Record
	for _, c := range commands {
		records = append(records, record(k, c))
	}
	require.NoError(k, k.handle(events.Commands{Recorder: k.Recorder}, records...))
	return k.taken()
}

// started opens a run of ana's with an order of ben's.
func (k *kit) started() (id string) {
	k.Helper()
	id = newID()
	k.do(startRun("ana", id), placeOrder("ben", id, "Mocha"))
	return id
}

// answer handles an answer of fairness.
func (k *kit) answer(e *fairnessv1.FairnessEvent) ([]*runv1.RunEvent, error) {
	k.Helper()
	e.Id, e.WorkspaceId, e.ChannelId, e.CorrelationId = newID(), "T1", "C1", "corr-answer"
	m, err := bus.Encode(topic.FairnessEvents, "T1/C1", e.Id, e.RunId, k.now, e)
	require.NoError(k, err)
	m.Headers = map[string]string{bus.CorrelationHeader: e.CorrelationId}
	require.True(k, events.Answers{}.Wants(m.Type))
	err = k.handle(events.Answers{Recorder: k.Recorder}, &bus.Record{Message: m})
	return k.taken(), err
}

func chosen(run string, no uint32, runner string) *fairnessv1.FairnessEvent {
	return &fairnessv1.FairnessEvent{RunId: run, AssignmentNo: no, Epoch: 1, What: &fairnessv1.FairnessEvent_RunnerChosen{RunnerChosen: &fairnessv1.RunnerChosen{
		RunnerId: runner, Explanation: &runv1.Explanation{Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: -1_400_000, Cups: 23},
	}}}
}

func nobody(run string, no uint32) *fairnessv1.FairnessEvent {
	return &fairnessv1.FairnessEvent{RunId: run, AssignmentNo: no, Epoch: 1, What: &fairnessv1.FairnessEvent_NobodyLeft{NobodyLeft: &fairnessv1.NobodyLeft{}}}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func by(user string) *commandv1.Actor { return &commandv1.Actor{UserId: user} }

func startRun(user, id string) *commandv1.Command {
	return &commandv1.Command{Actor: by(user), What: &commandv1.Command_StartRun{StartRun: &commandv1.StartRun{RunId: id}}}
}

func placeOrder(user, id, drink string) *commandv1.Command {
	return &commandv1.Command{Actor: by(user), What: &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{RunId: id, Drink: drink}}}
}

func closeRun(user, id string) *commandv1.Command {
	return &commandv1.Command{Actor: by(user), What: &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{RunId: id}}}
}

// record is a command as it comes from Kafka; what is not given is filled in.
func record(t testing.TB, c *commandv1.Command) *bus.Record {
	t.Helper()
	if c.Id == "" {
		c.Id = newID()
	}
	if c.CorrelationId == "" {
		c.CorrelationId = "corr-" + c.Id
	}
	c.WorkspaceId = "T1"
	if c.ChannelId == "" {
		c.ChannelId = "C1"
	}
	if c.IssuedAt == nil {
		c.IssuedAt = timestamppb.New(noon)
	}
	m, err := bus.Encode(topic.Commands, c.WorkspaceId+"/"+c.ChannelId, c.Id, "", c.IssuedAt.AsTime(), c)
	require.NoError(t, err)
	m.Headers = map[string]string{bus.CorrelationHeader: c.CorrelationId}
	return &bus.Record{Message: m}
}

// rejected returns why the only event says that a command was refused.
func rejected(t testing.TB, all []*runv1.RunEvent) *runv1.CommandRejected {
	t.Helper()
	require.Len(t, all, 1)
	require.NotNil(t, all[0].GetCommandRejected(), "%v", all[0])
	return all[0].GetCommandRejected()
}
