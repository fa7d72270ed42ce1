package message

import (
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// UsualOrdered answers the person who ordered their usual by one click.
func UsualOrdered(run *runv1.Run, userID string) Message {
	m := say("Ordered your usual.")
	for _, order := range run.GetOrders() {
		if order.GetUserId() != userID {
			continue
		}
		m = say("Ordered your usual: %s.", shown(order.GetDrink()))
		if n := cupsOf(order); n > 1 {
			m = say("Ordered your usual: %d × %s.", n, shown(order.GetDrink()))
		}
	}
	return m.with(button(ActionOrder, run.GetId(), "Change"), button(ActionWithdraw, run.GetId(), "Withdraw"))
}

// unconfirmed is what could not be confirmed, by action, and how to find out.
var unconfirmed = map[string]string{
	ActionOrder:     "your order: look at the card in a minute, and order again if it isn't there",
	ActionUsual:     "your order: look at the card in a minute, and order again if it isn't there",
	ActionWithdraw:  "that your order is withdrawn: look at the card in a minute, and withdraw it again if it is still there",
	ActionClose:     "that the run is closed: look at the card in a minute, and close it again if it is still open",
	ActionCancel:    "that the run is cancelled: look at the card in a minute, and cancel it again if it is still open",
	ActionReminders: "that setting: open my Home again in a minute to see",
	ActionSettings:  "the settings: open them again in a minute to see",
	ActionReset:     "the reset: try again in a minute",
	ActionSaveUsual: "your usual: try `/coffee usual` in a minute, and say it again if it isn't there",
	ActionLater:     "that pickup is later: look at the card in a minute, and try again if it isn't",
	ActionVolunteer: "that you'd go: look at the card in a minute, and press “I'll go” again if your name isn't there",
	ActionStop:      "that you took it back: look at the card in a minute, and try again if your name is still there",
	ActionAccept:    "that you're on your way: please press it again in a minute",
	ActionDecline:   "that you can't go: please press it again in a minute, or tell the channel",
	ActionArrived:   "that the coffee is here: please press it again in a minute, or tell the channel",
	ActionTakeOver:  "your offer: please press it again in a minute",
	ActionRelieve:   "the change: please press it again in a minute",
	ActionForget:    "that your usual is forgotten: try `/coffee usual` in a minute, and clear it again if it is still there",
	ActionStart:     "your run: look at the channel in a minute, and start it again if it isn't there",
}

// CouldNotConfirm is the honest answer when what was asked by action may or may not have arrived.
func CouldNotConfirm(action, ref string) Message {
	return withRef("CoffeeBuddy can't reach its kitchen right now. I couldn't confirm "+unconfirmed[action]+".", ref)
}

// ModalFailed answers a click whose form could not be opened in time.
func ModalFailed(ref string) Message {
	return withRef("Slack did not let me open the form in time. Please click again.", ref)
}

// NotInChannel tells how to invite the bot, which would not see the run it started. botUserID may be unknown: empty.
func NotInChannel(botUserID string) Message {
	bot := "CoffeeBuddy"
	if botUserID != "" {
		bot = mention(botUserID)
	}
	return only("I'm not in this channel yet. Type `/invite` and pick %s, then try `/coffee` again.", bot)
}

// OnlyInChannels answers /coffee in a direct message.
func OnlyInChannels() Message {
	return only("Coffee runs happen in channels. Try `/coffee` in one, so that others can join.")
}

// Abandoned tells the person who started a run by direct message that its card could not be posted, and what to do. code
// is why: Slack's own, or one of delivery's.
func Abandoned(channelID, code, ref string) Message {
	switch code {
	case "not_in_channel", "channel_not_found":
		return abandoned(channelID, "Invite me there with `/invite` and try `/coffee` again.")
	case "is_archived":
		return abandoned(channelID, "The channel is archived: try `/coffee` in another one.")
	case "missing_scope":
		return abandoned(channelID, "The Slack app lacks the permission `chat:write`: a workspace admin can install it again with it.")
	case "too_late":
		return abandoned(channelID, "I only got to it after the pickup. `/coffee` starts a new one.")
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "posting_to_general_channel_denied":
		return abandoned(channelID, "I may not post there: try `/coffee` in another channel, or ask a workspace admin to allow it.")
	default:
		return withRef(abandoned(channelID, "It is not your fault. Please try `/coffee` again; if that fails too, tell whoever looks after CoffeeBuddy.").Text, ref)
	}
}

func abandoned(channelID, hint string) Message {
	return only("I couldn't post your coffee run in %s, so I cancelled it. %s", channel(channelID), hint)
}

// UnknownAction answers a click on something that this version does not know.
func UnknownAction() Message {
	return only("That button is from an older version of me. Please use the newest card, or see `/coffee help`.")
}

// Broken answers a request that we could not process.
func Broken(ref string) Message {
	return withRef("That did not work, and it is not your fault. Please try again in a moment.", ref)
}

// withRef adds what people can quote to the people on call.
func withRef(text, ref string) Message {
	if ref != "" {
		text += " ref " + ref
	}
	return only("%s", text)
}
