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
		return stale(rejected.GetCommand(), run, names)
	case runv1.RejectReason_REJECT_REASON_NOT_RUNNER:
		return say("You're not the runner of this run any more: %s goes.", names.of(run.GetAssignment().GetRunnerId()))
	case runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN:
		return UnknownRun()
	case runv1.RejectReason_REJECT_REASON_INVALID:
		return invalid(rejected.GetCommand(), run)
	default:
		return Broken(rejected.GetRef())
	}
}

// UnknownRun answers a click on a run that was purged, or never was.
func UnknownRun() Message { return only("I don't know this run any more. `/coffee` starts a new one.") }

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
	if starter == someone {
		starter = "the person who started it"
	}
	verb := "close"
	switch command {
	case "cancel_run":
		verb = "cancel"
	case "move_run":
		return say("Only %s, a channel admin or someone who ordered can move this run. Order first, then you can.", starter)
	case "change_settings", "reset_channel":
		return only("Only a channel admin or a workspace admin can change this channel's settings.")
	}
	return say("Only %s or a channel admin can %s this run.", starter, verb)
}

// stale says how things are, to someone who saw them as they were.
func stale(command string, run *runv1.Run, names Names) Message {
	a := run.GetAssignment()
	runner := names.of(a.GetRunnerId())
	switch {
	case command == "move_run":
		return only("Someone was faster: pickup is at *%s* now.", pickup(run))
	case command == "change_settings":
		return only("Someone else changed the settings meanwhile. Please open `/coffee admin` again: it shows them as they are now.")
	case a.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING:
		return only("A runner is being chosen at this moment. Please wait for the result.")
	case a.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_DONE:
		return only("This coffee has been brought already.")
	case a.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_WANTED:
		return only("A runner is wanted now.").with(button(ActionTakeOver, assignmentOf(run).String(), "I'll go"))
	case a.GetRunnerId() != "":
		return say("Things have changed meanwhile: %s goes.", runner)
	default:
		return only("Someone was faster. Please look at the card and try again.")
	}
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
