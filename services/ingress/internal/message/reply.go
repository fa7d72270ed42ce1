package message

import (
	"fmt"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// UsualOrdered answers the person who ordered their usual by one click.
func UsualOrdered(run *runv1.Run, userID string) Message {
	drink := ""
	for _, order := range run.GetOrders() {
		if order.GetUserId() == userID {
			drink = order.GetDrink()
		}
	}
	m := Message{Text: "Ordered your usual: " + escape(drink)}
	m.Blocks = append(m.Blocks, plain("Ordered your usual: "+drink))
	return m.with(button(ActionOrder, run.GetId(), "Change"), button(ActionWithdraw, run.GetId(), "Withdraw"))
}

// Rejection tells the author of a refused command why, and what to do instead.
func Rejection(event *runv1.RunEvent, names Names) Message {
	rejected, run := event.GetWhat().(*runv1.RunEvent_CommandRejected).CommandRejected, event.GetRun()
	m := Refusal(rejected, run, names)
	if typed := rejected.GetTyped(); typed != "" {
		m.Blocks = append(m.Blocks, plain("You had typed: "+typed))
		m.Text += " You had typed: " + escape(typed)
	}
	return m
}

// Refusal says why something cannot be done, and names the way out. run may be nil where none is known.
func Refusal(rejected *runv1.CommandRejected, run *runv1.Run, names Names) Message {
	starter := escape(names(run.GetInitiatorId()))
	switch rejected.GetReason() {
	case runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN:
		m := only("There is a run in this channel already: started by %s, pickup *%s*, %s.",
			starter, clock(run.GetPickupAt()), state(run))
		if run.GetStatus() != runv1.RunStatus_RUN_STATUS_OPEN {
			return m
		}
		return m.with(button(ActionOrder, run.GetId(), "Order"), button(ActionUsual, run.GetId(), "My usual"))
	case runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN:
		return only("There is no open run in this channel. `/coffee` starts one.")
	case runv1.RejectReason_REJECT_REASON_RUN_CLOSED:
		if runner := run.GetAssignment().GetRunnerId(); runner != "" {
			return only("This run is already closed: %s runs, pickup %s.", escape(names(runner)), clock(run.GetPickupAt()))
		}
		return only("This run is already closed. Pickup is at %s.", clock(run.GetPickupAt()))
	case runv1.RejectReason_REJECT_REASON_RUN_CANCELLED:
		return only("This run was cancelled. `/coffee` starts a new one.")
	case runv1.RejectReason_REJECT_REASON_NOT_ALLOWED:
		verb := "close"
		if rejected.GetCommand() == "cancel_run" {
			verb = "cancel"
		}
		return only("Only %s or a channel admin can %s this run.", starter, verb)
	case runv1.RejectReason_REJECT_REASON_NO_ORDERS:
		return only("Nobody has ordered yet. Cancel the run instead?").with(button(ActionCancel, run.GetId(), "Cancel run"))
	case runv1.RejectReason_REJECT_REASON_NO_ORDER:
		return only("You have no order in this run.").with(button(ActionOrder, run.GetId(), "Order"))
	case runv1.RejectReason_REJECT_REASON_NO_USUAL:
		return only("You have no usual here yet. Order once, and it becomes your usual.").with(button(ActionOrder, run.GetId(), "Order"))
	case runv1.RejectReason_REJECT_REASON_RUN_FULL:
		return only("This run is full: 300 orders is the most one person can carry in their head.")
	case runv1.RejectReason_REJECT_REASON_EXPIRED:
		return only("That took too long to reach me, so I left it alone. Please look at the card and try again.")
	case runv1.RejectReason_REJECT_REASON_PICKUP_OUT_OF_RANGE:
		return only("Pickup must be in the future and at most 24 hours ahead. Example: `/coffee in 20m`")
	case runv1.RejectReason_REJECT_REASON_CHANNEL_DISABLED:
		return only("CoffeeBuddy is turned off in this channel. A channel admin can turn it on.")
	case runv1.RejectReason_REJECT_REASON_STALE:
		return only("Someone was faster. Please look at the card and try again.")
	case runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN:
		return only("I don't know this run any more. `/coffee` starts a new one.")
	case runv1.RejectReason_REJECT_REASON_INVALID:
		return only("I couldn't take that. `/coffee help` shows what I understand.")
	default:
		return Broken(rejected.GetRef())
	}
}

// CouldNotConfirm is the honest answer when a request may or may not have arrived. what: "your order", "the run".
func CouldNotConfirm(what, ref string) Message {
	text := fmt.Sprintf("CoffeeBuddy can't reach its kitchen right now. I couldn't confirm %s: look at the channel in a minute, and try again if it isn't there.", what)
	return only("%s", withRef(text, ref))
}

// ModalFailed answers a click whose form could not be opened in time.
func ModalFailed(ref string) Message {
	return only("%s", withRef("Slack did not let me open the form in time. Please click again.", ref))
}

// NotInChannel tells how to invite the bot, which would not see the run it started.
func NotInChannel(botUserID string) Message {
	return only("I'm not in this channel yet. Type `/invite` and pick %s, then try `/coffee` again.", mention(botUserID))
}

// OnlyInChannels answers /coffee in a direct message.
func OnlyInChannels() Message {
	return only("Coffee runs happen in channels. Try `/coffee` in one, so that others can join.")
}

// Abandoned tells the person who started a run by direct message that its card could not be posted.
func Abandoned(channelID string) Message {
	return only("I couldn't post your coffee run in <#%s>, so I cancelled it. Invite me there with `/invite` and try `/coffee` again.", channelID)
}

// UnknownAction answers a click on something this version no longer knows.
func UnknownAction() Message {
	return only("That button is from an older version. `/coffee` shows the channel's run as it is now.")
}

// Broken answers a request that we could not process.
func Broken(ref string) Message {
	return only("%s", withRef("That did not work, and it is not your fault. Please try again in a moment.", ref))
}

// withRef adds what people can quote to the people on call.
func withRef(text, ref string) string {
	if ref == "" {
		return text
	}
	return text + " ref " + ref
}
