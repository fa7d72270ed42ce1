package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func TestRotationTakesWhoRanLeastOftenLately(t *testing.T) {
	t.Parallel()
	l := ledger.Fold([]ledger.Entry{
		entry(t, 1, cups{"ana": 9, "ben": 1}, "ben"),
		entry(t, 2, cups{"ana": 9, "ben": 1}, "cem"),
		entry(t, 3, cups{"ana": 9, "ben": 1}, "ben"),
		entry(t, 4, cups{"ana": 9, "ben": 1}, "dee"),
	})
	for name, test := range map[string]struct {
		orders cups
		window int
		runner ledger.UserID
		rule   ledger.Rule
	}{
		"who drinks much does not count": {cups{"cem": 1, "ben": 1, "dee": 9}, 5, "cem", ledger.FewestInWindow},
		"fewer runs":                     {cups{"cem": 1, "ben": 1}, 5, "cem", ledger.FewestInWindow},
		"longest ago in a short window":  {cups{"cem": 1, "ben": 1}, 2, "cem", ledger.FewestInWindow},
		"never":                          {cups{"eve": 1, "cem": 1}, 5, "eve", ledger.FewestInWindow},
		"not twice in a row":             {cups{"dee": 1, "ben": 1}, 5, "ben", ledger.OnlyCandidate},
		"unless nobody else is left":     {cups{"dee": 1}, 5, "dee", ledger.OnlyCandidate},
	} {
		choice, err := ledger.Rotation{}.Choose(ledger.Request{RunID: run(5), Orders: test.orders, Window: test.window, Ledger: l})
		require.NoError(t, err, name)
		require.Equal(t, test.runner, choice.Runner, name)
		require.Equal(t, test.rule, choice.Rule, name)
	}
	_, err := ledger.Rotation{}.Choose(ledger.Request{RunID: run(5), Orders: cups{"ana": 1}, Declined: []ledger.UserID{"ana"}, Window: 5, Ledger: l})
	require.ErrorIs(t, err, ledger.ErrNobody)
}
