package message

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Said takes the place of a message's buttons, where its reader has just pressed one.
type Said []slack.Block

// OnTheWay takes the place of "On my way".
func OnTheWay(v AssignmentValue) Said {
	return Said{mrkdwn("You're on your way. 🏃"), slack.NewActionBlock("", runnerButtons(v, true)...)}
}

// CannotGo takes the place of "Can't go".
func CannotGo() Said { return Said{mrkdwn("All right, you can't go this time. I'm asking the next.")} }

// Brought takes the place of "It's here".
func Brought() Said { return Said{mrkdwn("☕ I've told them that it's here. Thank you!")} }

// Relieved takes the place of "Let Cem go".
func Relieved() Said { return Said{mrkdwn("All right, I'm telling them.")} }

// Offer tells the runner, by direct message, that someone would go instead.
func Offer(run *runv1.Run, names Names) Message {
	v := assignmentOf(run)
	v.User = run.GetAssignment().GetOfferedById()
	name := names.of(v.User)
	return say("%s offers to go instead of you.", name).and("Pickup is at *%s*, in %s.", pickup(run), channel(run.GetChannelId())).
		with(button(ActionRelieve, v.String(), "Let "+cut(name, 30)+" go"))
}

// Offered answers whoever offered to go instead.
func Offered(run *runv1.Run, names Names) Message {
	return say("I've asked %s. If they agree, you'll get the list.", names.of(run.GetAssignment().GetRunnerId()))
}

// Relief tells whoever was the runner, by direct message, that they are off the hook.
func Relief(run *runv1.Run, names Names) Message {
	return say("You're off the hook: %s goes.", names.of(run.GetAssignment().GetRunnerId())).
		and("That is for the pickup at *%s* in %s.", pickup(run), channel(run.GetChannelId()))
}

// Arrival tells those who ordered, in the card's thread, that the coffee is here; in as many messages as it takes to
// mention them all.
func Arrival(run *runv1.Run, names Names) []Message {
	const most = 100 // mentions in a message
	runner := run.GetAssignment().GetRunnerId()
	var drinkers []string
	for _, order := range run.GetOrders() {
		if order.GetUserId() != runner {
			drinkers = append(drinkers, mention(order.GetUserId()))
		}
	}
	here := "☕ *It's here!*"
	if len(drinkers) == 0 {
		return []Message{only("%s", here)}
	}
	var all []Message
	for from := 0; from < len(drinkers); from += most {
		all = append(all, only("%s %s", here, strings.Join(drinkers[from:min(from+most, len(drinkers))], " ")))
	}
	return all
}

// LastCall tells the channel that ordering ends soon, with those who usually are in, by name.
func LastCall(run *runv1.Run, missing []string, names Names) Message {
	m := only("📣 *Last call* for the coffee run, pickup *%s*", pickup(run))
	if closes := run.GetClosesAt(); closes != nil {
		m = only("📣 *Last call:* ordering closes at *%s*, pickup *%s*", clock(closes), pickup(run))
	}
	if len(missing) > 0 {
		m.Blocks = append(m.Blocks, small("Usually in, not yet today: %s", people(missing, names)))
	}
	return m.with(button(ActionOrder, run.GetId(), "Order").WithStyle(slack.StylePrimary), button(ActionUsual, run.GetId(), "My usual"))
}

// RunnerUnreachable tells the channel that its runner got no direct message.
func RunnerUnreachable(run *runv1.Run, names Names) Message {
	runner := run.GetAssignment().GetRunnerId()
	m := only("%s, Slack does not let me write to you directly, so here is your list. Pickup is at *%s*.", mention(runner), pickup(run))
	m.Blocks = append(m.Blocks, plain(list(groups(run.GetOrders(), names), maxSection)+"\n"+cups(run.GetOrders())))
	return m.with(runnerButtons(assignmentOf(run), false)...)
}

// SummaryLost tells the initiator, by direct message, who runs, where the channel cannot be told.
func SummaryLost(run *runv1.Run, names Names) Message {
	m := only("I can't post in %s any more. If I was removed, `/invite` brings me back.", channel(run.GetChannelId()))
	if runner := run.GetAssignment().GetRunnerId(); runner != "" {
		return m.and("Your run at *%s* goes on:", pickup(run)).say("%s goes. Please tell the others.", names.of(runner))
	}
	return m.and("Your run at *%s* has no runner yet: please ask the others who goes.", pickup(run))
}

// say adds a paragraph of plain text, in which what people typed is inert.
func (m Message) say(format string, args ...any) Message {
	next := say(format, args...)
	m.Text += " " + next.Text
	m.Blocks = append(m.Blocks, next.Blocks...)
	return m
}

// Volunteering answers "I'll go".
func Volunteering(run *runv1.Run) Message {
	return only("You're on: if nobody else offers, you go. Thank you!").whileOpen(run, button(ActionStop, run.GetId(), "Take it back"))
}

// NotVolunteering answers "Take it back".
func NotVolunteering(run *runv1.Run) Message {
	return only("Taken back: you're a candidate like everybody else.").whileOpen(run, button(ActionVolunteer, run.GetId(), "I'll go after all"))
}

// AskCancel asks before a run is cancelled for everybody.
func AskCancel(runID string) Message {
	return only("Cancel this run for everybody? If not, just ignore this.").
		with(button(ActionCancel, runID, "Cancel run").WithStyle(slack.StyleDanger))
}

const mostNames = 10 // on a line

// people are names on a line, the first ones and how many more.
func people(userIDs []string, names Names) string {
	shown := make([]string, 0, mostNames)
	for _, id := range userIDs[:min(len(userIDs), mostNames)] {
		shown = append(shown, names.of(id))
	}
	text := strings.Join(shown, ", ")
	if more := len(userIDs) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
