package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Summary tells the channel who runs, for what, and why.
func Summary(run *runv1.Run, names Names) Message {
	runner, pickup := run.GetAssignment().GetRunnerId(), pickup(run)
	if run.GetAssignment().GetAssignmentNo() > 1 {
		return handover(run, names)
	}
	m := only("🏃 *A runner is wanted* — pickup *%s*. I couldn't choose one: who goes?", pickup)
	if runner != "" {
		m = only("🏃 *%s is today's runner* — pickup *%s*", mention(runner), pickup)
		m.Text = fmt.Sprintf("%s is today's runner, pickup %s, %s", mention(runner), pickup, cups(run.GetOrders()))
	}
	m.Blocks = append(m.Blocks, place(run)...)
	if orders := run.GetOrders(); len(orders) > 0 {
		m.Blocks = append(m.Blocks, plain(list(groups(orders, names), maxSection)+"\n"+cups(orders)))
	}
	if why := Why(run.GetAssignment(), names); why != "" {
		m.Blocks = append(m.Blocks, small("%s", why))
	}
	return m.with(summaryButtons(run, names)...)
}

// handover tells the channel who runs instead of whom, without blame.
func handover(run *runv1.Run, names Names) Message {
	a := run.GetAssignment()
	runner, pickup := a.GetRunnerId(), pickup(run)
	if runner == "" {
		return only("🏃 *A runner is wanted* — pickup *%s*. Nobody is left whom I could ask: who goes?", pickup).
			with(summaryButtons(run, names)...)
	}
	m := only("🏃 *%s goes* — pickup *%s*", mention(runner), pickup)
	if previous := a.GetPreviousRunnerId(); previous != "" {
		m.Blocks = append(m.Blocks, small("%s", strings.TrimSpace("Instead of "+names.of(previous)+". "+Why(a, names))))
		m.Text += ", instead of " + escape(names.of(previous))
	}
	return m.with(summaryButtons(run, names)...)
}

func summaryButtons(run *runv1.Run, names Names) []slack.BlockElement {
	a := run.GetAssignment()
	if a.GetRunnerId() == "" {
		return []slack.BlockElement{button(ActionTakeOver, assignmentOf(run).String(), "I'll go").WithStyle(slack.StylePrimary)}
	}
	buttons := []slack.BlockElement{button(ActionTakeOver, assignmentOf(run).String(), "I'll go instead")}
	if a.GetExplanation() != nil {
		why := button(ActionWhy, run.GetId(), "Why "+cut(names.of(a.GetRunnerId()), 30)+"?")
		buttons = append([]slack.BlockElement{why}, buttons...)
	}
	return buttons
}

// RunnerList tells the runner, by direct message, what to fetch; in full, in as many messages as that takes.
// Without settings no reminder is promised.
func RunnerList(run *runv1.Run, settings *runv1.ChannelSettings, names Names) []Message {
	pickup := pickup(run)
	first := only("🏃 *You're today's runner* in %s — pickup *%s*", channel(run.GetChannelId()), pickup)
	first.Text = fmt.Sprintf("You're today's runner, pickup %s, %s", pickup, cups(run.GetOrders()))
	all := fullList(first, run, names)
	// Someone chosen after the moment of the reminder gets none: this message says it all.
	if due := reminderAt(run, settings); run.GetAssignment().GetAssignedAt().AsTime().Before(due) {
		last := &all[len(all)-1]
		last.Blocks = append(last.Blocks, mrkdwn("I'll remind you at %s.", clock(timestamppb.New(due))))
	}
	last := &all[len(all)-1]
	*last = last.with(runnerButtons(assignmentOf(run), false)...)
	return all
}

// runnerButtons are what a runner can say.
func runnerButtons(v AssignmentValue, onTheWay bool) []slack.BlockElement {
	decline := button(ActionDecline, v.String(), "Can't go")
	if onTheWay {
		return []slack.BlockElement{button(ActionArrived, v.String(), "It's here").WithStyle(slack.StylePrimary), decline}
	}
	return []slack.BlockElement{button(ActionAccept, v.String(), "On my way").WithStyle(slack.StylePrimary), decline}
}

// Reminder tells the runner, at now, that it is time to go.
func Reminder(run *runv1.Run, names Names, now time.Time) []Message {
	pickup := run.GetPickupAt()
	all := fullList(only("⏰ *Pickup at %s*, %s: %s for %s",
		clock(pickup), fromNow(pickup.AsTime().Sub(now)), cups(run.GetOrders()), channel(run.GetChannelId())), run, names)
	last := &all[len(all)-1]
	onTheWay := run.GetAssignment().GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED
	*last = last.with(runnerButtons(assignmentOf(run), onTheWay)...)
	return all
}

// reminderAt is when the runner is reminded: pickup − offset. Zero: never, reminders are off.
func reminderAt(run *runv1.Run, settings *runv1.ChannelSettings) time.Time {
	if !settings.GetReminders() {
		return time.Time{}
	}
	return run.GetPickupAt().AsTime().Add(-time.Duration(settings.GetReminderOffsetMinutes()) * time.Minute)
}

// fullList puts all orders below first, and into further messages when they are too many for one.
func fullList(first Message, run *runv1.Run, names Names) []Message {
	first.Blocks = append(first.Blocks, place(run)...)
	all := []Message{first}
	left := maxMessage
	for _, page := range pages(groups(run.GetOrders(), names), maxSection) {
		if left -= size(page); left < 0 {
			all = append(all, Message{})
			left = maxMessage - size(page)
		}
		last := &all[len(all)-1]
		last.Blocks = append(last.Blocks, plain(page))
	}
	for i := range all[1:] {
		part := fmt.Sprintf("The list goes on, part %d of %d", i+2, len(all))
		next := &all[i+1]
		next.Text, next.Blocks = part, append(only("%s", part).Blocks, next.Blocks...)
	}
	last := &all[len(all)-1]
	last.Blocks = append(last.Blocks, mrkdwn("*%s*", cups(run.GetOrders())))
	return all
}
