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
	assigned = reminder.Run{Closed: true, PickupAt: pickup, RunnerID: "U0BEN", AssignmentNo: 2, AssignedAt: pickup.Add(-time.Hour)}
)

func TestTheRunnerIsRemindedAtPickupMinusOffset(t *testing.T) {
	t.Parallel()
	want := []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 2, DueAt: pickup.Add(-5 * time.Minute)}}
	require.Equal(t, want, reminder.Timers(assigned, offset))
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
		require.Empty(t, reminder.Timers(run, offset), name)
	}
	require.Empty(t, reminder.Timers(assigned, time.Hour), "the offset reaches back to the assignment")
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
	due := reminder.Due{Timer: reminder.Timers(assigned, offset)[0], Run: assigned, Channel: reminder.Channel{Reminders: true}}
	require.Equal(t, reminder.Send, due.Judge(false, due.Timer.DueAt))
	require.Equal(t, reminder.Send, due.Judge(false, pickup.Add(-time.Second)), "late is better than never")
	require.Equal(t, reminder.Obsolete, due.Judge(false, pickup), "but not after pickup")
	require.Equal(t, reminder.Disabled, due.Judge(true, due.Timer.DueAt))
	off, declined, cancelled, reset := due, due, due, due
	off.Channel.Reminders = false
	require.Equal(t, reminder.Disabled, off.Judge(false, due.Timer.DueAt))
	declined.Run.AssignmentNo, cancelled.Run.Closed, reset.Channel.Epoch = 3, false, 1
	for _, over := range []reminder.Due{declined, cancelled, reset} {
		require.Equal(t, reminder.Obsolete, over.Judge(true, due.Timer.DueAt))
	}
}
