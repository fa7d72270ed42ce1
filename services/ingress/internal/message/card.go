package message

import (
	"fmt"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Card is the run's message in the channel, as the run is now. ref finds the trace of the click that started it.
func Card(run *runv1.Run, names Names, ref string) Message {
	m := Message{Text: fmt.Sprintf("Coffee run started by %s, pickup %s, %s", escape(names(run.GetInitiatorId())), clock(run.GetPickupAt()), state(run))}
	m.Blocks = append(m.Blocks, mrkdwn("☕ *Coffee run* · started by %s · pickup *%s*", mention(run.GetInitiatorId()), clock(run.GetPickupAt())))
	if run.GetPlace() != "" {
		m.Blocks = append(m.Blocks, small("📍 "+run.GetPlace()))
	}
	if text := orderList(run, names); text != "" {
		m.Blocks = append(m.Blocks, plain(text))
	}
	switch run.GetStatus() {
	case runv1.RunStatus_RUN_STATUS_OPEN:
		m.Blocks = append(m.Blocks, cardButtons(run))
	default:
		m.Blocks = append(m.Blocks, mrkdwn("%s", outcome(run, names)))
	}
	if ref != "" {
		m.Blocks = append(m.Blocks, small("ref "+ref))
	}
	return m
}

func cardButtons(run *runv1.Run) *slack.ActionBlock {
	closing := button(ActionClose, run.GetId(), "Close run").WithConfirm(
		slack.NewConfirmationBlockObject(plainText("Close this run?"),
			plainText("Ordering ends and a runner is chosen."), plainText("Close run"), plainText("Not yet")))
	more := slack.NewOverflowBlockElement(ActionMore,
		slack.NewOptionBlockObject(ActionWithdraw+":"+run.GetId(), plainText("Withdraw my order"), nil),
		slack.NewOptionBlockObject(ActionCancel+":"+run.GetId(), plainText("Cancel run"), nil))
	return slack.NewActionBlock("run",
		button(ActionOrder, run.GetId(), "Order").WithStyle(slack.StylePrimary),
		button(ActionUsual, run.GetId(), "My usual"),
		closing, more)
}

func orderList(run *runv1.Run, names Names) string {
	orders := run.GetOrders()
	if len(orders) == 0 {
		if run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN {
			return "No orders yet. What do you drink?"
		}
		return ""
	}
	return plural(len(orders), "order", "orders") + "\n" + lines(groups(orders, names), maxSection)
}

// state is the run's status in a few words, for notifications.
func state(run *runv1.Run) string {
	switch run.GetStatus() {
	case runv1.RunStatus_RUN_STATUS_OPEN:
		return plural(len(run.GetOrders()), "order", "orders") + " so far"
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
func outcome(run *runv1.Run, names Names) string {
	switch run.GetStatus() {
	case runv1.RunStatus_RUN_STATUS_CLOSING:
		return "Closed. Choosing a runner …"
	case runv1.RunStatus_RUN_STATUS_CLOSED:
		if runner := run.GetAssignment().GetRunnerId(); runner != "" {
			return fmt.Sprintf("🏃 *%s* runs. Ordering is closed.", escape(names(runner)))
		}
		return "Ordering is closed. A runner is wanted."
	case runv1.RunStatus_RUN_STATUS_CANCELLED:
		switch run.GetEndReason() {
		case runv1.EndReason_END_REASON_NO_ORDERS:
			return "Cancelled: nobody ordered this time. `/coffee` starts a new one."
		case runv1.EndReason_END_REASON_CHANNEL_DISABLED:
			return "Cancelled: CoffeeBuddy was turned off in this channel."
		default:
			return "Cancelled. `/coffee` starts a new one."
		}
	default:
		return "Something broke on our side and this run could not go on. Sorry. `/coffee` starts a new one."
	}
}
