package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

var admin = run.Actor{User: "adm", WorkspaceAdmin: true}

func TestChangeSettings(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	before := c.Settings
	wanted := before
	wanted.Policy = run.Rotation
	require.Equal(t, run.ErrNotAllowed, refusal(decide(c, ana, run.ChangeSettings{Settings: wanted})))
	require.Equal(t, run.ErrStale, refusal(decide(c, admin, run.ChangeSettings{Settings: wanted, IfVersion: 7})))
	events := decide(c, admin, run.ChangeSettings{Settings: wanted})
	require.Equal(t, before, events[0].What.(run.SettingsChanged).Previous)
	require.EqualValues(t, 1, c.Settings.Version)
	require.Equal(t, run.Rotation, events[0].Settings.Policy)

	events = decide(c, admin, run.ChangeSettings{Settings: wanted, IfVersion: 1})
	require.IsType(t, run.SettingsChanged{}, events[0].What, "it is answered")
	require.EqualValues(t, 1, c.Settings.Version, "nothing changed")

	wanted.Admins = []run.UserID{"ana"}
	decide(c, admin, run.ChangeSettings{Settings: wanted, IfVersion: 1})
	wanted.RetentionDays = 30
	require.Empty(t, refusal(decide(c, ana, run.ChangeSettings{Settings: wanted, IfVersion: 2})), "an admin of the channel may")
}

func TestSettingsHaveBounds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*run.Settings){
		"offset 0":      func(s *run.Settings) { s.ReminderOffset = 0 },
		"offset 61":     func(s *run.Settings) { s.ReminderOffset = 61 * time.Minute },
		"last call 0":   func(s *run.Settings) { s.LastCallLead = 0 },
		"last call 31":  func(s *run.Settings) { s.LastCallLead = 31 * time.Minute },
		"closing 61":    func(s *run.Settings) { s.ClosingLead = 61 * time.Minute },
		"pickup 4":      func(s *run.Settings) { s.DefaultPickup = 4 * time.Minute },
		"pickup 181":    func(s *run.Settings) { s.DefaultPickup = 181 * time.Minute },
		"window 51":     func(s *run.Settings) { s.FairnessWindow = 51 },
		"retention 29":  func(s *run.Settings) { s.RetentionDays = 29 },
		"retention 366": func(s *run.Settings) { s.RetentionDays = 366 },
		"policy":        func(s *run.Settings) { s.Policy = "dice" },
		"nobody":        func(s *run.Settings) { s.Admins = []run.UserID{""} },
		"51 admins":     func(s *run.Settings) { s.Admins = make([]run.UserID, 51) },
	} {
		c := newChannel(t)
		wanted := c.Settings
		change(&wanted)
		require.Equal(t, run.ErrInvalid, refusal(decide(c, admin, run.ChangeSettings{Settings: wanted})), name)
	}
}

func TestDisablingEndsTheOpenRun(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	off := c.Settings
	off.Enabled = false
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	decide(c, ana, run.CloseRun{Run: id})
	events := decide(c, admin, run.ChangeSettings{Settings: off})
	require.Len(t, events, 2)
	require.Equal(t, run.RunCancelled{}, events[1].What)
	require.Equal(t, run.ChannelDisabled, events[1].Run.EndReason)
	require.Zero(t, events[1].Run.Assignment, "nobody runs")
	require.False(t, events[1].Settings.Enabled)
	require.Empty(t, c.Assign(id, 1, "ben", nil, noon))
	require.Equal(t, run.ErrChannelDisabled, refusal(decide(c, ana, run.StartRun{ID: uuid.New()})))
}

func TestResetIsToldOnceAllHaveReported(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	c.Counts = run.Counts{"runs": 1, "orders": 2}
	require.Equal(t, run.ErrNotAllowed, refusal(decide(c, ben, run.ResetChannel{})))
	events := decide(c, admin, run.ResetChannel{})
	require.EqualValues(t, 2, events[0].Epoch)
	require.Equal(t, run.ErrUnknownRun, refusal(decide(c, ben, run.PlaceOrder{Run: id, Drink: "Tea"})))

	require.Empty(t, c.Purged(1, "fairness", nil, noon), "of another reset")
	require.IsType(t, run.ResetReported{}, c.Purged(2, "fairness", run.Counts{"ledger_entries": 3}, noon)[0].What)
	require.Empty(t, c.Purged(2, "fairness", run.Counts{"ledger_entries": 3}, noon), "redelivered")
	done := c.Purged(2, "reminder", run.Counts{"reminders": 4}, noon)[0].What.(run.ChannelResetCompleted).Reset
	require.Equal(t, run.Counts{"runs": 1, "orders": 2, "ledger_entries": 3, "reminders": 4}, done.Counts)
	require.Empty(t, done.Missing)
	require.Empty(t, c.ResetOverdue(noon.Add(time.Hour)))
}

func TestResetIsToldWithWhatIsKnown(t *testing.T) {
	t.Parallel()
	c, _ := started(t)
	decide(c, admin, run.ResetChannel{})
	c.Purged(2, "fairness", run.Counts{"ledger_entries": 3}, noon)
	require.Empty(t, c.ResetOverdue(noon.Add(run.ResetWait-1)))
	done := c.ResetOverdue(noon.Add(run.ResetWait))[0].What.(run.ChannelResetCompleted).Reset
	require.Equal(t, []string{"reminder"}, done.Missing)
	require.Empty(t, c.Purged(2, "reminder", nil, noon), "too late to be told")
}

func TestUsualByCommand(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	require.Equal(t, run.ErrInvalid, refusal(decide(c, ana, run.SaveUsual{Drink: " "})))
	for range 2 {
		require.Equal(t, run.UsualSaved{Usual: run.Usual{User: "ana", Drink: "Tea", Quantity: 1}}, decide(c, ana, run.SaveUsual{Drink: " Tea "})[0].What)
	}
	for range 2 {
		require.Equal(t, run.UsualCleared{User: "ana"}, decide(c, ana, run.ClearUsual{})[0].What)
	}
	require.Empty(t, c.Usuals)
}
