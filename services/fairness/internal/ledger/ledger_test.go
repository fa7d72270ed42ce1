package ledger_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func person(i int) ledger.UserID { return ledger.UserID(fmt.Sprintf("U%03d", i)) }

func day(n int) time.Time { return time.Date(2026, time.October, n, 10, 30, 0, 0, time.UTC) }

func run(n int) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func entry(t require.TestingT, n int, drunk cups, runner ledger.UserID) ledger.Entry {
	e, err := ledger.NewEntry(run(n), day(n), drunk, runner)
	require.NoError(t, err)
	return e
}

func sum(l ledger.Ledger) (total ledger.Share) {
	for _, s := range l.Standings {
		total += s.Balance()
	}
	return total
}

func TestFold(t *testing.T) {
	t.Parallel()
	// Out of order on purpose: the third run first.
	l := ledger.Fold([]ledger.Entry{
		entry(t, 3, cups{"ben": 4, "cem": 2}, "dee"),
		entry(t, 1, cups{"ana": 1, "ben": 1}, "ana"),
		entry(t, 2, cups{"ana": 9, "eve": 1}, ""),
	})
	require.Equal(t, ledger.Ledger{
		Standings: map[ledger.UserID]ledger.Standing{
			"ana": {Cups: 1, Owed: ledger.Half, Served: 1, Since: day(1), LastServedAt: day(1)},
			"ben": {Cups: 5, Owed: ledger.Run, Since: day(1)},
			"cem": {Cups: 2, Owed: ledger.Half, Since: day(3)},
			"dee": {Served: 1, Since: day(3), LastServedAt: day(3)}, // a volunteer without an order
		},
		Runners: []ledger.UserID{"ana", "dee"},
	}, l, "a run without a runner books nothing")
	require.Equal(t, -ledger.Run, l.Standings["ben"].Balance())
	require.Equal(t, ledger.Half, l.Standings["ana"].Balance())
	require.Equal(t, ledger.Run, l.Standings["dee"].Balance())
	require.Zero(t, sum(l))
}

// Someone who fetched only their own coffee has served nobody.
func TestRunOfOneIsNobodysTurn(t *testing.T) {
	t.Parallel()
	both := cups{"ana": 1, "ben": 1}
	entries := []ledger.Entry{
		entry(t, 1, both, "ben"), entry(t, 2, cups{"ana": 3}, "ana"),
	}
	l := ledger.Fold(entries)
	require.Equal(t, []ledger.UserID{"ben"}, l.Runners)
	require.Equal(t, ledger.Standing{Cups: 4, Owed: ledger.Half + ledger.Run, Served: 1, Since: day(1)}, l.Standings["ana"])
	choice, err := ledger.FairShare{}.Choose(ledger.Request{RunID: run(3), Orders: both, Window: 5, Ledger: l})
	require.NoError(t, err)
	require.Equal(t, ledger.UserID("ana"), choice.Runner)
	require.Equal(t, ledger.OnlyCandidate, choice.Rule, "ben ran last, for ana does not count as having run")

	// Whoever fetches somebody else's only coffee has served.
	l = ledger.Fold(append(entries, entry(t, 3, cups{"ben": 1}, "ana")))
	require.Equal(t, []ledger.UserID{"ben", "ana"}, l.Runners)
	require.Equal(t, day(3), l.Standings["ana"].LastServedAt)
}

func TestRunsSince(t *testing.T) {
	t.Parallel()
	l := ledger.Ledger{Runners: []ledger.UserID{"ana", "ben", "ana", "cem"}}
	for user, want := range map[ledger.UserID]int{"cem": 0, "ana": 1, "ben": 2} {
		runs, ok := l.RunsSince(user)
		require.True(t, ok)
		require.Equal(t, want, runs, "%s", user)
	}
	_, ok := l.RunsSince("dee")
	require.False(t, ok)
}
