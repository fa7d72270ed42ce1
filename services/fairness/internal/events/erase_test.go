package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

func erased(channel string, b *brew) *bus.Record {
	event := &runv1.RunEvent{WorkspaceId: "T1", ChannelId: channel, Epoch: 1, What: &runv1.RunEvent_PersonErased{PersonErased: &runv1.PersonErased{
		UserId: "ben", ReplacedBy: "erased-1",
	}}}
	if channel == "" {
		event.Epoch = 0
	}
	if b != nil {
		b.Version++
		event.Run = b.Run
	}
	return record(event)
}

// In whatever order the word comes, everybody owes what they owed.
func TestAnErasedPersonOwesWithoutAName(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(b *bench, run *brew){
		"the person first":  func(b *bench, run *brew) { b.handle(erased("", nil)); b.handle(erased("C1", run), erased("C1", nil)) },
		"the channel first": func(b *bench, run *brew) { b.handle(erased("C1", run), erased("C1", nil)); b.handle(erased("", nil)) },
		"all at once":       func(b *bench, run *brew) { b.handle(erased("C1", run), erased("", nil), erased("C1", nil)) },
		"twice":             func(b *bench, run *brew) { r := erased("C1", run); b.handle(r, r, erased("", nil)) },
		"a snapshot between": func(b *bench, run *brew) {
			b.handle(erased("", nil))
			known := run.Orders[1].UserId
			run.Orders[1].UserId, run.Assignment.RunnerId = "ben", "ben"
			b.handle(run.tells(nil))
			run.Orders[1].UserId, run.Assignment.RunnerId = known, known
			b.handle(erased("C1", run))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			older, run := newBrew("ana", "ben", "cem"), newBrew("ana", "ben")
			older.asks(1)
			run.asks(1)
			b.handle(older.assigned("ana"))
			b.handle(run.assigned("ben"))
			before := b.balances()
			run.Orders[1].UserId, run.Assignment.RunnerId = "erased-1", "erased-1"
			published := len(b.published)
			tell(b, run)
			before["erased-1"] = before["ben"]
			delete(before, "ben")
			require.Equal(t, before, b.balances())
			require.Greater(t, len(b.published), published, "the standings are told anew")
			require.NotContains(t, string(b.published[len(b.published)-1].Value), "ben")
			for _, table := range []string{"entry", "share", "standing"} {
				var n int
				require.NoError(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM fairness."+table+" t WHERE t::text LIKE '%ben%'").Row().Scan(&n))
				require.Zero(t, n, table)
			}
		})
	}
}

func TestWhoWasErasedIsNotChosen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben", "cem")
	b.handle(run.asks(1))
	run.Orders[1].UserId, run.DeclinedIds = "erased-1", []string{"erased-1"}
	run.Assignment.AssignmentNo = 2
	said := b.handle(erased("C1", run))
	require.NotEmpty(t, said)
	require.NotEqual(t, "erased-1", said[0].GetRunnerChosen().GetRunnerId())
	require.EqualValues(t, 2, said[0].AssignmentNo)
}
