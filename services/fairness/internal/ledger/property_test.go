package ledger_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

var people = rapid.Map(rapid.IntRange(0, 6), person)

// policies with what each puts first: whoever is chosen goes before all others by it.
var policies = map[string]struct {
	ledger.Policy
	before func(r ledger.Request, a, b ledger.UserID) bool
}{
	"fair share": {ledger.FairShare{}, func(r ledger.Request, a, b ledger.UserID) bool {
		if called(r, a) != called(r, b) {
			return called(r, a)
		}
		return r.Ledger.Standings[a].Balance() < r.Ledger.Standings[b].Balance()
	}},
	"rotation": {ledger.Rotation{}, func(r ledger.Request, a, b ledger.UserID) bool { return turns(r, a) < turns(r, b) }},
}

// TestHistories plays random histories of a channel, with declines, volunteers, runs that nobody serves and a policy that
// is changed at any time, and checks what must hold of every choice and after every run.
func TestHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var (
			l       ledger.Ledger
			entries []ledger.Entry
			window  = rapid.IntRange(1, 7).Draw(t, "window")
		)
		for range rapid.SampledFrom([]int{0, 0, 100}).Draw(t, "earlier runs") {
			e := entry(t, len(entries)+1, cups{person(1): 1, person(2): 1}, person(len(entries)%3))
			entries = append(entries, e)
			l.Book(e)
		}
		for range rapid.IntRange(1, 40).Draw(t, "runs") {
			n := len(entries)
			r := ledger.Request{
				RunID:      run(n + 1),
				Orders:     rapid.MapOfN(people, rapid.IntRange(1, ledger.MaxCups), 1, 7).Draw(t, "orders"),
				Declined:   rapid.SliceOfN(people, 0, 3).Draw(t, "declined"),
				Volunteers: rapid.OneOf(rapid.Just[[]ledger.UserID](nil), rapid.SliceOfN(people, 0, 2)).Draw(t, "volunteers"),
				Window:     window,
				Ledger:     l,
			}
			policy := rapid.SampledFrom(slices.Sorted(maps.Keys(policies))).Draw(t, "policy")
			choice, err := policies[policy].Choose(r)
			if err != nil {
				require.ErrorIs(t, err, ledger.ErrNobody)
				require.Empty(t, expected(r))
			} else {
				checkChoice(t, policy, r, choice)
			}

			e := entry(t, n+1, r.Orders, choice.Runner)
			entries = append(entries, e)
			l.Book(e)
			require.Zero(t, sum(l), "balances add up to zero")
			shuffled := rapid.Permutation(entries).Draw(t, "entries")
			require.Equal(t, l, ledger.Fold(shuffled), "folded in any order or booked one by one, whatever policies chose")
		}
	})
}

func checkChoice(t *rapid.T, name string, r ledger.Request, choice ledger.Choice) {
	policy := policies[name]
	candidates := expected(r)
	require.Equal(t, candidates, ranked(choice))
	require.Equal(t, choice.Runner, choice.Ranking[0].User)
	require.NotContains(t, r.Declined, choice.Runner, "declined")
	if n := len(r.Ledger.Runners); n > 0 && len(candidates) > 1 && !slices.Contains(r.Volunteers, choice.Runner) {
		require.NotEqual(t, r.Ledger.Runners[n-1], choice.Runner, "twice in a row")
	}

	for i, c := range choice.Ranking {
		require.Equal(t, r.Ledger.Standings[c.User], c.Standing)
		for _, later := range choice.Ranking[i:] {
			require.False(t, policy.before(r, later.User, c.User), "%s goes before %s", later.User, c.User)
		}
	}
	require.Equal(t, r.Ledger.Standings[choice.Runner], choice.Standing)

	again := r
	again.Orders, again.Ledger.Standings = maps.Clone(r.Orders), maps.Clone(r.Ledger.Standings)
	again.Declined = rapid.Permutation(r.Declined).Draw(t, "declined again")
	again.Volunteers = rapid.Permutation(r.Volunteers).Draw(t, "volunteers again")
	repeated, err := policy.Choose(again)
	require.NoError(t, err)
	require.Equal(t, choice, repeated, "the same whatever order things come in")

	again.Ledger.Runners = r.Ledger.Runners[max(len(r.Ledger.Runners)-ledger.MaxWindow, 0):]
	repeated, err = policy.Choose(again)
	require.NoError(t, err)
	require.Equal(t, choice, repeated, "the same without the runners that no window reaches")

	again.Declined = append(again.Declined, choice.Runner)
	next, err := policy.Choose(again)
	if choice.RunnerUp == "" {
		require.ErrorIs(t, err, ledger.ErrNobody)
	} else {
		require.NoError(t, err)
		require.Equal(t, choice.RunnerUp, next.Runner, "the runner-up is who is chosen when the runner declines")
	}
}

// expected says in other words who may be chosen: sorted by name.
func expected(r ledger.Request) []ledger.UserID {
	declined := func(user ledger.UserID) bool { return slices.Contains(r.Declined, user) }
	volunteers := slices.DeleteFunc(slices.Clone(r.Volunteers), declined)
	if len(volunteers) > 0 {
		slices.Sort(volunteers)
		return slices.Compact(volunteers)
	}
	users := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Orders)), declined)
	if n := len(r.Ledger.Runners); n > 0 && len(users) > 1 {
		users = slices.DeleteFunc(users, func(user ledger.UserID) bool { return user == r.Ledger.Runners[n-1] })
	}
	return users
}

func ranked(choice ledger.Choice) []ledger.UserID {
	users := make([]ledger.UserID, 0, len(choice.Ranking))
	for _, c := range choice.Ranking {
		users = append(users, c.User)
	}
	slices.Sort(users)
	return users
}

// turns counts in other words how many of the latest runs user ran.
func turns(r ledger.Request, user ledger.UserID) int {
	latest := r.Ledger.Runners
	if len(latest) > r.Window {
		latest = latest[len(latest)-r.Window:]
	}
	return len(latest) - len(slices.DeleteFunc(slices.Clone(latest), func(runner ledger.UserID) bool { return runner == user }))
}

func called(r ledger.Request, user ledger.UserID) bool {
	owed := -r.Ledger.Standings[user].Balance().Runs()
	since, ran := r.Ledger.RunsSince(user)
	return owed >= 1 || owed >= 0.5 && (!ran || since >= r.Window)
}
