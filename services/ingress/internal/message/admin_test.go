package message_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

var channelSettings = &runv1.ChannelSettings{
	Version: 3, Enabled: true, Reminders: true, ReminderOffsetMinutes: 5, LastCallLeadMinutes: 10, ClosingLeadMinutes: 10,
	DefaultPickupMinutes: 30, Policy: runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, FairnessWindow: 5, RetentionDays: 90,
	AdminIds: []string{"U0ANA", "U0EVIL"},
}

func change() *runv1.RunEvent {
	to := proto.CloneOf(channelSettings)
	to.Version, to.Enabled, to.LastCall, to.ReminderOffsetMinutes, to.AdminIds = 4, false, true, 7, nil
	to.Policy = runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	return &runv1.RunEvent{
		ActorId: "U0ANA", OccurredAt: timestamppb.New(now), Settings: to,
		What: &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{Previous: channelSettings}},
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	golden(t, "modal_settings", "as they are", message.SettingsModal{ChannelID: channelID, Settings: channelSettings}.View(names),
		"with changes, reminders off", message.SettingsModal{
			ChannelID: channelID, Settings: change().GetSettings(), Changes: []*runv1.RunEvent{change()}, RemindersOff: true,
		}.View(names))
	golden(t, "modal_reset", "asks", message.ResetModal(channelID, "coffee"), "begun", message.ResetBegun())
	same := change()
	same.Settings = channelSettings
	golden(t, "settings", "saved", message.SettingsSaved(change(), names), "nothing changed", message.SettingsSaved(same, names),
		"not an admin", message.NotAdmin(channelSettings, names), "disabled", message.Disabled(&runv1.ChannelSettings{}, names))
	counts := &runv1.PurgeCounts{Runs: 12, Orders: 84, Usuals: 9, LedgerEntries: 31, Reminders: 1}
	golden(t, "reset", "all reported", message.ResetCompleted(&runv1.ChannelResetCompleted{Counts: counts}),
		"some are missing", message.ResetCompleted(&runv1.ChannelResetCompleted{Counts: counts, Missing: []string{"fairness", "reminder"}}))
}
