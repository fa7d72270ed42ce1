package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// Dropping history changes nobody's standing, nor who ran lately: whoever is chosen next is the same, with the same numbers.
func TestDroppingHistoryChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	people := []ledger.UserID{"ana", "ben", "cem", "dee", "eve"}
	random := rand.New(rand.NewPCG(7, 0))
	const runs = 300
	for n := range runs {
		drunk := cups{}
		for _, user := range people {
			if random.IntN(3) > 0 {
				drunk[user] = 1 + random.IntN(3)
			}
		}
		drunk["ana"] = 1
		runner := people[random.IntN(len(people))]
		if n < 20 {
			delete(drunk, "eve")
			runner = "eve" // served long ago, and never since
		} else if runner == "eve" {
			runner = "ben"
		}
		b.book(t, posting(t, channel, runID(1, n), 1, noon.AddDate(0, 0, n-runs), drunk, runner))
	}
	before := b.ledger(t, channel, people...)
	b.keepFor(channel, 30)
	b.purge(noon)
	require.Equal(t, before, b.ledger(t, channel, people...))
	require.Equal(t, ledger.MaxWindow, b.count("SELECT count(*) FROM fairness.entry"), "the latest turns are kept; all else was older than 30 days, or is among them")

	// Later changes do not bring back what was dropped, nor lose it.
	b.book(t, posting(t, channel, runID(1, runs), 1, noon, cups{"eve": 1, "ana": 1}, "eve"))
	b.book(t, posting(t, channel, runID(1, runs), 2, noon, nil, ""))
	require.Equal(t, before, b.ledger(t, channel, people...), "taken back: eve served last long ago")
}

func TestAnEntryThatWasDroppedIsNotBookedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	for n := range ledger.MaxWindow + 1 {
		b.book(t, posting(t, channel, runID(1, n), 1, noon.AddDate(0, 0, n-200), cups{"ana": 1, "ben": 1}, "ben"))
	}
	b.keepFor(channel, 30)
	b.purge(noon)
	require.NoError(t, b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
		books, err := b.store.Load(t.Context(), tx, map[ledger.ChannelID]uint64{channel: 1}, nil)
		require.True(t, books.Dropped(ledger.Snapshot{RunID: runID(1, 0), Channel: channel, At: noon.AddDate(0, 0, -200)}))
		require.False(t, books.Dropped(ledger.Snapshot{RunID: runID(1, 999), Channel: channel, At: noon.AddDate(0, 0, -29)}))
		return err
	}))
}

func TestEachChannelIsPurgedOnceADay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for c := range 3 {
		b.book(t, posting(t, channelID(fmt.Sprint("C", c)), runID(c, 1), 1, noon.AddDate(0, 0, -100), cups{"ana": 1}, "ana")) // alone: no turn
	}
	b.keepFor(channelID("C0"), 365)
	require.Equal(t, 3, b.purge(noon))
	require.Equal(t, 1, b.count("SELECT count(*) FROM fairness.entry"), "one keeps them for a year")
	require.Zero(t, b.purge(noon.Add(22*time.Hour)))
	require.Equal(t, 3, b.purge(noon.Add(26*time.Hour)))
}

func (b *bench) keepFor(channel ledger.ChannelID, days int) {
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) error { return b.store.KeepFor(b.Context(), tx, channel, days) }))
	b.kit.Exec("UPDATE fairness.channel SET purge_due_at = '2026-01-01'")
}

// purge purges until nothing is due, and says how many steps it took.
func (b *bench) purge(now time.Time) (steps int) {
	b.Helper()
	for {
		more, err := b.store.PurgeEntries(b.Context(), b.db, now)
		require.NoError(b, err)
		if !more {
			return steps
		}
		steps++
	}
}
