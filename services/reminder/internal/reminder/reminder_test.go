package reminder_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

var (
	pickup   = time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	assigned = reminder.Run{Closed: true, PickupAt: pickup, RunnerID: "U0BEN", AssignmentNo: 2, AssignedAt: pickup.Add(-time.Hour)}
	on       = reminder.Settings{Reminders: true, Offset: 5 * time.Minute}
)

func TestTheRunnerIsRemindedAtPickupMinusOffset(t *testing.T) {
	t.Parallel()
	want := []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 2, DueAt: pickup.Add(-5 * time.Minute)}}
	require.Equal(t, want, reminder.Timers(assigned, on))
}

func TestNoTimer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*reminder.Run, *reminder.Settings){
		"still open":                      func(r *reminder.Run, _ *reminder.Settings) { r.Closed = false },
		"nobody runs":                     func(r *reminder.Run, _ *reminder.Settings) { r.RunnerID = "" },
		"reminders off":                   func(_ *reminder.Run, s *reminder.Settings) { s.Reminders = false },
		"assigned at the very moment":     func(r *reminder.Run, _ *reminder.Settings) { r.AssignedAt = pickup.Add(-5 * time.Minute) },
		"assigned after the moment":       func(r *reminder.Run, _ *reminder.Settings) { r.AssignedAt = pickup.Add(-time.Minute) },
		"offset reaches before the start": func(_ *reminder.Run, s *reminder.Settings) { s.Offset = 60 * time.Minute },
	} {
		run, settings := assigned, on
		change(&run, &settings)
		require.Empty(t, reminder.Timers(run, settings), name)
	}
}

func TestJudgedAtTheDueMoment(t *testing.T) {
	t.Parallel()
	due := reminder.Due{Timer: reminder.Timers(assigned, on)[0], Run: assigned, Channel: reminder.Channel{Reminders: true}}
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
