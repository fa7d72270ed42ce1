package events_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// A runner who can't go is followed by the next; whoever ran in the end is credited, and nobody else.
func TestADeclineIsAnsweredAndTheLedgerFollowsWhoRan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben", "cem")
	first := b.handle(run.asks(1))[0].GetRunnerChosen().GetRunnerId()
	b.handle(run.assigned(first))
	require.InDelta(t, 2.0/3, b.balances()[first], 1e-5)

	run.DeclinedIds = []string{first}
	said := b.handle(run.declined(2))
	second := said[0].GetRunnerChosen().GetRunnerId()
	require.EqualValues(t, 2, said[0].AssignmentNo)
	require.NotEqual(t, first, second)
	require.InDelta(t, -1.0/3, b.balances()[first], 1e-5, "a refusal costs nothing, and earns nothing")
	require.Len(t, said[0].GetRunnerChosen().GetExplanation().Ranking, 2)

	// Someone who did not even drink takes over.
	run.Assignment.AssignmentNo = 3
	b.handle(run.assigned("zoe"))
	require.InDelta(t, 1, b.balances()["zoe"], 1e-5)
	require.InDelta(t, -1.0/3, b.balances()[second], 1e-5)
	sum := 0.0
	for _, balance := range b.balances() {
		sum += balance
	}
	require.InDelta(t, 0, sum, 1e-9)
}

func TestAllHaveDeclined(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana")
	b.handle(run.asks(1))
	b.handle(run.assigned("ana"))
	run.DeclinedIds = []string{"ana"}
	said := b.handle(run.declined(2))
	require.NotNil(t, said[0].GetNobodyLeft())
	require.Empty(t, b.balances(), "nobody ran, nobody owes")
}

// Ben drinks most and ran most often: by shares it is his turn again, by turns it is Cem's.
func TestTheChannelChoosesItsPolicy(t *testing.T) {
	t.Parallel()
	const shares, turns = runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	b := newBench(t)
	for _, runner := range []string{"ben", "zoe", "zoe", "zoe"} {
		run := newBrew("ben", "dee")
		b.handle(run.asks(1))
		b.handle(run.assigned(runner))
	}
	before := b.balances()
	require.Empty(t, b.handle(settings(1, 90)), "changed settings move nobody")

	run := newBrew("ben", "cem")
	run.settings.Policy = turns
	chosen := b.handle(run.asks(1))[0].GetRunnerChosen()
	require.Equal(t, "cem", chosen.RunnerId)
	require.Equal(t, turns, chosen.Explanation.Policy)
	require.Equal(t, runv1.Rule_RULE_FEWEST_IN_WINDOW, chosen.Explanation.Rule)

	run.settings.Policy = shares
	require.Equal(t, "cem", b.handle(run.asksAgain())[0].GetRunnerChosen().GetRunnerId(), "an answer stands")
	b.handle(run.cancelled())
	require.Equal(t, before, b.balances())

	run = newBrew("ben", "cem")
	run.settings.Policy = shares
	chosen = b.handle(run.asks(1))[0].GetRunnerChosen()
	require.Equal(t, "ben", chosen.RunnerId)
	require.Equal(t, shares, chosen.Explanation.Policy)
}

// A channel that is disabled cancels its run, also while it is closing or its runner is being chosen anew.
func TestARunCancelledAfterItClosedIsNotBooked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben", "cem")
	b.handle(run.asks(1))
	b.handle(run.assigned("ana"))
	run.DeclinedIds = []string{"ana"}
	b.handle(run.declined(2))
	require.Len(t, b.balances(), 3)
	said := b.handle(run.cancelled())
	require.Len(t, said, 1)
	require.Empty(t, said[0].GetStandingsChanged().GetStandings())
	require.Empty(t, b.balances())
}

// "I'll go" settles a run that nobody was left for, first come first served.
func TestARunnerWhoWasWantedIsCredited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	run.DeclinedIds = []string{"ana", "ben"}
	require.NotNil(t, b.handle(run.asks(1))[0].GetNobodyLeft())
	require.Empty(t, b.handle(run.wanted()))
	run.Assignment.AssignmentNo = 2
	b.handle(run.assigned("ana"))
	require.Equal(t, map[string]float64{"ana": 0.5, "ben": -0.5}, b.balances())
}

func TestTheLedgerBehindAChoiceIsComplete(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := newBrew("ana", "ben", "cem")
	b.handle(first.asks(1))
	b.handle(first.assigned("ben"))
	second := newBrew("ana", "cem")
	b.handle(second.asks(1))
	b.handle(second.assigned("ana"))

	run := newBrew("ana", "ben", "cem")
	for n := range 60 {
		run.Orders = append(run.Orders, &runv1.Order{UserId: fmt.Sprintf("U%02d", n), Drink: "Tea", Quantity: 1})
	}
	why := b.handle(run.asks(1))[0].GetRunnerChosen().GetExplanation()
	require.EqualValues(t, 62, why.Candidates, "ana ran last")
	require.Len(t, why.Ranking, 50)
	require.Equal(t, why.RunnerUpId, why.Ranking[1].UserId)
	cem := &runv1.Candidate{UserId: "cem", Cups: 2, OwedMicros: 833_333, BalanceMicros: -833_333}
	require.True(t, proto.Equal(cem, why.Ranking[0]), "%v", why.Ranking[0])
	for _, c := range why.Ranking[1:] {
		require.True(t, proto.Equal(&runv1.Candidate{UserId: c.UserId}, c), "a newcomer owes nothing: %v", c)
	}

	run.DeclinedIds = []string{"cem"}
	run.Orders = run.Orders[:3]
	why = b.handle(run.declined(2))[0].GetRunnerChosen().GetExplanation()
	require.Len(t, why.Ranking, 1)
	ben := &runv1.Candidate{UserId: "ben", Cups: 1, OwedMicros: 333_333, Served: 1, BalanceMicros: 666_667, LastServedAt: first.StartedAt}
	require.True(t, proto.Equal(ben, why.Ranking[0]), "%v", why.Ranking[0])
}
