package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/store"
)

const (
	office = "T0COFFEE"
	coffee = "C0COFFEE"
	tea    = "C0TEA"
	ana    = "U0ANA"
	ben    = "U0BEN"

	unspeakable = "U0NONAME" // whoever tries to name them panics
)

// world is everything sending needs: a database, a Slack, and whoever hears of commands.
type world struct {
	t         *testing.T
	database  *testkit.Database
	db        *postgres.DB
	slack     *fakeSlack
	tel       *telemetry.Telemetry
	spans     *testkit.SpanRecorder
	published publisher
	lease     time.Duration
	silent    bool // nobody is reminded in this installation

	mu   sync.Mutex
	conn *pgx.Conn // of a superuser, for looking at what is there
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{t: t, database: testkit.Postgres(t), slack: newFakeSlack(t), lease: 4 * time.Second}
	w.tel, w.spans = testkit.Telemetry(t)
	var err error
	w.db, err = postgres.Open(postgres.Config{URL: w.database.URL, MaxConnections: 10}, store.Role, w.tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.conn = w.database.Connect()
	return w
}

func (w *world) store() *store.Store { return store.New(w.db, w.lease) }

// replica is one process: a sender over a queue of its own choice, and the handlers that feed it.
type replica struct {
	w        *world
	queue    delivery.Queue
	sender   *delivery.Sender
	handlers map[string]bus.Handler
	stop     func()
}

// start starts a replica. It is stopped at the end of the test, if not before.
func (w *world) start(queue delivery.Queue) *replica {
	w.t.Helper()
	r := w.idle(queue)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.sender.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	w.t.Cleanup(r.stop)
	return r
}

// idle makes a replica that records deliveries and sends none.
func (w *world) idle(queue delivery.Queue) *replica {
	w.t.Helper()
	client, err := slack.New(slack.Config{Token: "xoxb-test", APIURL: w.slack.URL + "/api/"}, w.tel)
	require.NoError(w.t, err)
	sender, err := delivery.NewSender(queue, client, names{}, &w.published, !w.silent, w.tel, time.Now)
	require.NoError(w.t, err)
	r := &replica{w: w, queue: queue, sender: sender, handlers: map[string]bus.Handler{}, stop: func() {}}
	for _, s := range events.Subscriptions(w.store(), sender) {
		r.handlers[s.Topic] = s.Handler
	}
	return r
}

// hear has the replica handle events as one batch.
func (r *replica) hear(all ...*runv1.RunEvent) {
	r.w.t.Helper()
	var records []*bus.Record
	for _, e := range all {
		records = append(records, record(r.w.t, topic.RunEvents, e.GetId(), e))
	}
	r.handle(topic.RunEvents, records)
}

func (r *replica) handle(topic string, records []*bus.Record) {
	r.w.t.Helper()
	ctx, span := r.w.tel.Tracer.Start(context.Background(), "process")
	defer span.End()
	require.NoError(r.w.t, r.w.db.InTx(ctx, func(tx *postgres.Tx) error { return r.handlers[topic].Handle(ctx, tx, records) }))
}

func record(t *testing.T, topic, id string, envelope proto.Message) *bus.Record {
	t.Helper()
	msg, err := bus.Encode(topic, office+"/"+coffee, id, "", time.Now(), envelope)
	require.NoError(t, err)
	return &bus.Record{Message: msg}
}

// states are the states of all deliveries by key.
func (w *world) states() map[string]string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	rows, err := w.conn.Query(context.Background(), `SELECT key, state FROM ingress.delivery`)
	require.NoError(w.t, err)
	defer rows.Close()
	states := map[string]string{}
	for rows.Next() {
		var key, state string
		require.NoError(w.t, rows.Scan(&key, &state))
		states[key] = state
	}
	require.NoError(w.t, rows.Err())
	return states
}

// scan reads one value.
func (w *world) scan(into any, query string, args ...any) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NoError(w.t, w.conn.QueryRow(context.Background(), query, args...).Scan(into))
}

// settled waits until nothing is pending.
func (w *world) settled() {
	w.t.Helper()
	s := w.store()
	require.Eventually(w.t, func() bool {
		b, err := s.Backlog(context.Background())
		return err == nil && b.Pending == 0
	}, 20*time.Second, 10*time.Millisecond, "deliveries are still pending")
}

func (w *world) eventually(condition func() bool, what string) {
	w.t.Helper()
	require.Eventually(w.t, condition, 20*time.Second, 5*time.Millisecond, what)
}

// names are the people everyone knows.
type names struct{}

func (names) Names(_ context.Context, _ string, userIDs []string) func(string) string {
	if slices.Contains(userIDs, unspeakable) {
		panic("private")
	}
	return func(userID string) string { return map[string]string{ana: "Ana", ben: "Ben"}[userID] }
}

