package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/app"
)

const soon = 30 * time.Second

// world is the whole service on a real database and broker, with somebody who speaks to it and listens, as runs does.
type world struct {
	*testing.T
	kit     *testkit.Database
	client  *bus.Client
	address string

	mu    sync.Mutex
	heard []*fairnessv1.FairnessEvent
	spans map[string]string // traceparent by event id
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, kit: testkit.Postgres(t), spans: map[string]string{}}
	cluster := testkit.Kafka(t)
	addr := filepath.Join(t.TempDir(), "addr")
	w.background(func(ctx context.Context) error {
		code := service.Run(ctx, "fairness", nil, []string{
			"DATABASE_URL=" + w.kit.URL, "KAFKA_BOOTSTRAP=" + strings.Join(cluster.Bootstrap, ","),
			"HTTP_ADDR=127.0.0.1:0", "HTTP_ADDR_FILE=" + addr,
		}, io.Discard, os.Stderr, app.Build)
		if code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		return nil
	})

	tel, _ := testkit.Telemetry(t)
	var err error
	w.client, err = bus.Connect(cluster.Config(), "runs", tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.client.Close() })
	listener, err := w.client.NewConsumer(w.kit.Open("coffeebuddy_runs"), bus.ConsumerConfig{
		Group: "runs", Schema: "runs", Subscriptions: []bus.Subscription{{Topic: topic.FairnessEvents, Handler: w}},
	})
	require.NoError(t, err)
	w.background(listener.Run)

	require.Eventually(t, func() bool {
		text, err := os.ReadFile(addr)
		w.address = strings.TrimSpace(string(text))
		return err == nil && w.ready()["postgres"] && w.ready()["kafka"] && w.ready()["consumer"]
	}, soon, 10*time.Millisecond)
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

// ready asks the service for its dependencies.
func (w *world) ready() map[string]bool {
	response, err := http.Get("http://" + w.address + "/health/ready")
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var report struct {
		Checks map[string]struct{ OK bool }
	}
	if json.NewDecoder(response.Body).Decode(&report) != nil {
		return nil
	}
	ok := map[string]bool{}
	for name, check := range report.Checks {
		ok[name] = check.OK
	}
	return ok
}

// Handle makes a world listen.
func (w *world) Handle(_ context.Context, _ *postgres.Tx, records []*bus.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		event := &fairnessv1.FairnessEvent{}
		if err := bus.Decode(r, event); err != nil {
			return err
		}
		w.heard = append(w.heard, event)
		w.spans[event.Id] = r.Headers["traceparent"]
	}
	return nil
}

// answer waits for the answer to a question.
func (w *world) answer(run *runv1.Run) (answer *fairnessv1.FairnessEvent) {
	w.Helper()
	require.Eventually(w, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, event := range w.heard {
			if event.RunId == run.Id && event.AssignmentNo == run.Assignment.AssignmentNo {
				answer = event
			}
		}
		return answer != nil
	}, soon, time.Millisecond)
	return answer
}

// tell publishes an event of a run, which has a new version then.
func (w *world) tell(run *runv1.Run, event *runv1.RunEvent, headers map[string]string) {
	w.Helper()
	run.Version++
	event.Id, event.WorkspaceId, event.ChannelId, event.Epoch = uuid.Must(uuid.NewV7()).String(), run.WorkspaceId, run.ChannelId, 1
	event.Run, event.Settings = proto.CloneOf(run), &runv1.ChannelSettings{FairnessWindow: 5}
	message, err := bus.Encode(topic.RunEvents, run.WorkspaceId+"/"+run.ChannelId, event.Id, run.Id, time.Now(), event)
	require.NoError(w, err)
	message.Headers = headers
	require.NoError(w, w.client.Publish(w.Context(), message))
}

