package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
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

// Whenever history is dropped, between whatever is booked, replaced and taken back: the sums kept are those of all entries
// that ever were, and each policy chooses as by them, with the same ranking.
func TestDroppingHistoryAtAnyTimeChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	random := rand.New(rand.NewPCG(11, 0))
	people := []ledger.UserID{"ana", "ben", "cem", "dee", "eve"}
	channels := []ledger.ChannelID{channelID("C0"), channelID("C1"), channelID("C2"), channelID("C3")}
	ever := make([]map[uuid.UUID]ledger.Entry, len(channels))
	for c := range ever {
		ever[c] = map[uuid.UUID]ledger.Entry{}
	}
	const days = 150
	late := 0
	for today := range days {
		heard := map[ledger.ChannelID]ledger.Posting{}
		for c, channel := range channels {
			n := today
			switch random.IntN(6) {
			case 0: // of a run of these days
				n = max(0, today-random.IntN(10))
			case 1: // of any, also one that was dropped
				n = random.IntN(today + 1)
			}
			drunk := cups{}
			for range 1 + random.IntN(4) {
				drunk[people[random.IntN(len(people))]] = 1 + random.IntN(3)
			}
			runner := people[random.IntN(1+min(today/20, len(people)-1))] // some serve late for the first time
			if random.IntN(8) == 0 {
				runner = ""
			}
			heard[channel] = posting(t, channel, runID(c, n), uint64(today+1), noon.AddDate(0, 0, n), drunk, runner)
		}
		for channel, booked := range b.follow(heard) {
			c := slices.Index(channels, channel)
			if p := heard[channel]; booked {
				ever[c][p.RunID] = p.Entry
			} else {
				late++
			}
		}
		if random.IntN(7) > 0 && today < days-1 {
			continue
		}
		for _, channel := range channels {
			b.keepFor(channel, 30)
		}
		b.purge(noon.AddDate(0, 0, today))
		for c, channel := range channels {
			requireSame(t, ledger.Fold(slices.Collect(maps.Values(ever[c]))), b.ledger(t, channel, people...))
		}
	}
	require.LessOrEqual(t, b.count("SELECT count(*) FROM fairness.entry"), len(channels)*(ledger.MaxWindow+10))
	require.Greater(t, late, 10, "news of entries that were dropped")
	require.Zero(t, b.count("SELECT count(*) FROM (SELECT FROM fairness.standing GROUP BY channel_id HAVING sum(balance) <> 0) x"))
}

// follow books the postings that are not void, at most one per channel, and says which.
func (b *bench) follow(heard map[ledger.ChannelID]ledger.Posting) (booked map[ledger.ChannelID]bool) {
	b.Helper()
	booked = map[ledger.ChannelID]bool{}
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		epochs := map[ledger.ChannelID]uint64{}
		var runs []uuid.UUID
		for channel, p := range heard {
			epochs[channel] = p.Epoch
			runs = append(runs, p.RunID)
		}
		books, err := b.store.Load(b.Context(), tx, epochs, runs)
		if err != nil {
			return err
		}
		var changes []ledger.Change
		for channel, p := range heard {
			booked[channel] = !books.Void(ledger.Snapshot{RunID: p.RunID, Channel: channel, Epoch: p.Epoch, At: p.At})
			if booked[channel] {
				changes = append(changes, ledger.Change{Before: books.Postings[p.RunID], After: p})
			}
		}
		_, err = b.store.Book(b.Context(), tx, changes)
		return err
	}))
	return booked
}

// requireSame compares what policies look at: of the runners, as many as a window of 20 reaches.
func requireSame(t *testing.T, want, got ledger.Ledger) {
	t.Helper()
	require.Equal(t, want.Standings, got.Standings)
	const window = 20
	require.Equal(t, want.Runners[max(len(want.Runners)-window, 0):], got.Runners[max(len(got.Runners)-window, 0):])
	for _, policy := range []ledger.Policy{ledger.FairShare{}, ledger.Rotation{}} {
		r := ledger.Request{RunID: runID(9, 9), Orders: cups{"ana": 1, "ben": 1, "cem": 1, "dee": 1, "eve": 1}, Window: window}
		r.Ledger = want
		wanted, err := policy.Choose(r)
		require.NoError(t, err)
		r.Ledger = got
		chosen, err := policy.Choose(r)
		require.NoError(t, err)
		require.Equal(t, wanted.Ranking, chosen.Ranking)
		require.Equal(t, wanted.Rule, chosen.Rule)
	}
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
		long := ledger.Snapshot{RunID: runID(1, 0), Channel: channel, Epoch: 1, At: noon.AddDate(0, 0, -200), AssignmentNo: 2, Choosing: true}
		require.True(t, books.Void(long))
		require.False(t, books.Void(ledger.Snapshot{RunID: runID(1, 999), Channel: channel, Epoch: 1, At: noon.AddDate(0, 0, -29)}))
		long.AssignmentNo = 1
		require.False(t, books.Void(long), "never booked")
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
