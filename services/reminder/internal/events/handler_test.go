package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/events"
)

func TestWants(t *testing.T) {
	t.Parallel()
	for _, wanted := range []proto.Message{
		&runv1.RunStarted{}, &runv1.RunMoved{}, &runv1.RunClosed{}, &runv1.RunnerAssigned{}, &runv1.RunnerWanted{}, &runv1.PersonalSettingsChanged{}, &runv1.RunCancelled{}, &runv1.RunFailed{}, &runv1.SettingsChanged{}, &runv1.ChannelReset{},
	} {
		require.True(t, events.Wants(bus.TypeOf(wanted)), "%T", wanted)
	}
	require.True(t, events.Wants("coffeebuddy.run.v1.OfANewerRelease"))
	for _, unwanted := range []proto.Message{&runv1.OrderPlaced{}, &runv1.Volunteered{}, &runv1.CommandRejected{}} {
		require.False(t, events.Wants(bus.TypeOf(unwanted)), "%T", unwanted)
	}
}

// The newest snapshot of a run counts, in whatever order a batch or several bring them.
func TestTheNewestSnapshotCounts(t *testing.T) {
	t.Parallel()
	for name, batches := range map[string]func(assigned, cancelled *bus.Record) [][]*bus.Record{
		"one after the other":  func(a, c *bus.Record) [][]*bus.Record { return [][]*bus.Record{{a}, {c}} },
		"in one batch":         func(a, c *bus.Record) [][]*bus.Record { return [][]*bus.Record{{a, c}} },
		"repeated":             func(a, c *bus.Record) [][]*bus.Record { return [][]*bus.Record{{a, c}, {a}, {a, c}} },
		"the other way around": func(a, c *bus.Record) [][]*bus.Record { return [][]*bus.Record{{c, a}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			gone, stays := newBrew(), newBrew()
			assigned := gone.tells()
			gone.Status, gone.Assignment = runv1.RunStatus_RUN_STATUS_CANCELLED, nil
			for _, batch := range batches(assigned, gone.tells()) {
				b.handle(batch...)
			}
			b.handle(stays.tells())
			fired, sent := b.fire(b.clock)
			require.Equal(t, 1, fired)
			require.Len(t, sent, 1)
			require.Equal(t, stays.Id, sent[0].Run.Id)
		})
	}
}

func TestAnotherRunnerIsRemindedInstead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew()
	b.handle(run.tells())
	run.Assignment.AssignmentNo, run.Assignment.RunnerId, run.Assignment.AssignedAt = 2, "cem", timestamppb.New(due.Add(-time.Second))
	b.handle(run.tells())
	_, sent := b.fire(b.clock)
	require.Len(t, sent, 1)
	require.Equal(t, "cem", sent[0].GetRunnerReminderDue().GetRunnerId())
	require.EqualValues(t, 2, sent[0].GetRunnerReminderDue().GetAssignmentNo())
}

func TestNobodyIsRemindedOfWhatTheyWereJustTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew()
	run.Assignment.AssignedAt = timestamppb.New(due)
	b.handle(run.tells())
	fired, _ := b.fire(b.clock)
	require.Zero(t, fired)
}

func TestAResetVoidsTimers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew()
	assigned := run.tells()
	b.handle(assigned)
	b.handle(record(&runv1.RunEvent{WorkspaceId: "T1", ChannelId: "C1", Epoch: 2, Settings: settings(0, true)}))
	b.handle(assigned)
	fired, _ := b.fire(b.clock)
	require.Zero(t, fired)
}

func TestPersonalEventsAreOfNoInterest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.handle(record(&runv1.RunEvent{WorkspaceId: "T1"}))
	var channels int
	require.NoError(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM reminder.channel").Row().Scan(&channels))
	require.Zero(t, channels)
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nameless := newBrew()
	nameless.Id = "not-a-uuid"
	require.ErrorContains(t, b.try(nameless.tells()), "run id")
	require.Error(t, b.try(&bus.Record{Message: bus.Message{Value: []byte{0xff}}}))
}

