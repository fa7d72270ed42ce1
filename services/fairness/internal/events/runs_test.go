package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func TestWants(t *testing.T) {
	t.Parallel()
	for _, wanted := range []proto.Message{
		&runv1.RunClosed{}, &runv1.RunnerRequested{}, &runv1.RunnerAssigned{}, &runv1.RunnerWanted{}, &runv1.RunCancelled{},
		&runv1.RunFailed{}, &runv1.ChannelReset{},
	} {
		require.True(t, events.Wants(bus.TypeOf(wanted)), "%T", wanted)
	}
	require.True(t, events.Wants("coffeebuddy.run.v1.OfANewerRelease"))
	for _, unwanted := range []proto.Message{&runv1.RunStarted{}, &runv1.OrderPlaced{}, &runv1.OrderWithdrawn{}, &runv1.CommandRejected{}} {
		require.False(t, events.Wants(bus.TypeOf(unwanted)), "%T", unwanted)
	}
}

func TestAClosedRunGetsItsRunner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := newBrew("ana", "ben")
	said := b.handle(first.asks(1))
	require.Len(t, said, 2)
	b.handle(first.assigned(said[0].GetRunnerChosen().GetRunnerId()))
	served, owes := "ana", "ben"
	if said[0].GetRunnerChosen().GetRunnerId() == "ben" {
		served, owes = "ben", "ana"
	}

	run := newBrew("ana", "ben", "cem")
	run.settings.FairnessWindow = 7
	run.settings.Policy = 99 // of a newer release
	said = b.handle(run.asks(1))
	require.Len(t, said, 2)

	answer := said[0]
	require.Equal(t, run.Id, answer.RunId)
	require.EqualValues(t, 1, answer.AssignmentNo)
	require.EqualValues(t, 1, answer.Epoch)
	require.Equal(t, run.Id+"-2", answer.CorrelationId)
	require.Equal(t, owes, answer.GetRunnerChosen().GetRunnerId())
	why := answer.GetRunnerChosen().GetExplanation()
	require.Equal(t, runv1.Rule_RULE_RESTED_DEBTOR, why.Rule)
	require.Equal(t, runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, why.Policy)
	require.EqualValues(t, -500_000, why.BalanceMicros)
	require.EqualValues(t, 1, why.Cups)
	require.Zero(t, why.Served)
	require.Nil(t, why.RunsSinceServed, "never served")
	require.Equal(t, first.StartedAt.AsTime(), why.Since.AsTime())
	require.EqualValues(t, 7, why.Window)
	require.Equal(t, "cem", why.RunnerUpId)
	require.EqualValues(t, 2, why.Candidates, "%s ran last", served)
	require.Len(t, why.Ranking, 2)
	require.EqualValues(t, 500_000, why.Ranking[0].OwedMicros)

	require.Empty(t, said[1].RunId)
	standings := said[1].GetStandingsChanged()
	require.EqualValues(t, 2, standings.Version)
	require.Len(t, standings.Standings, 3)
	require.Equal(t, "cem", standings.Standings[0].UserId, "owes the most")
	require.InDeltaMapValues(t, map[string]float64{served: 0.5 - 1./3, owes: 1 - 0.5 - 1./3, "cem": -1. / 3}, b.balances(), 1e-9)
}

func TestAnAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben", "cem", "dee")
	first := b.handle(run.asks(1))[0].GetRunnerChosen()

	// Meanwhile the ledger has changed so much that the choice would be another one today.
	for range 3 {
		other := newBrew("ana", "ben", "cem", "dee")
		other.asks(1)
		b.handle(other.assigned(first.RunnerId))
	}
	said := b.handle(run.asksAgain())
	require.Len(t, said, 1, "the ledger did not change")
	require.True(t, proto.Equal(first, said[0].GetRunnerChosen()))
	require.EqualValues(t, 1, said[0].AssignmentNo)
	require.Equal(t, run.Id+"-3", said[0].CorrelationId)
}

