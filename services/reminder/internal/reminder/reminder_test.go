package reminder_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

const offset = 5 * time.Minute

var (
	pickup   = time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	leads    = reminder.Leads{Runner: offset}
	assigned = reminder.Run{Closed: true, PickupAt: pickup, RunnerID: "U0BEN", AssignmentNo: 2, AssignedAt: pickup.Add(-time.Hour)}
)

func TestTheRunnerIsRemindedAtPickupMinusOffset(t *testing.T) {
	t.Parallel()
	want := []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 2, UserID: "U0BEN", DueAt: pickup.Add(-5 * time.Minute)}}
	require.Equal(t, want, reminder.Timers(assigned, leads))
}

func TestNoTimer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*reminder.Run){
		"still open":                  func(r *reminder.Run) { r.Closed = false },
		"nobody runs":                 func(r *reminder.Run) { r.RunnerID = "" },
		"assigned at the very moment": func(r *reminder.Run) { r.AssignedAt = pickup.Add(-offset) },
		"assigned after the moment":   func(r *reminder.Run) { r.AssignedAt = pickup.Add(-time.Minute) },
	} {
		run := assigned
		change(&run)
		require.Empty(t, reminder.Timers(run, leads), name)
	}
	require.Empty(t, reminder.Timers(assigned, reminder.Leads{Runner: time.Hour}), "the offset reaches back to the assignment")
}

func TestNewer(t *testing.T) {
	t.Parallel()
	require.True(t, reminder.Run{Version: 2}.Newer(reminder.Run{Version: 1}))
	require.False(t, reminder.Run{Version: 1}.Newer(reminder.Run{Version: 1}))
	require.True(t, reminder.Run{Epoch: 2, Version: 1}.Newer(reminder.Run{Epoch: 1, Version: 9}))
	require.True(t, reminder.Channel{SettingsVersion: 2}.Newer(reminder.Channel{SettingsVersion: 1}))
	require.False(t, reminder.Channel{SettingsVersion: 9}.Newer(reminder.Channel{Epoch: 1}))
}

func TestJudgedAtTheDueMoment(t *testing.T) {
	t.Parallel()
	due := reminder.Due{Timer: reminder.Timers(assigned, leads)[0], Run: assigned, Channel: reminder.Channel{Reminders: true}}
	require.Equal(t, reminder.Send, due.Judge(false, due.Timer.DueAt))
	require.Equal(t, reminder.Send, due.Judge(false, pickup.Add(-time.Second)), "late is better than never")
	require.Equal(t, reminder.Obsolete, due.Judge(false, pickup), "but not after pickup")
	require.Equal(t, reminder.Disabled, due.Judge(true, due.Timer.DueAt))
	unwanted := due
	unwanted.Unwanted = true
	require.Equal(t, reminder.Disabled, unwanted.Judge(false, due.Timer.DueAt))
	off, declined, cancelled, reset := due, due, due, due
	off.Channel.Reminders = false
	require.Equal(t, reminder.Disabled, off.Judge(false, due.Timer.DueAt))
	declined.Run.AssignmentNo, cancelled.Run.Closed, reset.Channel.Epoch = 3, false, 1
	for _, over := range []reminder.Due{declined, cancelled, reset} {
		require.Equal(t, reminder.Obsolete, over.Judge(true, due.Timer.DueAt))
	}
}

var open = reminder.Run{Open: true, StartedAt: pickup.Add(-30 * time.Minute), PickupAt: pickup, ClosesAt: pickup.Add(-10 * time.Minute)}

func TestAnOpenRunHasADeadlineAndALastCall(t *testing.T) {
	t.Parallel()
	byHand, soon := open, open
	byHand.ClosesAt = time.Time{}
	soon.StartedAt, soon.ClosesAt = pickup.Add(-10*time.Minute), pickup.Add(-5*time.Minute)
	deadline := func(at time.Time) reminder.Timer { return reminder.Timer{Kind: reminder.Deadline, DueAt: at} }
	call := func(before time.Duration) reminder.Timer {
		return reminder.Timer{Kind: reminder.LastCall, DueAt: pickup.Add(-before)}
	}
	for name, test := range map[string]struct {
		run    reminder.Run
		lead   time.Duration
		timers []reminder.Timer
	}{
		"no last call wanted":              {run: open, timers: []reminder.Timer{deadline(open.ClosesAt)}},
		"five minutes before closing":      {run: open, lead: 10 * time.Minute, timers: []reminder.Timer{deadline(open.ClosesAt), call(15 * time.Minute)}},
		"earlier than that":                {run: open, lead: 20 * time.Minute, timers: []reminder.Timer{deadline(open.ClosesAt), call(20 * time.Minute)}},
		"closed by hand":                   {run: byHand, lead: 10 * time.Minute, timers: []reminder.Timer{call(10 * time.Minute)}},
		"just started":                     {run: soon, lead: 10 * time.Minute, timers: []reminder.Timer{deadline(soon.ClosesAt)}},
		"within the first minute":          {run: byHand, lead: 29*time.Minute + time.Second},
		"a minute after the start exactly": {run: byHand, lead: 29 * time.Minute, timers: []reminder.Timer{call(29 * time.Minute)}},
	} {
		require.Equal(t, test.timers, reminder.Timers(test.run, reminder.Leads{Runner: offset, LastCall: test.lead}), name)
	}
}

func TestDeadlinesAndLastCallsAreJudgedAtTheDueMoment(t *testing.T) {
	t.Parallel()
	channel := reminder.Channel{LastCall: true}
	deadline := reminder.Due{Timer: reminder.Timer{Kind: reminder.Deadline, DueAt: open.ClosesAt}, Run: open, Channel: channel}
	require.Equal(t, reminder.Send, deadline.Judge(true, open.ClosesAt), "reminders being off concerns no deadline")
	require.Equal(t, reminder.Send, deadline.Judge(false, pickup.Add(time.Hour)), "late is better than never")
	moved := deadline
	moved.Run.ClosesAt = moved.Run.ClosesAt.Add(time.Minute)
	require.Equal(t, reminder.Obsolete, moved.Judge(false, open.ClosesAt))

	call := reminder.Due{Timer: reminder.Timer{Kind: reminder.LastCall, DueAt: pickup.Add(-15 * time.Minute)}, Run: open, Channel: channel}
	require.Equal(t, reminder.Send, call.Judge(false, call.Timer.DueAt))
	require.Equal(t, reminder.Disabled, call.Judge(true, call.Timer.DueAt))
	require.Equal(t, reminder.Obsolete, call.Judge(false, open.ClosesAt), "never after closing")
	call.Channel.LastCall = false
	require.Equal(t, reminder.Disabled, call.Judge(false, call.Timer.DueAt))
	call.Run.Open, deadline.Run.Open = false, false
	require.Equal(t, reminder.Obsolete, call.Judge(false, call.Timer.DueAt))
	require.Equal(t, reminder.Obsolete, deadline.Judge(false, open.ClosesAt))
}