// opened is a run in which people still order.
func opened() *brew {
	run := newBrew()
	run.Status, run.Assignment = runv1.RunStatus_RUN_STATUS_OPEN, nil
	run.StartedAt, run.ClosesAt = timestamppb.New(pickup.Add(-time.Hour)), timestamppb.New(pickup.Add(-10*time.Minute))
	return run
}

func TestAMovedRunHasItsDeadlineMoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := opened()
	b.handle(run.tells())
	b.setTime(pickup.Add(-10 * time.Minute))
	_, sent := b.fire(b.clock)
	require.Len(t, sent, 1)
	require.NotNil(t, sent[0].GetDeadlineReached())
	require.Equal(t, pickup.Add(-10*time.Minute), sent[0].DueAt.AsTime())

	// At the same moment somebody moved it, so it has not closed.
	run.PickupAt, run.ClosesAt = timestamppb.New(pickup.Add(5*time.Minute)), timestamppb.New(pickup.Add(-5*time.Minute))
	b.handle(run.tells())
	b.setTime(pickup.Add(-5 * time.Minute))
	_, sent = b.fire(b.clock)
	require.Len(t, sent, 1)
	require.Equal(t, pickup.Add(-5*time.Minute), sent[0].DueAt.AsTime())
}

func TestSettingsThatChangeMoveTimers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run, other := opened(), newBrew()
	b.handle(run.tells(), other.tells())
	with := settings(2, true)
	with.LastCall, with.LastCallLeadMinutes, with.ReminderOffsetMinutes = true, 20, 8
	b.handle(record(&runv1.RunEvent{
		WorkspaceId: "T1", ChannelId: "C1", Epoch: 1, Settings: with,
		What: &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{}},
	}))
	b.setTime(pickup.Add(-20 * time.Minute))
	_, sent := b.fire(b.clock)
	require.Len(t, sent, 1)
	require.NotNil(t, sent[0].GetLastCallDue())
	require.Equal(t, run.Id, sent[0].Run.Id)
	b.setTime(pickup.Add(-8 * time.Minute))
	_, sent = b.fire(b.clock)
	require.Len(t, sent, 2)
	require.Equal(t, pickup.Add(-8*time.Minute), sent[1].DueAt.AsTime())
	require.NotNil(t, sent[1].GetRunnerReminderDue())
}

func TestWhoWantsNoRemindersGetsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wants := func(version uint64, reminders bool) *bus.Record {
		return record(&runv1.RunEvent{WorkspaceId: "T1", What: &runv1.RunEvent_PersonalSettingsChanged{PersonalSettingsChanged: &runv1.PersonalSettingsChanged{
			UserId: "ben", Settings: &runv1.PersonalSettings{Version: version, Reminders: reminders},
		}}})
	}
	b.handle(newBrew().tells(), wants(2, false), wants(1, true))
	fired, sent := b.fire(b.clock)
	require.Equal(t, 1, fired)
	require.Empty(t, sent)
	b.handle(newBrew().tells(), wants(3, true))
	_, sent = b.fire(b.clock)
	require.Len(t, sent, 1)
}

func TestAResetIsReportedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.handle(newBrew().tells(), opened().tells())
	reset := func(epoch uint64) *bus.Record {
		return record(&runv1.RunEvent{
			WorkspaceId: "T1", ChannelId: "C1", Epoch: epoch, CorrelationId: "corr-reset", Settings: settings(0, true),
			What: &runv1.RunEvent_ChannelReset{ChannelReset: &runv1.ChannelReset{}},
		})
	}
	b.handle(reset(2))
	report := &reminderv1.ReminderEvent{}
	require.Len(t, b.messages(), 1)
	require.NoError(t, bus.Decode(&bus.Record{Message: b.messages()[0]}, report))
	require.EqualValues(t, 2, report.Epoch)
	require.Equal(t, "corr-reset", report.CorrelationId)
	require.EqualValues(t, 2, report.GetChannelPurged().Counts.Reminders)
	b.handle(newBrew().tells()) // of the epoch before
	fired, _ := b.fire(b.clock)
	require.Zero(t, fired)

	b.handle(reset(3))
	require.Len(t, b.messages(), 2, "also where there was nothing")
}
