package message_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// handed is a run whose runner is the second.
func handed(runnerID, previous string) *runv1.Run {
	r := closed(runnerID, three()...)
	r.Assignment.AssignmentNo, r.Assignment.PreviousRunnerId = 2, previous
	return r
}

func TestCardBeforeClosing(t *testing.T) {
	t.Parallel()
	r := open(three()...)
	r.ClosesAt, r.VolunteerIds = timestamppb.New(pickup.Add(-10*time.Minute)), []string{"U0CEM", "U0EVIL"}
	crowded := open()
	for i := range 12 {
		crowded.VolunteerIds = append(crowded.VolunteerIds, fmt.Sprintf("U0N%d", i))
	}
	golden(t, "card_volunteers", "two", message.Card(r, names, "4bf92f35"), "many", message.Card(crowded, names, ""))
}

func TestCardWhileRunning(t *testing.T) {
	t.Parallel()
	var shown []any
	for _, state := range []runv1.AssignmentState{
		runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING, runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED,
		runv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED, runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
	} {
		r := handed("U0CEM", "U0BEN")
		r.Assignment.State = state
		shown = append(shown, state.String(), message.Card(r, names, ""))
	}
	golden(t, "card_running", shown...)
}

func TestHandover(t *testing.T) {
	t.Parallel()
	declined := handed("U0CEM", "U0BEN")
	swapped := handed("U0CEM", "U0EVIL")
	swapped.Assignment.Explanation = nil
	golden(t, "handover", "the next", message.Summary(declined, names), "swapped", message.Summary(swapped, names),
		"nobody is left", message.Summary(handed("", "U0BEN"), names), "took over", message.Summary(handed("U0CEM", ""), names))
	offered := handed("U0BEN", "")
	offered.Assignment.OfferedById = "U0CEM"
	golden(t, "offer", "to the runner", message.Offer(offered, names), "to who offers", message.Offered(offered, names),
		"to who is relieved", message.Relief(declined, names))
}

func TestArrival(t *testing.T) {
	t.Parallel()
	golden(t, "arrival", message.Arrival(handed("U0CEM", ""), names)[0])
	alone := closed("U0ANA", order("U0ANA", "Tea"))
	require.Equal(t, "☕ *It's here!*", message.Arrival(alone, names)[0].Text)
	all := message.Arrival(closed("U0ANA", crowd(250, "Tea")...), names)
	require.Len(t, all, 3)
	for _, m := range all {
		require.LessOrEqual(t, len(m.Text), 2900)
	}
}

func TestLastCall(t *testing.T) {
	t.Parallel()
	r := open(three()...)
	byHand := message.LastCall(r, nil, names)
	r.ClosesAt = timestamppb.New(pickup.Add(-10 * time.Minute))
	golden(t, "last_call", "missing two", message.LastCall(r, []string{"U0DEE", "U0EVIL"}, names), "nobody", byHand)
}

func TestStranded(t *testing.T) {
	t.Parallel()
	golden(t, "stranded", "runner unreachable", message.RunnerUnreachable(closed("U0BEN", three()...), names),
		"summary lost", message.SummaryLost(closed("U0EVIL", three()...), names), "and nobody goes", message.SummaryLost(closed("", three()...), names))
}

func TestVolunteering(t *testing.T) {
	t.Parallel()
	golden(t, "volunteering", "on", message.Volunteering(open()), "taken back", message.NotVolunteering(open()),
		"closed meanwhile", message.Volunteering(closed("U0ANA")), "cancel?", message.AskCancel(runID))
}

func TestStaleSaysHowThingsAre(t *testing.T) {
	t.Parallel()
	var shown []any
	for command, r := range map[string]*runv1.Run{"move_run": open()} {
		shown = append(shown, command, message.Refusal(&runv1.CommandRejected{Command: command, Reason: runv1.RejectReason_REJECT_REASON_STALE}, r, names))
	}
	for _, state := range []runv1.AssignmentState{
		runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING, runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED,
		runv1.AssignmentState_ASSIGNMENT_STATE_WANTED, runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
	} {
		r := handed("U0CEM", "U0BEN")
		r.Assignment.State = state
		shown = append(shown, state.String(), message.Refusal(&runv1.CommandRejected{
			Command: "accept_assignment", Reason: runv1.RejectReason_REJECT_REASON_STALE,
		}, r, names))
	}
	golden(t, "rejection_stale_assignment", shown...)
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, v := range []message.AssignmentValue{{RunID: runID, No: 1}, {RunID: runID, No: 300, User: "U0CEM"}} {
		read, ok := message.ParseAssignmentValue(v.String())
		require.True(t, ok)
		require.Equal(t, v, read)
	}
	for _, text := range []string{"", runID, "x:1", runID + ":x", runID + ":-1", runID + ":99999999999"} {
		_, ok := message.ParseAssignmentValue(text)
		require.False(t, ok, text)
	}
	later := message.LaterValue{RunID: runID, Pickup: pickup}
	read, ok := message.ParseLaterValue(later.String())
	require.True(t, ok)
	require.True(t, later.Pickup.Equal(read.Pickup))
	_, ok = message.ParseLaterValue(runID)
	require.False(t, ok)
}
