package message_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

var commands = []string{"start_run", "place_order", "place_usual", "withdraw_order", "close_run", "cancel_run", "abandon_run"}

func rejected(command string, reason runv1.RejectReason, run *runv1.Run, typed string) *runv1.RunEvent {
	return &runv1.RunEvent{Run: run, ActorId: "U0ANA", What: &runv1.RunEvent_CommandRejected{
		CommandRejected: &runv1.CommandRejected{Command: command, Reason: reason, Typed: typed, Ref: ref},
	}}
}

// Every reason, for every command; commands with the same answer share one.
func TestRejection(t *testing.T) {
	t.Parallel()
	for number, reasonName := range runv1.RejectReason_name {
		reason := runv1.RejectReason(number)
		name := strings.ToLower(strings.TrimPrefix(reasonName, "REJECT_REASON_"))
		var same []string
		var answer message.Message
		var parts []any
		flush := func() {
			if len(same) > 0 {
				parts = append(parts, strings.Join(same, ", "), answer)
			}
			same = nil
		}
		for _, command := range commands {
			m := message.Rejection(rejected(command, reason, judgedBy(reason), ""), names)
			if len(same) > 0 && !reflect.DeepEqual(m, answer) {
				flush()
			}
			answer = m
			same = append(same, command)
		}
		flush()
		golden(t, "rejection_"+name, parts...)
	}
}

// judgedBy is the run that comes with a refusal.
func judgedBy(reason runv1.RejectReason) *runv1.Run {
	switch reason {
	case runv1.RejectReason_REJECT_REASON_RUN_CLOSED:
		return closed("U0BEN", three()...)
	case runv1.RejectReason_REJECT_REASON_RUN_CANCELLED:
		return ended(runv1.RunStatus_RUN_STATUS_CANCELLED, runv1.EndReason_END_REASON_CANCELLED_BY_PERSON)
	case runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN, runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN:
		return nil
	case runv1.RejectReason_REJECT_REASON_NO_ORDERS:
		return open()
	default:
		return open(three()...)
	}
}

func TestRejectionByState(t *testing.T) {
	t.Parallel()
	stranger := open()
	stranger.InitiatorId = "U0UNKNOWN"
	golden(t, "rejection_states",
		"a run is open, its runner is being chosen",
		message.Rejection(rejected("start_run", runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN, run(runv1.RunStatus_RUN_STATUS_CLOSING, three()...), "Lobby"), names),
		"closed, the runner is being chosen",
		message.Rejection(rejected("close_run", runv1.RejectReason_REJECT_REASON_RUN_CLOSED, run(runv1.RunStatus_RUN_STATUS_CLOSING, three()...), ""), names),
		"closed, a runner is wanted",
		message.Rejection(rejected("place_order", runv1.RejectReason_REJECT_REASON_RUN_CLOSED, closed("", three()...), "Chai & oat <!here>"), names),
		"the starter's name is unknown",
		message.Rejection(rejected("close_run", runv1.RejectReason_REJECT_REASON_NOT_ALLOWED, stranger, ""), names),
	)
}

// A refusal never fails, whatever is missing, and never offers a button for a run that takes nothing.
func TestRejectionWithoutARun(t *testing.T) {
	t.Parallel()
	for number := range runv1.RejectReason_name {
		for _, command := range append(commands, "", "erase_person") {
			m := message.Rejection(rejected(command, runv1.RejectReason(number), nil, "x"), names)
			valid(t, m)
			require.NotContains(t, string(encode(t, m.Blocks)), `"button"`, "%s %s", command, runv1.RejectReason_name[number])
		}
	}
	valid(t, message.Rejection(&runv1.RunEvent{}, names))
}

// The commands above are all that are sent.
func TestCommandNames(t *testing.T) {
	t.Parallel()
	cases := (&commandv1.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("what").Fields()
	for _, command := range commands {
		require.NotNil(t, cases.ByName(protoName(command)), command)
	}
}
