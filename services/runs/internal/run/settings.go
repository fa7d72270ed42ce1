package run

import (
	"fmt"
	"time"
)

// Policy names how a runner is chosen.
type Policy string

// The policies.
const (
	FairShare Policy = "fair_share"
	Rotation  Policy = "rotation"
)

// Settings are a channel's settings. Their bounds are repeated in the table runs.channel.
type Settings struct {
	Version        uint64 // 0: nobody ever changed them, these are the defaults
	Enabled        bool
	Reminders      bool
	ReminderOffset time.Duration // before pickup, 1 to 60 min
	LastCall       bool
	LastCallLead   time.Duration // before pickup, 1 to 30 min
	ClosingLead    time.Duration // before pickup, 0 to 60 min; 0: closed only by hand
	DefaultPickup  time.Duration // after the start, 5 to 180 min
	Policy         Policy
	FairnessWindow uint32 // runs, 1 to 50
	RetentionDays  uint32 // 30 to 365
	Admins         []UserID
}

// DefaultSettings are those of a channel whose settings nobody ever changed.
// reminderOffset (1 to 60 min) and fairnessWindow (1 to 50 runs) are the installation's choice.
func DefaultSettings(reminderOffset time.Duration, fairnessWindow uint32) (Settings, error) {
	if reminderOffset < time.Minute || reminderOffset > time.Hour {
		return Settings{}, fmt.Errorf("reminder offset %s: not within 1 to 60 minutes", reminderOffset)
	}
	if fairnessWindow < 1 || fairnessWindow > 50 {
		return Settings{}, fmt.Errorf("fairness window %d: not within 1 to 50 runs", fairnessWindow)
	}
	return Settings{
		Enabled: true, Reminders: true, ReminderOffset: reminderOffset,
		LastCallLead: 10 * time.Minute, ClosingLead: 10 * time.Minute, DefaultPickup: 30 * time.Minute,
		Policy: FairShare, FairnessWindow: fairnessWindow, RetentionDays: 90,
	}, nil
}
