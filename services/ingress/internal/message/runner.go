package message

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Summary tells the channel who runs, for what, and why.
func Summary(run *runv1.Run, names Names) Message {
	runner, pickup := run.GetAssignment().GetRunnerId(), pickup(run)
	m := only("🏃 *A runner is wanted* — pickup *%s*. I couldn't choose one: who goes? Please settle it here.", pickup)
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
	return m
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
	return all
}

// Reminder tells the runner, at now, that it is time to go.
func Reminder(run *runv1.Run, names Names, now time.Time) []Message {
	pickup := run.GetPickupAt()
	return fullList(only("⏰ *Pickup at %s*, %s: %s for %s",
		clock(pickup), fromNow(pickup.AsTime().Sub(now)), cups(run.GetOrders()), channel(run.GetChannelId())), run, names)
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