func newRun(channel string, users ...string) *runv1.Run {
	run := &runv1.Run{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: "T1", ChannelId: channel, Version: 1, StartedAt: timestamppb.Now(),
		Status:     runv1.RunStatus_RUN_STATUS_CLOSING,
		Assignment: &runv1.Assignment{AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING},
	}
	for i, user := range users {
		run.Orders = append(run.Orders, &runv1.Order{UserId: user, Drink: "Tea", Quantity: uint32(1 + i%9)})
	}
	return run
}

func closed() *runv1.RunEvent {
	return &runv1.RunEvent{What: &runv1.RunEvent_RunClosed{RunClosed: &runv1.RunClosed{}}}
}

func (w *world) count(sql string) (n int64) {
	w.Helper()
	require.NoError(w, w.kit.Connect().QueryRow(w.Context(), sql).Scan(&n))
	return n
}

func TestARunClosesAndARunnerIsChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := newRun("C1", "ana", "ben")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	w.tell(run, closed(), map[string]string{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"})
	answer := w.answer(run)
	require.Contains(t, []string{"ana", "ben"}, answer.GetRunnerChosen().GetRunnerId())
	require.Equal(t, runv1.Rule_RULE_DRAW, answer.GetRunnerChosen().GetExplanation().GetRule())
	require.Contains(t, w.spans[answer.Id], trace, "the answer belongs to the trace of the question")
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.heard) == 2 && len(w.heard[1].GetStandingsChanged().GetStandings()) == 2
	}, soon, time.Millisecond)
}

// Channels at the same time, with all that can happen to their runs: whatever is left, nobody's debt comes from nowhere.
func TestBalancesAddUpToZero(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for c := range 6 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 1))
			channel := fmt.Sprint("C", c)
			for range 12 {
				users := []string{"ana", "ben", "cem", "dee", "eve"}
				random.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
				run := newRun(channel, users[:1+random.IntN(len(users))]...)
				w.tell(run, closed(), nil)
				chosen := w.answer(run).GetRunnerChosen().GetRunnerId()
				switch random.IntN(6) {
				case 0: // too late: the run was closed without a runner
					run.Status, run.Assignment.State = runv1.RunStatus_RUN_STATUS_CLOSED, runv1.AssignmentState_ASSIGNMENT_STATE_WANTED
					w.tell(run, &runv1.RunEvent{What: &runv1.RunEvent_RunnerWanted{RunnerWanted: &runv1.RunnerWanted{}}}, nil)
					continue
				case 1:
					run.Status, run.Assignment = runv1.RunStatus_RUN_STATUS_CANCELLED, nil
					w.tell(run, &runv1.RunEvent{What: &runv1.RunEvent_RunCancelled{RunCancelled: &runv1.RunCancelled{}}}, nil)
					continue
				case 2: // declined
					run.DeclinedIds, run.Assignment.AssignmentNo = []string{chosen}, 2
					w.tell(run, &runv1.RunEvent{What: &runv1.RunEvent_RunnerRequested{RunnerRequested: &runv1.RunnerRequested{}}}, nil)
					if chosen = w.answer(run).GetRunnerChosen().GetRunnerId(); chosen == "" {
						continue
					}
				}
				run.Status, run.Assignment.State = runv1.RunStatus_RUN_STATUS_CLOSED, runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED
				run.Assignment.RunnerId = chosen
				w.tell(run, &runv1.RunEvent{What: &runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}}}, nil)
			}
		})
	}
	all.Wait()
	last := newRun("C0", "ana")
	w.tell(last, closed(), nil)
	w.answer(last)
	require.Zero(t, w.count("SELECT count(*) FROM (SELECT FROM fairness.standing GROUP BY channel_id HAVING sum(balance) <> 0) x"))
	require.Greater(t, w.count("SELECT count(*) FROM fairness.standing WHERE balance <> 0"), int64(10))
	require.Equal(t, w.count("SELECT sum(owed)::bigint FROM fairness.share"), w.count("SELECT sum(owed)::bigint FROM fairness.standing"))
	require.Equal(t, w.count("SELECT count(*) FROM fairness.entry WHERE runner_id IS NOT NULL"), w.count("SELECT sum(served) FROM fairness.standing"))
}
