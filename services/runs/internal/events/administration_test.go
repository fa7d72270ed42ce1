package events_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

func changeSettings(version uint64, settings *runv1.ChannelSettings) *commandv1.Command {
	return &commandv1.Command{
		Actor: &commandv1.Actor{UserId: "adm", WorkspaceAdmin: true}, ReplyTo: "C1", CorrelationId: "corr-settings",
		What: &commandv1.Command_ChangeSettings{ChangeSettings: &commandv1.ChangeSettings{Settings: settings, IfVersion: version}},
	}
}

func reset() *commandv1.Command {
	return &commandv1.Command{
		Actor: &commandv1.Actor{UserId: "adm", WorkspaceAdmin: true}, ReplyTo: "C1", CorrelationId: "corr-reset",
		What: &commandv1.Command_ResetChannel{ResetChannel: &commandv1.ResetChannel{}},
	}
}

func TestSettingsAreKeptAndAudited(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	settings := k.do(closeRun("eve", id))[0].Settings // refused, but the settings come with it
	wanted := proto.CloneOf(settings)
	wanted.Enabled, wanted.ReminderOffsetMinutes, wanted.AdminIds = false, 7, []string{"cem"}
	wanted.Policy = runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	all := k.do(changeSettings(0, wanted))
	require.Len(t, all, 2)
	require.True(t, proto.Equal(settings, all[0].GetSettingsChanged().Previous))
	require.Equal(t, runv1.EndReason_END_REASON_CHANNEL_DISABLED, all[1].Run.EndReason)
	wanted.Version = 1
	require.True(t, proto.Equal(wanted, all[1].Settings))

	refused := k.do(startRun("ana", newID()))
	require.True(t, proto.Equal(wanted, refused[0].Settings), "read as it was written: %v", refused[0].Settings)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_CHANNEL_DISABLED, rejected(t, refused).Reason)

	var action, actor, changes, correlation string
	row := k.db.Read(t.Context()).Raw("SELECT action, actor_id, changes::text, correlation_id FROM runs.audit").Row()
	require.NoError(t, row.Scan(&action, &actor, &changes, &correlation))
	require.Equal(t, []string{"disable", "adm", "corr-settings"}, []string{action, actor, correlation})
	require.JSONEq(t, `{"enabled": [true, false], "reminder_offset_minutes": [5, 7], "admin_ids": [[], ["cem"]], "policy": ["fair_share", "rotation"]}`, changes)
	require.Error(t, k.db.Read(t.Context()).Exec("DELETE FROM runs.audit").Error, "the audit is not ours to change")
}

// A refused command leaves every table of the domain as it was.
func TestADisabledChannelIsLeftAlone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	off := proto.CloneOf(k.do(closeRun("eve", k.started()))[0].Settings)
	off.Enabled = false
	k.do(changeSettings(0, off))
	before := k.tables()
	rejected(t, k.do(startRun("ana", newID())))
	require.Equal(t, before, k.tables())
}

// tables is all that the domain keeps.
func (k *kit) tables() (all []string) {
	k.Helper()
	for _, table := range []string{"channel", "run", "drink_order", "usual", "personal_settings", "audit", "reset"} {
		var text string
		require.NoError(k, k.db.Read(k.Context()).Raw(fmt.Sprintf("SELECT coalesce(json_agg(t ORDER BY t::text)::text, '') FROM runs.%s t", table)).Row().Scan(&text))
		all = append(all, text)
	}
	return all
}

