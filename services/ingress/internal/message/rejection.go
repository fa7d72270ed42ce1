package message

import (
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Rejection tells the author of a refused command why, and what to do instead.
func Rejection(event *runv1.RunEvent, names Names) Message {
	rejected := event.GetCommandRejected()
	m := Refusal(rejected, event.GetRun(), names)
	if typed := shown(rejected.GetTyped()); typed != "" {
		quote := say("You had typed: %s", typed)
		m.Text += " " + quote.Text
		m.Blocks = append(m.Blocks, quote.Blocks...)
	}
	return m
}

// Refusal says why something cannot be done, and names the way out. run may be nil where none is known.
func Refusal(rejected *runv1.CommandRejected, run *runv1.Run, names Names) Message {
	switch rejected.GetReason() {
	case runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN:
		return alreadyOpen(run, names)
	case runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN:
		return only("There is no open run in this channel. `/coffee` starts one.")
	case runv1.RejectReason_REJECT_REASON_RUN_CLOSED:
		return alreadyClosed(run, names)
	case runv1.RejectReason_REJECT_REASON_RUN_CANCELLED:
		return only("This run was cancelled. `/coffee` starts a new one.")
	case runv1.RejectReason_REJECT_REASON_NOT_ALLOWED:
		return notAllowed(rejected.GetCommand(), names.of(run.GetInitiatorId()))
	case runv1.RejectReason_REJECT_REASON_NO_ORDERS:
		return only("Nobody has ordered yet. Cancel the run instead?").whileOpen(run, button(ActionCancel, run.GetId(), "Cancel run"))
	case runv1.RejectReason_REJECT_REASON_NO_ORDER:
		return only("You have no order in this run.").whileOpen(run, button(ActionOrder, run.GetId(), "Order"))
	case runv1.RejectReason_REJECT_REASON_NO_USUAL:
		return only("You have no usual here yet. Order with “Remember as my usual” on, and next time it is one click.").
			whileOpen(run, button(ActionOrder, run.GetId(), "Order"))
	case runv1.RejectReason_REJECT_REASON_RUN_FULL:
		return only("This run is full: 300 orders are the most it takes. If someone withdraws theirs, there is room again.")
	case runv1.RejectReason_REJECT_REASON_EXPIRED:
		return only("That took too long to reach me, so I changed nothing. Please try again.")
	case runv1.RejectReason_REJECT_REASON_PICKUP_OUT_OF_RANGE:
		return only("Pickup must be in the future and at most 24 hours ahead. Example: `/coffee in 20m`.")
	case runv1.RejectReason_REJECT_REASON_CHANNEL_DISABLED:
		return only("CoffeeBuddy is turned off in this channel. A channel admin can turn it on.")
	case runv1.RejectReason_REJECT_REASON_STALE:
		return only("Someone was faster. Please look at the card and try again.")
	case runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN:
		return only("I don't know this run any more. `/coffee` starts a new one.")
	case runv1.RejectReason_REJECT_REASON_INVALID:
		return invalid(rejected.GetCommand(), run)
	default:
		return Broken(rejected.GetRef())
	}
}

func alreadyOpen(run *runv1.Run, names Names) Message {
	if run == nil {
		return only("There is a run in this channel already.")
	}
	m := say("There is a run in this channel already: started by %s.", names.of(run.GetInitiatorId())).
		and("Pickup *%s*, %s.", pickup(run), state(run))
	if run.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSING {
		m = m.and("The next one can start in a moment.")
	}
	return m.whileOpen(run, button(ActionOrder, run.GetId(), "Order"), button(ActionUsual, run.GetId(), "My usual"))
}

func alreadyClosed(run *runv1.Run, names Names) Message {
	switch {
	case run == nil:
		return only("This run is already closed. `/coffee` starts a new one.")
	case run.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSING:
		return only("This run is already closed. A runner is being chosen.")
	}
	m := say("This run is already closed, and a runner is wanted.")
	if runner := run.GetAssignment().GetRunnerId(); runner != "" {
		m = say("This run is already closed: %s runs.", names.of(runner))
	}
	return m.and("Pickup is at *%s*. `/coffee` starts a new run.", pickup(run))
}

func notAllowed(command, starter string) Message {
	verb := "close"
	if command == "cancel_run" {
		verb = "cancel"
	}
	if starter == someone {
		starter = "the person who started it"
	}
	return say("Only %s or a channel admin can %s this run.", starter, verb)
}

func invalid(command string, run *runv1.Run) Message {
	switch command {
	case "place_order":
		return only("A drink has 1 to 280 characters.").whileOpen(run, button(ActionOrder, run.GetId(), "Order"))
	case "start_run":
		return Usage("A place has at most 80 characters.", "10:30 Lobby café")
	default:
		return only("I don't understand that. `/coffee help` shows what I do.")
	}
}
