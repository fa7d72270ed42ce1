package events_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/events"
)

func TestAChoiceAssignsTheRunner(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(closeRun("ana", id))
	k.now = noon.Add(time.Minute)
	choice := chosen(id, 1, "ben")
	all, err := k.answer(choice)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NotNil(t, all[0].GetRunnerAssigned())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSED, all[0].Run.Status)
	require.True(t, proto.Equal(&runv1.Assignment{
		AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, RunnerId: "ben",
		AssignedAt: timestamppb.New(k.now), Explanation: choice.GetRunnerChosen().Explanation,
	}, all[0].Run.Assignment), "%v", all[0].Run.Assignment)
	require.Equal(t, "corr-answer", all[0].CorrelationId)

	again, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	require.Empty(t, again, "the run has moved on")
	late, err := k.answer(nobody(id, 1))
	require.NoError(t, err)
	require.Empty(t, late)

	// What is read again is the same.
	refused := k.do(closeRun("ana", id))
	require.True(t, proto.Equal(all[0].Run, refused[0].Run), "%v", refused[0].Run)
}

func TestNobodyLeftClosesWithoutRunner(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(closeRun("ana", id))
	all, err := k.answer(nobody(id, 1))
	require.NoError(t, err)
	require.NotNil(t, all[0].GetRunnerWanted())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSED, all[0].Run.Status)
	require.Equal(t, runv1.AssignmentState_ASSIGNMENT_STATE_WANTED, all[0].Run.Assignment.State)
	require.Empty(t, k.do(startRun("ben", newID()))[0].GetCommandRejected(), "the channel is free")
}

func TestAnAnswerToSomethingElseChangesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	open, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	require.Empty(t, open, "nobody asked")
	k.do(closeRun("ana", id))

	other := chosen(id, 2, "ben")
	old := chosen(id, 1, "ben")
	old.Epoch = 0
	unknown := chosen(newID(), 1, "ben")
	for name, e := range map[string]*fairnessv1.FairnessEvent{"another number": other, "another epoch": old, "another run": unknown} {
		all, err := k.answer(e)
		require.NoError(t, err, name)
		require.Empty(t, all, name)
	}
}

func TestAnImpossibleChoiceIsAnError(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(closeRun("ana", id))
	_, err := k.answer(chosen(id, 1, ""))
	require.ErrorContains(t, err, "without a runner")
	_, err = k.answer(chosen("7", 1, "ben"))
	require.ErrorContains(t, err, "run id")
}

func TestOverdueAnswersAreChased(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	closed := k.do(closeRun("ana", id))
	overdue := events.NewOverdue(k.Recorder, k.tel.Tracer)
	chase := func(after time.Duration) []*runv1.RunEvent {
		k.now = noon.Add(after)
		_, err := overdue.Chase(t.Context())
		require.NoError(t, err)
		return k.taken()
	}
	require.Empty(t, chase(29*time.Second))
	all := chase(30 * time.Second)
	require.Len(t, all, 1)
	require.Equal(t, runv1.RequestReason_REQUEST_REASON_NO_ANSWER, all[0].GetRunnerRequested().Reason)
	require.EqualValues(t, 1, all[0].Run.Assignment.AssignmentNo)
	require.Equal(t, closed[0].Run.Version+1, all[0].Run.Version)
	require.NotEmpty(t, all[0].CorrelationId)
	require.Empty(t, chase(59*time.Second))
	require.Len(t, chase(60*time.Second), 1)

	all = chase(5 * time.Minute)
	require.NotNil(t, all[0].GetRunnerWanted())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSED, all[0].Run.Status)
	require.Empty(t, chase(time.Hour))
	late, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	require.Empty(t, late, "at most one outcome")
}

// What the database does not take of one run holds up no other, and comes again later and later.
func TestARunThatCannotBeChasedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	broken := k.started()
	k.do(closeRun("ana", broken))
	whole, inC2 := newID(), func(c *commandv1.Command) *commandv1.Command { c.ChannelId = "C2"; return c }
	k.now = noon.Add(time.Second) // it is due after the other
	k.do(inC2(startRun("ana", whole)), inC2(placeOrder("ben", whole, "Tea")), inC2(closeRun("ana", whole)))
	k.database.Exec(`ALTER TABLE runs.run ADD CONSTRAINT trap CHECK (channel_id <> 'C1' OR asked_at = requested_at)`)
	overdue := events.NewOverdue(k.Recorder, k.tel.Tracer)
	chase := func(after time.Duration) (int, []*runv1.RunEvent) {
		k.now = noon.Add(after)
		n, err := overdue.Chase(t.Context())
		require.NoError(t, err)
		return n, k.taken()
	}
	n, all := chase(40 * time.Second)
	require.Equal(t, 2, n)
	require.Len(t, all, 1)
	require.Equal(t, whole, all[0].Run.Id)
	for _, at := range []struct {
		after time.Duration
		tried int
	}{{69, 0}, {70, 2}, {100, 1}, {129, 0}, {130, 2}} { // the other is asked about every 30 s
		n, _ := chase(at.after * time.Second)
		require.Equal(t, at.tried, n, "after %d s", at.after)
	}
	require.Equal(t, 1, strings.Count(k.log.String(), "run cannot be chased"), "said once")
	require.Contains(t, k.log.String(), broken)

	k.database.Exec(`ALTER TABLE runs.run DROP CONSTRAINT trap`)
	_, all = chase(250 * time.Second)
	require.Len(t, all, 2, "it goes on once it can")
}

func TestForgetsCommandsThatCannotComeAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.now = time.Now() // ids are dated by the database
	k.do(startRun("ana", newID()), startRun("ana", newID()))
	k.database.Exec("UPDATE runs.inbox SET received_at = now() - interval '49 hours' WHERE command_id = (SELECT command_id FROM runs.inbox LIMIT 1)")
	more, err := k.Forget(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	var n int
	require.NoError(t, k.db.Read(t.Context()).Raw("SELECT count(*) FROM runs.inbox").Row().Scan(&n))
	require.Equal(t, 1, n)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(closeRun("ana", id))
	k.now = noon.Add(90 * time.Second)
	_, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	w := httptest.NewRecorder()
	k.tel.MetricsHandler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`coffeebuddy_runs_total{status="open"} 1`, `coffeebuddy_runs_total{status="closing"} 1`, `coffeebuddy_runs_total{status="closed"} 1`,
		`coffeebuddy_run_duration_seconds_sum{status="closed"} 90`,
	} {
		require.Contains(t, w.Body.String(), line)
	}
}

// at is a moment of the kit's run that reminder has kept.
func (k *kit) moment(id string, pickup, due time.Time, what func(*reminderv1.ReminderEvent)) []*runv1.RunEvent {
	k.Helper()
	e := &reminderv1.ReminderEvent{
		Id: newID(), WorkspaceId: "T1", ChannelId: "C1", Epoch: 1, CorrelationId: "corr-timer", DueAt: timestamppb.New(due),
		Run: &runv1.Run{Id: id, PickupAt: timestamppb.New(pickup)},
	}
	what(e)
	m, err := bus.Encode(topic.ReminderEvents, "T1/C1", e.Id, id, k.now, e)
	require.NoError(k, err)
	require.True(k, events.Timers{}.Wants(m.Type))
	require.NoError(k, k.handle(events.Timers{Recorder: k.Recorder}, &bus.Record{Message: m}))
	return k.taken()
}

func deadline(e *reminderv1.ReminderEvent) {
	e.What = &reminderv1.ReminderEvent_DeadlineReached{DeadlineReached: &reminderv1.DeadlineReached{}}
}

func lastCall(e *reminderv1.ReminderEvent) {
	e.What = &reminderv1.ReminderEvent_LastCallDue{LastCallDue: &reminderv1.LastCallDue{}}
}

func TestTimersCloseRunsAndCallLast(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	pickup, due := noon.Add(30*time.Minute), noon.Add(20*time.Minute)
	k.now = noon.Add(15 * time.Minute)
	require.NotNil(t, k.moment(id, pickup, k.now, lastCall)[0].GetLastCall())
	k.now = due
	require.Empty(t, k.moment(id, pickup, due.Add(time.Second), deadline), "the run has another closing time")
	closed := k.moment(id, pickup, due, deadline)
	require.True(t, closed[0].GetRunClosed().ByDeadline)
	require.Equal(t, "corr-timer", closed[0].CorrelationId)
	require.Empty(t, k.moment(id, pickup, due, deadline), "redelivered")
	require.Empty(t, k.moment(id, pickup, due, lastCall))
}

func TestADeclineIsAnsweredByTheNextRunner(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(closeRun("ana", id))
	_, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	decline := &commandv1.Command{Actor: by("ben"), What: &commandv1.Command_DeclineAssignment{DeclineAssignment: &commandv1.DeclineAssignment{RunId: id, AssignmentNo: 1}}}
	asked := k.do(decline)
	require.Equal(t, runv1.RequestReason_REQUEST_REASON_DECLINED, asked[0].GetRunnerRequested().Reason)
	require.Equal(t, "ben", asked[0].Run.Assignment.PreviousRunnerId)
	require.Equal(t, []string{"ben"}, asked[0].Run.DeclinedIds)
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSED, asked[0].Run.Status)
	next, err := k.answer(chosen(id, 2, "ana"))
	require.NoError(t, err)
	require.Equal(t, "ana", next[0].Run.Assignment.RunnerId)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_STALE, rejected(t, k.do(decline, &commandv1.Command{Actor: by("ben"), What: decline.What})).Reason)
}
