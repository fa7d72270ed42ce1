package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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

func TestTheChannelChoosesItsPolicy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew("ana", "ben")
	b.handle(run.asks(1))
	b.handle(run.assigned("ana"))
	run = newBrew("ana", "ben", "cem")
	run.settings.Policy = runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	why := b.handle(run.asks(1))[0].GetRunnerChosen().GetExplanation()
	require.Equal(t, runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION, why.Policy)
}
