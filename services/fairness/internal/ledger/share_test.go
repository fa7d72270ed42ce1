package ledger_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

type (
	cups   = map[ledger.UserID]int
	shares = map[ledger.UserID]ledger.Share
)

func TestShares(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cups cups
		want shares
	}{
		"nobody":                        {cups{}, nil},
		"without cups":                  {cups{"ana": 0}, nil},
		"alone":                         {cups{"ana": 3}, shares{"ana": ledger.Run}},
		"alone among people without":    {cups{"ana": 3, "ben": 0}, shares{"ana": ledger.Run}},
		"two":                           {cups{"ana": 1, "ben": 1}, shares{"ana": ledger.Half, "ben": ledger.Half}},
		"two, one of them very thirsty": {cups{"ana": 1, "ben": 9}, shares{"ana": ledger.Half, "ben": ledger.Half}},
		"in proportion": {
			cups{"ana": 1, "ben": 2, "cem": 3},
			shares{"ana": ledger.Run / 6, "ben": ledger.Run / 3, "cem": ledger.Half},
		},
		"the rest beyond half a run goes to the others in proportion": {
			cups{"ana": 1, "ben": 2, "cem": 9},
			shares{"ana": ledger.Run / 6, "ben": ledger.Run / 3, "cem": ledger.Half},
		},
		"what does not divide goes to the largest fractions, then by name": { // 6 cups lose 10/25 of a part, 7 cups 20/25
			cups{"ana": 6, "ben": 6, "cem": 6, "dee": 7},
			shares{"ana": 2570029863, "ben": 2570029862, "cem": 2570029862, "dee": 2998368173},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, ledger.Shares(tc.cups))
		})
	}
}

func TestSharesAreExactUpTo24Cups(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 24; n++ {
		everyone := make(cups)
		for i := range n {
			everyone[person(i)] = 1
		}
		for user, share := range ledger.Shares(everyone) {
			require.Equal(t, ledger.Run/ledger.Share(n), share, "%d people, %s", n, user)
			require.Zero(t, ledger.Half%ledger.Share(n))
		}
	}
}

func TestSharesAddUpAndAreLimited(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drunk := rapid.MapOfN(rapid.Map(rapid.IntRange(0, 299), person), rapid.IntRange(1, ledger.MaxCups), 1, 300).Draw(t, "cups")
		var sum ledger.Share
		got := ledger.Shares(drunk)
		for user, share := range got {
			sum += share
			require.Positive(t, share)
			if len(drunk) > 1 {
				require.LessOrEqual(t, share, ledger.Half, "%s owes more than half a run", user)
			}
			for other := range drunk {
				if drunk[other] > drunk[user] {
					require.GreaterOrEqual(t, got[other], share, "more cups never cost less")
				}
				if drunk[other] == drunk[user] {
					require.InDelta(t, int64(share), int64(got[other]), 1, "equal cups cost the same, but for one part")
				}
			}
		}
		require.Equal(t, ledger.Run, sum)
		require.Len(t, got, len(drunk))
		require.Equal(t, got, ledger.Shares(maps.Clone(drunk)), "the same whatever order things come in")
	})
}

func TestShareShown(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(1_000_000), ledger.Run.Micros())
	require.Equal(t, int64(-333_333), (-ledger.Run / 3).Micros())
	require.Equal(t, int64(666_667), (ledger.Run * 2 / 3).Micros())
	require.InDelta(t, -1.5, (-ledger.Run - ledger.Half).Runs(), 1e-12)
}