func TestAssignmentConfirmsTheProvisionalEntry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	asked := run.asks(1)
	runner := b.handle(asked)[0].GetRunnerChosen().GetRunnerId()
	booked := b.balances()
	require.Empty(t, b.handle(run.assigned(runner)), "nothing changed")
	require.Equal(t, booked, b.balances())
	require.Empty(t, b.handle(run.tells(nil)), "nor now")
	require.Empty(t, b.handle(again(asked)...), "the question was overtaken")
}

func TestTheNewestSnapshotReplacesTheEntry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(*brew) *bus.Record
		want map[string]float64
	}{
		"somebody else ran": {func(r *brew) *bus.Record { return r.assigned("eve") }, map[string]float64{"ana": -0.5, "ben": -0.5, "eve": 1}},
		"nobody ran":        {(*brew).wanted, map[string]float64{}},
		"cancelled":         {(*brew).cancelled, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			run := newBrew("ana", "ben")
			asked := run.asks(1)
			b.handle(asked)
			then := test.then(run)
			said := b.handle(then)
			require.Len(t, said, 1)
			require.EqualValues(t, 2, said[0].GetStandingsChanged().GetVersion())
			require.Len(t, said[0].GetStandingsChanged().GetStandings(), len(test.want))
			require.Equal(t, test.want, b.balances())

			require.Empty(t, b.handle(again(asked)...), "the question was overtaken")
			require.Empty(t, b.handle(again(then)...))
			require.Empty(t, b.handle(again(asked, then)...))
			require.Equal(t, test.want, b.balances())
		})
	}
}

// Who declined is not judged by having been chosen, and has served nobody.
func TestAnotherAssignmentIsAnotherChoice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben", "cem")
	asked := run.asks(1)
	first := b.handle(asked)[0].GetRunnerChosen()
	b.handle(run.assigned(first.RunnerId))

	run.DeclinedIds = []string{first.RunnerId}
	said := b.handle(run.asks(2))
	require.Len(t, said, 2)
	second := said[0].GetRunnerChosen()
	require.EqualValues(t, 2, said[0].AssignmentNo)
	require.Equal(t, first.Explanation.RunnerUpId, second.RunnerId, "the next in line")
	require.Zero(t, second.Explanation.BalanceMicros, "the ledger is without this run")
	require.EqualValues(t, 2, second.Explanation.Candidates)
	require.InDelta(t, 2./3, b.balances()[second.RunnerId], 1e-9)
	require.InDelta(t, -1./3, b.balances()[first.RunnerId], 1e-9)

	require.Empty(t, b.handle(again(asked)...), "nobody asks for assignment 1 any more")

	run.DeclinedIds = []string{"ana", "ben", "cem"}
	said = b.handle(run.asks(3))
	require.Len(t, said, 2)
	require.IsType(t, &fairnessv1.FairnessEvent_NobodyLeft{}, said[0].What)
	require.EqualValues(t, 3, said[0].AssignmentNo)
	require.Empty(t, b.balances())
	said = b.handle(run.asksAgain())
	require.Len(t, said, 1)
	require.IsType(t, &fairnessv1.FairnessEvent_NobodyLeft{}, said[0].What)
	require.Empty(t, b.handle(run.wanted()))
}

func TestVolunteersGoFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	run.VolunteerIds = []string{"eve"}
	chosen := b.handle(run.asks(1))[0].GetRunnerChosen()
	require.Equal(t, "eve", chosen.RunnerId)
	require.Equal(t, runv1.Rule_RULE_ONLY_VOLUNTEER, chosen.Explanation.Rule)
}

