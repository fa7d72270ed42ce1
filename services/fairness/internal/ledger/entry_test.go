package ledger_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func TestNewEntry(t *testing.T) {
	t.Parallel()
	drunk := cups{"ana": 1, "ben": 1}
	e, err := ledger.NewEntry(run(1), day(1), drunk, "cem")
	require.NoError(t, err)
	require.Equal(t, ledger.Entry{
		RunID: run(1), At: day(1), Cups: cups{"ana": 1, "ben": 1},
		Owed: shares{"ana": ledger.Half, "ben": ledger.Half}, Runner: "cem",
	}, e)

	drunk["ana"] = 9
	require.Equal(t, 1, e.Cups["ana"], "the entry is its own")

	e, err = ledger.NewEntry(run(1), day(1), drunk, "")
	require.NoError(t, err)
	require.Empty(t, e.Owed, "a run that nobody served costs nothing")
}

func TestNewEntryRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run  uuid.UUID
		at   time.Time
		cups cups
	}{
		"no run":          {uuid.Nil, day(1), cups{"ana": 1}},
		"no time":         {run(1), time.Time{}, cups{"ana": 1}},
		"no participants": {run(1), day(1), nil},
		"no name":         {run(1), day(1), cups{"": 1}},
		"no cups":         {run(1), day(1), cups{"ana": 1, "ben": 0}},
		"too many cups":   {run(1), day(1), cups{"ana": 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ledger.NewEntry(tc.run, tc.at, tc.cups, "ana")
			require.ErrorIs(t, err, ledger.ErrEntry)
		})
	}
}
