package message

import (
	"fmt"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Card is the run's message in the channel, as the run is now. ref finds the trace of the click that started it.
func Card(run *runv1.Run, names Names, ref string) Message {
	starter, pickup := run.GetInitiatorId(), pickup(run)
	m := Message{
		Text:   fmt.Sprintf("Coffee run started by %s, pickup %s, %s", escape(names.of(starter)), pickup, state(run)),
		Blocks: []slack.Block{mrkdwn("☕ *Coffee run* · started by %s · pickup *%s*", mention(starter), pickup)},
	}
	m.Blocks = append(m.Blocks, place(run)...)
	open := run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN
	if orders := run.GetOrders(); len(orders) > 0 {
		m.Blocks = append(m.Blocks, mrkdwn("*%s*", ordered(run)), plain(list(groups(orders, names), maxSection)))
	} else if open {
		m.Blocks = append(m.Blocks, mrkdwn("No orders yet. What do you drink?"))
	}
	if volunteers := run.GetVolunteerIds(); open && len(volunteers) > 0 {
		m.Blocks = append(m.Blocks, plain("🙋 "+people(volunteers, names)+" would go."))
	}
	if closes := run.GetClosesAt(); open && closes != nil {
		m.Blocks = append(m.Blocks, smallPrint("Ordering closes at %s", clock(closes)))
	}
	if open {
		m.Blocks = append(m.Blocks, cardButtons(run))
	} else {
		m.Blocks = append(m.Blocks, outcome(run, names))
	}
	if ref != "" {
		m.Blocks = append(m.Blocks, small("ref %s", ref))
	}
	return m
}

func cardButtons(run *runv1.Run) *slack.ActionBlock {
	closing := button(ActionClose, run.GetId(), "Close run").WithConfirm(
		slack.NewConfirmationBlockObject(plainText("Close this run?"),
			plainText("Ordering ends and a runner is chosen."), plainText("Close run"), plainText("Not yet")))
	more := slack.NewOverflowBlockElement(ActionMore,
		slack.NewOptionBlockObject(ActionWithdraw+":"+run.GetId(), plainText("Withdraw my order"), nil),
		slack.NewOptionBlockObject(ActionLater+":"+LaterValue{run.GetId(), run.GetPickupAt().AsTime()}.String(), plainText("5 minutes later"), nil),
		slack.NewOptionBlockObject(ActionAskCancel+":"+run.GetId(), plainText("Cancel run"), nil))
	return slack.NewActionBlock("run",
		button(ActionOrder, run.GetId(), "Order").WithStyle(slack.StylePrimary),
		button(ActionUsual, run.GetId(), "My usual"),
		button(ActionVolunteer, run.GetId(), "I'll go"),
		closing, more)
}

func ordered(run *runv1.Run) string { return plural(len(run.GetOrders()), "order", "orders") }

// state is the run's status in a few words.
func state(run *runv1.Run) string {
	switch run.GetStatus() {
	case runv1.RunStatus_RUN_STATUS_OPEN:
		return ordered(run) + " so far"
	case runv1.RunStatus_RUN_STATUS_CLOSING:
		return "choosing a runner"
	case runv1.RunStatus_RUN_STATUS_CLOSED:
		return "closed"
	case runv1.RunStatus_RUN_STATUS_CANCELLED:
		return "cancelled"
	default:
		return "ended"
	}
}

// outcome stands where the buttons were.
func outcome(run *runv1.Run, names Names) slack.Block {
	switch run.GetStatus() {
	case runv1.RunStatus_RUN_STATUS_CLOSING:
		return mrkdwn("Ordering is closed. Choosing a runner …")
	case runv1.RunStatus_RUN_STATUS_CLOSED:
		return assigned(run.GetAssignment(), names)
	case runv1.RunStatus_RUN_STATUS_CANCELLED:
		return mrkdwn("%s `/coffee` starts a new one.", cancelled(run.GetEndReason()))
	default:
		return mrkdwn("Something broke on our side and this run could not go on. Sorry. `/coffee` starts a new one.")
	}
}

// assigned is where the question who runs stands.
func assigned(a *runv1.Assignment, names Names) slack.Block {
	runner := names.of(a.GetRunnerId())
	switch a.GetState() {
	case runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING:
		return mrkdwn("Ordering is closed. Choosing a runner …")
	case runv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED:
		return plain(fmt.Sprintf("🏃 %s is on the way. Ordering is closed.", runner))
	case runv1.AssignmentState_ASSIGNMENT_STATE_DONE:
		return plain(fmt.Sprintf("☕ The coffee is here. Thank you, %s!", runner))
	case runv1.AssignmentState_ASSIGNMENT_STATE_WANTED:
		return mrkdwn("Ordering is closed. A runner is wanted: who goes?")
	default:
		return plain(fmt.Sprintf("🏃 %s runs. Ordering is closed.", runner))
	}
}

func cancelled(reason runv1.EndReason) string {
	switch reason {
	case runv1.EndReason_END_REASON_NO_ORDERS:
		return "Cancelled: nobody ordered this time."
	case runv1.EndReason_END_REASON_FORGOTTEN:
		return "Cancelled: nobody closed it, and the next one was started."
	case runv1.EndReason_END_REASON_CHANNEL_DISABLED:
		return "Cancelled: CoffeeBuddy was turned off in this channel. Once it is on again,"
	case runv1.EndReason_END_REASON_CHANNEL_RESET:
		return "Cancelled: this channel's data was reset."
	case runv1.EndReason_END_REASON_ABANDONED:
		return "Cancelled: this card could not be posted in time."
	default:
		return "Cancelled."
	}
}
