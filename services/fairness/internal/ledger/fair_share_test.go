package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// with returns a standing with the given balance, of somebody who last ran on the given day (0: never).
func with(balance ledger.Share, lastServed int) ledger.Standing {
	if lastServed == 0 {
		return ledger.Standing{Owed: -balance}
	}
	return ledger.Standing{Owed: ledger.Run - balance, Served: 1, LastServedAt: day(lastServed)}
}

type standings = map[ledger.UserID]ledger.Standing

func TestFairShareRules(t *testing.T) {
	t.Parallel()
	const half, whole = ledger.Half, ledger.Run
	everyone := cups{"ana": 1, "ben": 1, "cem": 1}
	for name, tc := range map[string]struct {
		orders               cups
		declined, volunteers []ledger.UserID
		standings            standings
		runners              []ledger.UserID
		runner, next         ledger.UserID
		rule                 ledger.Rule
	}{
		"alone": {
			orders: cups{"ana": 1}, runner: "ana", rule: ledger.OnlyCandidate,
		},
		"alone, and ran last": {
			orders: cups{"ana": 1}, runners: []ledger.UserID{"ana"}, runner: "ana", rule: ledger.OnlyCandidate,
		},
		"the others declined": {
			orders: everyone, declined: []ledger.UserID{"ana", "cem"}, runner: "ben", rule: ledger.OnlyCandidate,
		},
		"the other one ran last": {
			orders: cups{"ana": 1, "ben": 1}, runners: []ledger.UserID{"ana"}, standings: standings{"ana": with(-3*whole, 1)},
			runner: "ben", next: "ana", rule: ledger.OnlyCandidate,
		},
		"ran last, and the others declined": {
			orders: everyone, runners: []ledger.UserID{"ana"}, declined: []ledger.UserID{"ben", "cem"},
			runner: "ana", rule: ledger.OnlyCandidate,
		},
		"a run of somebody absent spares nobody": {
			orders: everyone, runners: []ledger.UserID{"ana", "eve"}, standings: standings{"ana": with(-whole/4, 1)},
			runner: "ana", next: "ben", rule: ledger.LowestBalance,
		},
		"a volunteer who has most to their credit": {
			orders: everyone, volunteers: []ledger.UserID{"ben"}, standings: standings{"ana": with(-5*whole, 0), "ben": with(5*whole, 1)},
			runner: "ben", next: "ana", rule: ledger.OnlyVolunteer,
		},
		"a volunteer who ran last": {
			orders: everyone, volunteers: []ledger.UserID{"ben"}, runners: []ledger.UserID{"ben"}, standings: standings{"cem": with(-half, 0)},
			runner: "ben", next: "cem", rule: ledger.OnlyVolunteer,
		},
		"a volunteer without an order": {
			orders: everyone, volunteers: []ledger.UserID{"dee"}, standings: standings{"ana": with(-half, 0)},
			runner: "dee", next: "ana", rule: ledger.OnlyVolunteer,
		},
		"among volunteers it is fair again": {
			orders: everyone, volunteers: []ledger.UserID{"ben", "cem"},
			standings: standings{"ana": with(-5*whole, 0), "ben": with(-whole/4, 0), "cem": with(whole/4, 1)},
			runner:    "ben", next: "cem", rule: ledger.LowestBalance,
		},
		"volunteers who declined do not count": {
			orders: everyone, volunteers: []ledger.UserID{"ben"}, declined: []ledger.UserID{"ben"},
			standings: standings{"ana": with(-whole/4, 0), "ben": with(-5*whole, 0)},
			runner:    "ana", next: "cem", rule: ledger.LowestBalance,
		},
		"a rested debtor goes before a deeper debtor who ran lately": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve"},
			standings: standings{"ana": with(-half, 0), "ben": with(-whole+1, 1)},
			runner:    "ana", next: "ben", rule: ledger.RestedDebtor,
		},
		"of two who owe the same, the rested one": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve"},
			standings: standings{"ana": with(-half, 2), "ben": with(-half, 1)},
			runner:    "ana", next: "ben", rule: ledger.RestedDebtor,
		},
		"half a run less one part is not half a run": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve"},
			standings: standings{"ana": with(-half+1, 0), "ben": with(-whole+1, 1)},
			runner:    "ben", next: "ana", rule: ledger.LowestBalance,
		},
		"rest lasts for the window": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve", "eve", "eve", "eve"},
			standings: standings{"ana": with(-half, 0), "ben": with(-whole+1, 1)},
			runner:    "ana", next: "ben", rule: ledger.RestedDebtor,
		},
		"and not a run longer": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve", "eve", "eve", "eve", "eve"},
			standings: standings{"ana": with(-half, 0), "ben": with(-whole+1, 1)},
			runner:    "ben", next: "ana", rule: ledger.RestedDebtor,
		},
		"who owes a whole run goes however lately they ran": {
			orders: everyone, runners: []ledger.UserID{"ben", "eve"},
			standings: standings{"ana": with(-half, 0), "ben": with(-whole, 1)},
			runner:    "ben", next: "ana", rule: ledger.RestedDebtor,
		},
		"lowest balance without debtors": {
			orders: everyone, standings: standings{"ana": with(whole/4, 1), "ben": with(-whole/4, 2)},
			runner: "ben", next: "cem", rule: ledger.LowestBalance,
		},
		"level: never served is longest ago": {
			orders: everyone, standings: standings{"ana": with(0, 1), "ben": with(whole, 2)},
			runner: "cem", next: "ana", rule: ledger.ServedLongestAgo,
		},
		"level debtors: served longest ago": {
			orders: everyone, standings: standings{"ana": with(-half, 2), "ben": with(-half, 1), "cem": with(-half, 3)},
			runner: "ben", next: "ana", rule: ledger.ServedLongestAgo,
		},
		"level in everything: drawn": {
			orders: everyone, runner: "ben", next: "ana", rule: ledger.Draw,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			choice, err := ledger.FairShare{}.Choose(ledger.Request{
				RunID: run(7), Orders: tc.orders, Declined: tc.declined, Volunteers: tc.volunteers, Window: 5,
				Ledger: ledger.Ledger{Standings: tc.standings, Runners: tc.runners},
			})
			require.NoError(t, err)
			require.Equal(t, tc.runner, choice.Runner)
			require.Equal(t, tc.rule, choice.Rule)
			require.Equal(t, tc.next, choice.RunnerUp)
		})
	}
}

