package events_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/store"
)

func reset(epoch uint64) *bus.Record {
	id := uuid.Must(uuid.NewV7()).String()
	return record(&runv1.RunEvent{
		Id: id, WorkspaceId: "T1", ChannelId: "C1", Epoch: epoch, CorrelationId: id,
		What: &runv1.RunEvent_ChannelReset{ChannelReset: &runv1.ChannelReset{}},
	})
}

func settings(epoch uint64, retentionDays uint32) *bus.Record {
	return record(&runv1.RunEvent{
		WorkspaceId: "T1", ChannelId: "C1", Epoch: epoch, Settings: &runv1.ChannelSettings{RetentionDays: retentionDays},
		What: &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{}},
	})
}

func (b *bench) number(sql string) (n int) {
	b.Helper()
	require.NoError(b, b.db.Read(b.Context()).Raw(sql).Row().Scan(&n))
	return n
}

// reports are the resets reported by events: the entries purged, by epoch.
func (b *bench) reports(said []*fairnessv1.FairnessEvent) map[uint64]int {
	b.Helper()
	reports := map[uint64]int{}
	for _, event := range said {
		if purged := event.GetChannelPurged(); purged != nil {
			require.NotContains(b, reports, event.Epoch, "reported twice")
			reports[event.Epoch] = int(purged.Counts.LedgerEntries)
		}
	}
	return reports
}

func TestAResetIsReportedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := reset(2)
	require.Equal(t, map[uint64]int{2: 0}, b.reports(b.handle(first)), "of a channel that was never heard of")
	require.Empty(t, b.handle(again(first)...), "came twice")

	run := newBrew("ana", "ben")
	run.epoch = 2
	b.handle(run.asks(1))
	second := reset(3)
	said := b.handle(append(again(first, second), again(second)...)...)
	require.Equal(t, map[uint64]int{3: 1}, b.reports(said), "twice in a batch, and after one that was reported")
	var report runv1.RunEvent
	require.NoError(t, bus.Decode(second, &report))
	require.Equal(t, report.CorrelationId, said[0].CorrelationId)

	later := newBrew("ana", "ben")
	later.epoch = 3
	b.handle(later.asks(1))
	last := newBrew("ana")
	last.epoch = 4
	require.Equal(t, map[uint64]int{4: 1}, b.reports(b.handle(last.asks(1))), "by whatever event the epoch is seen")
	require.Empty(t, b.handle(reset(4)))
}

func TestAChannelsFirstEventPurgesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Empty(t, b.reports(b.handle(newBrew("ana", "ben").asks(1))))
}

// A service that was down during a reset reads on where it stopped; and events of before the reset may come after it.
func TestEventsOfBeforeAResetChangeNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	assigned, choosing, cancelled := newBrew("ana", "ben"), newBrew("ana", "ben"), newBrew("ana", "ben")
	old := []*bus.Record{
		assigned.asks(1), assigned.assigned("ana"), choosing.asks(1), cancelled.asks(1), cancelled.cancelled(), settings(1, 200),
	}
	b.handle(old[0])
	after := newBrew("cem", "dee")
	after.epoch, after.settings.RetentionDays = 2, 50
	missed := append(again(old...), settings(2, 40), reset(2), settings(2, 50), after.asks(1), after.assigned("cem"))
	require.Equal(t, map[uint64]int{2: 1}, b.reports(b.handle(missed...)))

	held := func() []any {
		return []any{
			b.balances(), b.number("SELECT count(*) FROM fairness.entry"), b.number("SELECT retention_days FROM fairness.channel"),
			b.number("SELECT standings_version FROM fairness.channel"), b.number("SELECT epoch FROM fairness.channel"),
		}
	}
	want := held()
	require.Equal(t, []any{map[string]float64{"cem": 0.5, "dee": -0.5}, 1, 50}, want[:3])
	for range 60 {
		require.Empty(t, b.handle(again(old...)...))
		late := newBrew("ana", "ben")
		require.Empty(t, b.handle(late.asks(1)))
		require.Empty(t, b.handle(late.declined(2), late.assigned("ben")))
		require.Equal(t, want, held())
		require.Empty(t, b.handle(again(settings(2, 50), old[len(old)-1])...), "beside one that counts")
		require.Equal(t, want, held())
	}
}

func TestEveryEventTellsHowLongEntriesAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	run.settings.RetentionDays = 30
	b.handle(run.asks(1))
	require.Equal(t, 30, b.number("SELECT retention_days FROM fairness.channel"))
	b.handle(settings(1, 365))
	require.Equal(t, 365, b.number("SELECT retention_days FROM fairness.channel"))
	b.handle(settings(1, 366), settings(1, 29), settings(1, 0))
	require.Equal(t, 365, b.number("SELECT retention_days FROM fairness.channel"), "no channel can choose that")
}

// A run that was open for longer than entries are kept was never booked.
func TestARunThatWasOpenForLongGetsItsRunner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	forgotten, dropped := newBrew("ana", "ben"), newBrew("ana", "ben")
	for i, run := range []*brew{forgotten, dropped} {
		run.StartedAt = timestamppb.New(noon.AddDate(0, 0, -100).Add(time.Duration(i) * time.Hour))
	}
	b.handle(dropped.asks(1))
	b.handle(dropped.assigned("ana"))
	require.NoError(t, b.db.Read(t.Context()).Exec("UPDATE fairness.channel SET purge_due_at = '2026-01-01'").Error)
	for range 50 {
		run := newBrew("ana", "ben")
		b.handle(run.asks(1))
		b.handle(run.assigned("ben"))
	}
	for more := true; more; {
		var err error
		more, err = store.Store{}.PurgeEntries(t.Context(), b.db, noon)
		require.NoError(t, err)
	}
	require.Equal(t, 50, b.number("SELECT count(*) FROM fairness.entry"), "dropped")
	booked := b.balances()

	require.Empty(t, b.handle(dropped.declined(2)), "booked, and not to be booked again")
	require.Empty(t, b.handle(dropped.assigned("ben")))
	require.Equal(t, booked, b.balances())

	said := b.handle(forgotten.asks(1))
	require.Len(t, said, 2)
	require.Equal(t, "ana", said[0].GetRunnerChosen().GetRunnerId(), "ben ran last")
	require.Empty(t, b.handle(forgotten.assigned("ana")))
}
