package run

import (
	"errors"
	"fmt"
	"slices"
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
	s := Settings{
		Enabled: true, Reminders: true, ReminderOffset: reminderOffset,
		LastCallLead: 10 * time.Minute, ClosingLead: 10 * time.Minute, DefaultPickup: 30 * time.Minute,
		Policy: FairShare, FairnessWindow: fairnessWindow, RetentionDays: 90,
	}
	return s, s.check()
}

// maxAdmins keeps the settings, which every event carries, small.
const maxAdmins = 50

// check says which of the bounds is not kept.
func (s Settings) check() error {
	for _, b := range []struct {
		what            string
		is, least, most int
	}{
		{"reminder offset in minutes", int(s.ReminderOffset / time.Minute), 1, 60},
		{"last call lead in minutes", int(s.LastCallLead / time.Minute), 1, 30},
		{"closing lead in minutes", int(s.ClosingLead / time.Minute), 0, 60},
		{"default pickup in minutes", int(s.DefaultPickup / time.Minute), 5, 180},
		{"fairness window in runs", int(s.FairnessWindow), 1, 50},
		{"retention in days", int(s.RetentionDays), 30, 365},
		{"channel admins", len(s.Admins), 0, maxAdmins},
	} {
		if b.is < b.least || b.is > b.most {
			return fmt.Errorf("%s: %d is not within %d to %d", b.what, b.is, b.least, b.most)
		}
	}
	if s.Policy != FairShare && s.Policy != Rotation {
		return fmt.Errorf("policy %q is not known", s.Policy)
	}
	if slices.Contains(s.Admins, "") {
		return errors.New("a channel admin without an id")
	}
	return nil
}