func TestFairShareFindsNobody(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]ledger.Request{
		"nobody ordered":    {RunID: run(1)},
		"everyone declined": {RunID: run(1), Orders: cups{"ana": 1, "ben": 1}, Declined: []ledger.UserID{"ben", "ana"}},
		"volunteers too": {
			RunID: run(1), Orders: cups{"ana": 1}, Volunteers: []ledger.UserID{"dee"}, Declined: []ledger.UserID{"dee", "ana"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ledger.FairShare{}.Choose(r)
			require.ErrorIs(t, err, ledger.ErrNobody)
		})
	}
}

// "Ben owes 0.75 runs (4 cups since 1 Oct, ran once) and did not run in the last 5. Next in line: Ana."
func TestFairShareExplains(t *testing.T) {
	t.Parallel()
	l := ledger.Fold([]ledger.Entry{
		entry(t, 1, cups{"ben": 1, "cem": 1}, "ben"),
		entry(t, 2, cups{"ana": 1, "ben": 1, "cem": 1, "dee": 1}, "ana"),
		entry(t, 3, cups{"ana": 1, "cem": 1}, "cem"),
		entry(t, 4, cups{"ben": 1, "dee": 1}, "dee"),
		entry(t, 5, cups{"cem": 1, "dee": 1}, "eve"),
		entry(t, 6, cups{"ana": 1, "ben": 1}, "ana"),
		entry(t, 7, cups{"cem": 1, "dee": 1}, "cem"),
	})
	choice, err := ledger.FairShare{}.Choose(ledger.Request{
		RunID: run(8), Orders: cups{"ana": 2, "ben": 1, "cem": 1}, Window: 5, Ledger: l,
	})
	require.NoError(t, err)
	ana, ben := l.Standings["ana"], l.Standings["ben"]
	require.Equal(t, ledger.Choice{
		Runner: "ben",
		Explanation: ledger.Explanation{
			Rule:            ledger.RestedDebtor,
			Standing:        ledger.Standing{Cups: 4, Owed: ledger.Run * 7 / 4, Served: 1, Since: day(1), LastServedAt: day(1)},
			RunsSinceServed: 6,
			Window:          5,
			RunnerUp:        "ana",
			Ranking:         []ledger.Candidate{{User: "ben", Standing: ben}, {User: "ana", Standing: ana}},
		},
	}, choice)
	require.Equal(t, int64(-750_000), choice.Standing.Balance().Micros())
	require.Equal(t, int64(750_000), ana.Balance().Micros())
}

// The lot must not hit the same name every time.
func TestFairShareDrawsAnotherNameInAnotherRun(t *testing.T) {
	t.Parallel()
	drawn := make(map[ledger.UserID]int)
	for n := range 3000 {
		choice, err := ledger.FairShare{}.Choose(ledger.Request{RunID: run(n), Orders: cups{"ana": 1, "ben": 1, "cem": 1}, Window: 5})
		require.NoError(t, err)
		drawn[choice.Runner]++
	}
	for user, n := range drawn {
		require.InDelta(t, 1000, n, 120, "%s", user)
	}
	require.Len(t, drawn, 3)
}