// A question that was overtaken within the batch is not answered; one that is still open is answered once.
func TestOnlyOpenQuestionsOfABatchAreAnswered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	over, open := newBrew("ana", "ben"), newBrew("ana", "ben")
	said := b.handle(over.asks(1), over.assigned("ben"), open.asks(1), open.asksAgain())
	require.Len(t, said, 2)
	require.Equal(t, open.Id, said[0].RunId)
	require.Equal(t, "ana", said[0].GetRunnerChosen().GetRunnerId(), "ben ran just before")
	require.EqualValues(t, 2, said[1].GetStandingsChanged().GetVersion())
	require.Equal(t, map[string]float64{"ana": 0, "ben": 0}, b.balances())
}

func TestChannelsDoNotMix(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	here, there := newBrew("ana", "ben"), newBrew("ana", "ben")
	there.ChannelId = "C2"
	b.handle(here.asks(1), there.asks(1))
	said := b.handle(here.assigned("ana"), there.assigned("ben"))
	for _, event := range said {
		require.Len(t, event.GetStandingsChanged().GetStandings(), 2)
	}
	require.Equal(t, map[string]float64{"ana": 0.5, "ben": -0.5}, b.balances())
	next := newBrew("ana", "ben")
	next.ChannelId = "C2"
	require.Equal(t, "ana", b.handle(next.asks(1))[0].GetRunnerChosen().GetRunnerId())
}

func TestEpochs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := newBrew("ana", "ben")
	b.handle(old.asks(1))
	reset := record(&runv1.RunEvent{
		WorkspaceId: "T1", ChannelId: "C1", Epoch: 2, What: &runv1.RunEvent_ChannelReset{ChannelReset: &runv1.ChannelReset{}},
	})
	said := b.handle(reset)
	require.Len(t, said, 1)
	require.EqualValues(t, 2, said[0].Epoch)
	require.EqualValues(t, 1, said[0].GetChannelPurged().Counts.LedgerEntries)
	require.Empty(t, b.balances(), "purged")
	require.Empty(t, b.handle(old.assigned("ana"), old.asksAgain()), "of data that was purged")
	require.Empty(t, b.balances())

	later := newBrew("cem", "dee")
	later.epoch = 3 // seeing it is itself the trigger
	said = b.handle(again(old.asks(2), later.asks(1))...)
	require.Len(t, said, 3)
	for _, event := range said {
		require.EqualValues(t, 3, event.Epoch)
	}
	require.NotNil(t, said[0].GetChannelPurged())
	require.Equal(t, later.Id, said[1].RunId)
	require.Greater(t, said[2].GetStandingsChanged().GetVersion(), uint64(1), "the version goes on")
	require.Len(t, b.balances(), 2)
}

func TestUnknownKindsBringTheirSnapshot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	run.asks(1)
	run.assigned("ben")
	said := b.handle(run.tells(nil))
	require.Len(t, said, 1)
	require.Equal(t, map[string]float64{"ana": -0.5, "ben": 0.5}, b.balances())
}

func TestWhatDoesNotMatterLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	personal := record(&runv1.RunEvent{WorkspaceId: "T1", What: &runv1.RunEvent_PersonErased{PersonErased: &runv1.PersonErased{UserId: "ana"}}})
	open := newBrew("ana")
	require.Empty(t, b.handle(personal, open.tells(nil), newBrew("ana").cancelled()))
	var entries int
	require.NoError(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM fairness.entry").Row().Scan(&entries))
	require.Zero(t, entries)
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nameless, thirsty, timeless := newBrew("ana"), newBrew("ana"), newBrew("ana")
	nameless.Id = "not-a-uuid"
	thirsty.Orders[0].Quantity = 10
	timeless.StartedAt = nil
	require.ErrorContains(t, b.try(nameless.asks(1)), "run id")
	require.ErrorIs(t, b.try(thirsty.asks(1)), ledger.ErrEntry)
	require.ErrorIs(t, b.try(timeless.asks(1)), ledger.ErrEntry)
	require.Error(t, b.try(&bus.Record{Message: bus.Message{Value: []byte{0xff}}}))
	require.Empty(t, b.published)
}
