package message

import (
	"fmt"
	"math"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Summary tells the channel who runs, for what, and why.
func Summary(run *runv1.Run, names Names) Message {
	runner := run.GetAssignment().GetRunnerId()
	if runner == "" {
		m := only("🏃 *A runner is wanted* — pickup %s. I could not choose one: who goes? Please settle it here.", clock(run.GetPickupAt()))
		m.Blocks = append(m.Blocks, orderBlocks(run, lines(groups(run.GetOrders(), names), maxSection))...)
		return m
	}
	m := only("🏃 *%s is today's runner* — pickup *%s*", mention(runner), clock(run.GetPickupAt()))
	m.Text = fmt.Sprintf("%s is today's runner, pickup %s, %s", mention(runner), clock(run.GetPickupAt()), cups(run.GetOrders()))
	m.Blocks = append(m.Blocks, orderBlocks(run, lines(groups(run.GetOrders(), names), maxSection))...)
	if why := Why(run.GetAssignment(), names); why != "" {
		m.Blocks = append(m.Blocks, small(why))
	}
	return m
}

// RunnerList tells the runner, by direct message, what to fetch; in full, in as many messages as that takes.
func RunnerList(run *runv1.Run, settings *runv1.ChannelSettings, names Names) []Message {
	first := only("🏃 *You're today's runner* in <#%s> — pickup *%s*", run.GetChannelId(), clock(run.GetPickupAt()))
	first.Text = fmt.Sprintf("You're today's runner, pickup %s, %s", clock(run.GetPickupAt()), cups(run.GetOrders()))
	all := fullList(first, run, names)
	// Someone chosen after the moment of the reminder gets none: this message says it all.
	if due := ReminderAt(run, settings); run.GetAssignment().GetAssignedAt().AsTime().Before(due) {
		last := &all[len(all)-1]
		last.Blocks = append(last.Blocks, mrkdwn("I'll remind you at %s.", clock(timestamppb.New(due))))
	}
	return all
}

// Reminder tells the runner that it is time to go.
func Reminder(run *runv1.Run, names Names, due time.Time) []Message {
	left := minutes(run.GetPickupAt().AsTime().Sub(due))
	first := only("⏰ *Pickup at %s*, %s from now: %s", clock(run.GetPickupAt()), left, cups(run.GetOrders()))
	return fullList(first, run, names)
}

// ReminderAt is when the runner is reminded: pickup − offset. Zero: never, reminders are off.
func ReminderAt(run *runv1.Run, settings *runv1.ChannelSettings) time.Time {
	if !settings.GetReminders() {
		return time.Time{}
	}
	return run.GetPickupAt().AsTime().Add(-time.Duration(settings.GetReminderOffsetMinutes()) * time.Minute)
}

// fullList puts all orders below first, and in further messages when they are too many for one.
func fullList(first Message, run *runv1.Run, names Names) []Message {
	all := []Message{first}
	size := 0
	for i, page := range pages(groups(run.GetOrders(), names), maxSection) {
		if size += len(page); size > maxMessage {
			all = append(all, Message{Text: fmt.Sprintf("The list goes on, part %d", len(all)+1)})
			size = len(page)
		}
		last := &all[len(all)-1]
		if i == 0 && run.GetPlace() != "" {
			last.Blocks = append(last.Blocks, small("📍 "+run.GetPlace()))
		}
		last.Blocks = append(last.Blocks, plain(page))
	}
	last := &all[len(all)-1]
	last.Blocks = append(last.Blocks, small(cups(run.GetOrders())))
	return all
}

func orderBlocks(run *runv1.Run, list string) []slack.Block {
	var blocks []slack.Block
	if run.GetPlace() != "" {
		blocks = append(blocks, small("📍 "+run.GetPlace()))
	}
	return append(blocks, plain(list+"\n"+cups(run.GetOrders())))
}

// Why says in a sentence or two why this runner was chosen. Empty: nothing is known.
func Why(assignment *runv1.Assignment, names Names) string {
	e := assignment.GetExplanation()
	name := names(assignment.GetRunnerId())
	var why string
	switch e.GetRule() {
	case runv1.Rule_RULE_ONLY_CANDIDATE:
		return name + " was the only one who could go."
	case runv1.Rule_RULE_ONLY_VOLUNTEER:
		return name + " volunteered. Thank you!"
	case runv1.Rule_RULE_TOOK_OVER:
		return name + " said “I'll go”. Thank you!"
	case runv1.Rule_RULE_RESTED_DEBTOR, runv1.Rule_RULE_LOWEST_BALANCE:
		why = fmt.Sprintf("%s %s%s.", name, balance(e), rested(e))
	case runv1.Rule_RULE_SERVED_LONGEST_AGO:
		if e.RunsSinceServed == nil {
			why = name + " has not run yet."
		} else {
			why = fmt.Sprintf("%s is level with others and ran longest ago.", name)
		}
	case runv1.Rule_RULE_FEWEST_IN_WINDOW:
		why = fmt.Sprintf("%s ran least in the last %s.", name, plural(int(e.GetWindow()), "run", "runs"))
	case runv1.Rule_RULE_DRAW:
		why = "All were level, so the lot decided: " + name + "."
	default:
		return ""
	}
	if e.GetRunnerUpId() != "" {
		why += " Next in line: " + names(e.GetRunnerUpId()) + "."
	}
	return why
}

func balance(e *runv1.Explanation) string {
	owed := -float64(e.GetBalanceMicros()) / 1e6
	switch rounded := math.Round(owed*10) / 10; {
	case rounded == 1:
		return "owes 1 run"
	case rounded > 0:
		return fmt.Sprintf("owes %.3g runs", rounded)
	case rounded < 0:
		return fmt.Sprintf("is %.3g ahead, the others more", -rounded)
	default:
		return "is even, the others are ahead"
	}
}

func rested(e *runv1.Explanation) string {
	switch {
	case e.RunsSinceServed == nil && e.GetCups() > 0:
		return " and has not run yet"
	case e.RunsSinceServed != nil && e.GetRunsSinceServed() >= e.GetWindow() && e.GetWindow() > 0:
		return fmt.Sprintf(" and did not run in the last %d", e.GetWindow())
	default:
		return ""
	}
}