func TestResetPurgesOneChannelAndIsToldWithAllCounts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	other := startRun("ana", newID())
	other.ChannelId = "C2"
	usual := placeOrder("cem", id, "Tea")
	usual.GetPlaceOrder().RememberAsUsual = true
	k.do(other, usual)
	// In one batch with what comes before and after it.
	next := newID()
	all := k.do(placeOrder("dee", id, "Latte"), reset(), startRun("ana", next))
	require.Len(t, all, 3)
	require.EqualValues(t, 2, all[1].Epoch)
	counts := all[1].GetChannelReset().Counts
	require.True(t, proto.Equal(&runv1.PurgeCounts{Runs: 1, Orders: 2, Usuals: 1}, counts), "%v", counts)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN, rejected(t, k.do(placeOrder("ben", id, "Tea"))).Reason)
	require.Equal(t, next, k.do(startRun("ben", newID()))[0].Run.Id, "the new run is there")
	require.Equal(t, 2, k.count("run"), "one of them in another channel")

	report := &fairnessv1.FairnessEvent{Epoch: 2, What: &fairnessv1.FairnessEvent_ChannelPurged{
		ChannelPurged: &fairnessv1.ChannelPurged{Counts: &runv1.PurgeCounts{LedgerEntries: 31}},
	}}
	told, err := k.answer(report)
	require.NoError(t, err)
	require.Empty(t, told, "reminder is missing")
	done := k.moment("", noon, noon, func(e *reminderv1.ReminderEvent) {
		e.Epoch, e.Run = 2, nil
		e.What = &reminderv1.ReminderEvent_ChannelPurged{ChannelPurged: &reminderv1.ChannelPurged{Counts: &runv1.PurgeCounts{Reminders: 2}}}
	})
	require.Len(t, done, 1)
	require.Equal(t, []string{"adm", "C1", "corr-reset"}, []string{done[0].ActorId, done[0].ReplyTo, done[0].CorrelationId})
	counts = done[0].GetChannelResetCompleted().Counts
	require.True(t, proto.Equal(&runv1.PurgeCounts{Runs: 1, Orders: 2, Usuals: 1, LedgerEntries: 31, Reminders: 2}, counts), "%v", counts)
	require.Zero(t, k.count("reset"))
	require.Equal(t, 1, k.count("audit"), "the audit survives")
}

func TestResetIsToldWithoutWhoDoesNotReport(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.started()
	k.do(reset())
	more, err := k.CompleteResets(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, k.taken())
	k.now = noon.Add(10 * time.Second)
	_, err = k.CompleteResets(t.Context())
	require.NoError(t, err)
	done := k.taken()
	require.Len(t, done, 1)
	require.Equal(t, []string{"fairness", "reminder"}, done[0].GetChannelResetCompleted().Missing)
	require.Equal(t, "adm", done[0].ActorId)
}

func (k *kit) count(table string) (n int) {
	k.Helper()
	require.NoError(k, k.db.Read(k.Context()).Raw("SELECT count(*) FROM runs."+table).Row().Scan(&n))
	return n
}

func TestPersonalSettings(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for version := range uint64(2) {
		command := &commandv1.Command{Actor: by("ben"), What: &commandv1.Command_ChangePersonalSettings{
			ChangePersonalSettings: &commandv1.ChangePersonalSettings{Settings: &runv1.PersonalSettings{Reminders: true}},
		}}
		all := k.do(command)
		require.Len(t, all, 1)
		require.Empty(t, all[0].ChannelId)
		require.True(t, proto.Equal(&runv1.PersonalSettingsChanged{
			UserId: "ben", Settings: &runv1.PersonalSettings{Version: version + 1, Reminders: true},
		}, all[0].GetPersonalSettingsChanged()), "%v", all[0])
	}
}

func TestOldRunsArePurged(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	old := k.started()
	k.do(closeRun("ana", old))
	_, err := k.answer(chosen(old, 1, "ben"))
	require.NoError(t, err)
	k.started() // is open
	k.database.Exec(`UPDATE runs.channel SET purge_due_at = '2026-03-02'`)
	k.now = noon.AddDate(0, 0, 91)
	for i := range 2 {
		more, err := k.Purge(t.Context())
		require.NoError(t, err)
		require.Equal(t, i == 0, more, "once a day")
	}
	require.Equal(t, 1, k.count("run"), "an open run stays")
	require.Equal(t, 1, k.count("drink_order"))
}
