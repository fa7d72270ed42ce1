package events_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/store"
)

var noon = time.Date(2026, time.October, 1, 12, 0, 0, 0, time.UTC)

// bench is a handler on a real store, with what it published.
type bench struct {
	*testing.T
	db        *postgres.DB
	runs      *events.Runs
	published []bus.Message
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, db: testkit.Postgres(t).Open(store.Role)}
	tel, _ := testkit.Telemetry(t)
	var err error
	b.runs, err = events.NewRuns(store.Store{}, b, tel, func() time.Time { return noon })
	require.NoError(t, err)
	return b
}

// Add makes a bench an outbox.
func (b *bench) Add(_ context.Context, tx *postgres.Tx, msgs ...bus.Message) error {
	tx.AfterCommit(func() { b.published = append(b.published, msgs...) })
	return nil
}

func (b *bench) try(records ...*bus.Record) error {
	return b.db.InTx(b.Context(), func(tx *postgres.Tx) error { return b.runs.Handle(b.Context(), tx, records) })
}

// handle has records handled together and returns the events that this published.
func (b *bench) handle(records ...*bus.Record) []*fairnessv1.FairnessEvent {
	b.Helper()
	before := len(b.published)
	require.NoError(b, b.try(records...))
	var said []*fairnessv1.FairnessEvent
	for _, m := range b.published[before:] {
		var event fairnessv1.FairnessEvent
		require.NoError(b, proto.Unmarshal(m.Value, &event))
		require.Equal(b, topic.FairnessEvents, m.Topic)
		require.Equal(b, event.WorkspaceId+"/"+event.ChannelId, m.Key)
		require.Equal(b, event.Id, m.ID)
		require.Equal(b, event.RunId, m.Subject)
		require.Equal(b, event.CorrelationId, m.Headers[bus.CorrelationHeader])
		said = append(said, &event)
	}
	return said
}

// balances are those of the channel C1, in runs.
func (b *bench) balances() map[string]float64 {
	b.Helper()
	rows, err := b.db.Read(b.Context()).Raw(`SELECT user_id, balance / 10708457760.0 FROM fairness.standing WHERE channel_id = 'C1'`).Rows()
	require.NoError(b, err)
	defer rows.Close()
	all := map[string]float64{}
	for rows.Next() {
		var user string
		var balance float64
		require.NoError(b, rows.Scan(&user, &balance))
		all[user] = balance
	}
	require.NoError(b, rows.Err())
	return all
}

// brew is a run as the service runs would tell of it.
type brew struct {
	*runv1.Run
	epoch    uint64
	settings *runv1.ChannelSettings
}

var brewed atomic.Int64

// newBrew is an open run of the channel C1 in which each of users ordered one cup. Later ones start later.
func newBrew(users ...string) *brew {
	b := &brew{epoch: 1, settings: &runv1.ChannelSettings{FairnessWindow: 5}, Run: &runv1.Run{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: "T1", ChannelId: "C1", Status: runv1.RunStatus_RUN_STATUS_OPEN, Version: 1,
		StartedAt: timestamppb.New(noon.Add(time.Duration(brewed.Add(1)) * time.Hour)),
	}}
	for _, user := range users {
		b.Orders = append(b.Orders, &runv1.Order{UserId: user, Drink: "Tea", Quantity: 1})
	}
	return b
}

// asks has a runner chosen for an assignment.
func (b *brew) asks(no uint32) *bus.Record {
	b.Status = runv1.RunStatus_RUN_STATUS_CLOSING
	b.Assignment = &runv1.Assignment{AssignmentNo: no, State: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING}
	if no == 1 {
		return b.tells(&runv1.RunEvent_RunClosed{RunClosed: &runv1.RunClosed{}})
	}
	return b.tells(&runv1.RunEvent_RunnerRequested{RunnerRequested: &runv1.RunnerRequested{Reason: runv1.RequestReason_REQUEST_REASON_DECLINED}})
}

// declined is a closed run whose runner can't go.
func (b *brew) declined(no uint32) *bus.Record {
	b.Status = runv1.RunStatus_RUN_STATUS_CLOSED
	b.Assignment = &runv1.Assignment{AssignmentNo: no, State: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING}
	return b.tells(&runv1.RunEvent_RunnerRequested{RunnerRequested: &runv1.RunnerRequested{Reason: runv1.RequestReason_REQUEST_REASON_DECLINED}})
}

// asksAgain waited in vain.
func (b *brew) asksAgain() *bus.Record {
	return b.tells(&runv1.RunEvent_RunnerRequested{RunnerRequested: &runv1.RunnerRequested{Reason: runv1.RequestReason_REQUEST_REASON_NO_ANSWER}})
}

func (b *brew) assigned(runner string) *bus.Record {
	b.Status, b.Assignment.State, b.Assignment.RunnerId = runv1.RunStatus_RUN_STATUS_CLOSED, runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, runner
	return b.tells(&runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}})
}

func (b *brew) wanted() *bus.Record {
	b.Status, b.Assignment.State, b.Assignment.RunnerId = runv1.RunStatus_RUN_STATUS_CLOSED, runv1.AssignmentState_ASSIGNMENT_STATE_WANTED, ""
	return b.tells(&runv1.RunEvent_RunnerWanted{RunnerWanted: &runv1.RunnerWanted{}})
}

func (b *brew) cancelled() *bus.Record {
	b.Status, b.Assignment = runv1.RunStatus_RUN_STATUS_CANCELLED, nil
	return b.tells(&runv1.RunEvent_RunCancelled{RunCancelled: &runv1.RunCancelled{}})
}

// tells makes the record of an event, after which the run has a new version.
func (b *brew) tells(what any) *bus.Record {
	b.Version++
	event := &runv1.RunEvent{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: b.WorkspaceId, ChannelId: b.ChannelId, Epoch: b.epoch,
		CorrelationId: fmt.Sprintf("%s-%d", b.Id, b.Version), Run: proto.CloneOf(b.Run), Settings: b.settings,
	}
	switch what := what.(type) {
	case *runv1.RunEvent_RunClosed:
		event.What = what
	case *runv1.RunEvent_RunnerRequested:
		event.What = what
	case *runv1.RunEvent_RunnerAssigned:
		event.What = what
	case *runv1.RunEvent_RunnerWanted:
		event.What = what
	case *runv1.RunEvent_RunCancelled:
		event.What = what
	}
	return record(event)
}

// record is an event as it comes from Kafka. One that tells nothing known comes from a newer release.
func record(event *runv1.RunEvent) *bus.Record {
	value, err := proto.Marshal(event)
	if err != nil {
		panic(err)
	}
	return &bus.Record{Message: bus.Message{Topic: topic.RunEvents, ID: event.Id, Value: value}}
}

// again copies records: what comes twice comes as another record.
func again(records ...*bus.Record) []*bus.Record {
	copies := slices.Clone(records)
	for i, r := range copies {
		copies[i] = &bus.Record{Message: r.Message}
	}
	return copies
}
