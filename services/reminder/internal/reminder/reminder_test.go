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
	timer := reminder.Timers(assigned, on)[0]
	require.Equal(t, reminder.Send, reminder.Judge(timer, assigned, true, timer.DueAt))
	require.Equal(t, reminder.Send, reminder.Judge(timer, assigned, true, pickup.Add(-time.Second)), "late is better than never")
	require.Equal(t, reminder.Obsolete, reminder.Judge(timer, assigned, true, pickup), "but not after pickup")
	require.Equal(t, reminder.Disabled, reminder.Judge(timer, assigned, false, timer.DueAt))
	declined, cancelled := assigned, assigned
	declined.AssignmentNo, cancelled.Closed = 3, false
	require.Equal(t, reminder.Obsolete, reminder.Judge(timer, declined, true, timer.DueAt))
	require.Equal(t, reminder.Obsolete, reminder.Judge(timer, cancelled, false, timer.DueAt))
}