type publisher struct {
	mu   sync.Mutex
	msgs []bus.Message
	errs []error // of the next calls
}

func (p *publisher) Publish(_ context.Context, msgs ...bus.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.errs) > 0 {
		err := p.errs[0]
		p.errs = p.errs[1:]
		return err
	}
	p.msgs = append(p.msgs, msgs...)
	return nil
}

func (p *publisher) all() []bus.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]bus.Message(nil), p.msgs...)
}

// run is a run and its events, each of a newer version.
type run struct{ *runv1.Run }

func newRun(channel string) run {
	id, _ := uuid.NewV7()
	return run{&runv1.Run{
		Id: id.String(), WorkspaceId: office, ChannelId: channel, Status: runv1.RunStatus_RUN_STATUS_OPEN, InitiatorId: ana,
		StartedAt: timestamppb.Now(), PickupAt: timestamppb.New(time.Now().Add(30 * time.Minute)),
	}}
}

func (r run) event() *runv1.RunEvent {
	r.Version++
	id, _ := uuid.NewV7()
	return &runv1.RunEvent{
		Id: id.String(), WorkspaceId: office, ChannelId: r.ChannelId, Epoch: 1, CorrelationId: "corr-" + r.Id, ActorId: ana,
		OccurredAt: timestamppb.Now(), Run: proto.CloneOf(r.Run),
		Settings: &runv1.ChannelSettings{Enabled: true, Reminders: true, ReminderOffsetMinutes: 5},
	}
}

func (r run) started() *runv1.RunEvent {
	e := r.event()
	e.What = &runv1.RunEvent_RunStarted{RunStarted: &runv1.RunStarted{}}
	return e
}

func (r run) ordered(userID, drink string) *runv1.RunEvent {
	r.Orders = append(r.Orders, &runv1.Order{UserId: userID, Drink: drink, Quantity: 1, PlacedAt: timestamppb.Now(), ChangedAt: timestamppb.Now()})
	e := r.event()
	e.What = &runv1.RunEvent_OrderPlaced{OrderPlaced: &runv1.OrderPlaced{UserId: userID}}
	return e
}

func (r run) closed() *runv1.RunEvent {
	r.Status = runv1.RunStatus_RUN_STATUS_CLOSING
	r.Assignment = &runv1.Assignment{AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING}
	e := r.event()
	e.What = &runv1.RunEvent_RunClosed{RunClosed: &runv1.RunClosed{}}
	return e
}

func (r run) assigned(runner string, no uint32) *runv1.RunEvent {
	r.Status = runv1.RunStatus_RUN_STATUS_CLOSED
	r.Assignment = &runv1.Assignment{
		AssignmentNo: no, State: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, RunnerId: runner, AssignedAt: timestamppb.Now(),
	}
	e := r.event()
	e.What = &runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}}
	return e
}

func (r run) cancelled() *runv1.RunEvent {
	r.Status = runv1.RunStatus_RUN_STATUS_CANCELLED
	e := r.event()
	e.What = &runv1.RunEvent_RunCancelled{RunCancelled: &runv1.RunCancelled{}}
	return e
}

func (r run) rejected(reason runv1.RejectReason) *runv1.RunEvent {
	e := r.event()
	if r.Version > 1 { // a refusal changes nothing
		r.Version--
		e.Run.Version--
	}
	e.What = &runv1.RunEvent_CommandRejected{CommandRejected: &runv1.CommandRejected{Command: "close_run", Reason: reason}}
	return e
}

// remind has the replica hear that the runner's moment has come.
func (r *replica) remind(run run, runner string, no uint32) {
	r.w.t.Helper()
	id, _ := uuid.NewV7()
	r.handle(topic.ReminderEvents, []*bus.Record{record(r.w.t, topic.ReminderEvents, id.String(), &reminderv1.ReminderEvent{
		Id: id.String(), WorkspaceId: office, ChannelId: run.ChannelId, Epoch: 1, DueAt: timestamppb.Now(), Run: proto.CloneOf(run.Run),
		What: &reminderv1.ReminderEvent_RunnerReminderDue{RunnerReminderDue: &reminderv1.RunnerReminderDue{RunnerId: runner, AssignmentNo: no}},
	})})
}

func cardKey(r run) string { return "card/" + r.Id }

func summaryKey(r run, no int) string { return fmt.Sprintf("summary/%s/%d", r.Id, no) }

// forgetful is the queue of a process that dies each time between sending and recording: what it claims at once is sent,
// nothing is ever recorded, and it looks for nothing more.
type forgetful struct{ delivery.Queue }

func (forgetful) Finish(context.Context, []delivery.Result) (bool, error) { return false, nil }

func (forgetful) Backlog(context.Context) (delivery.Backlog, error) {
	return delivery.Backlog{Next: -1}, nil
}
