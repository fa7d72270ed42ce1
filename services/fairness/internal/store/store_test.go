package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/store"
)

var noon = time.Date(2026, time.October, 1, 12, 0, 0, 0, time.UTC)

type bench struct {
	testing.TB
	kit   *testkit.Database
	db    *postgres.DB
	store store.Store
}

func newBench(t testing.TB) *bench {
	t.Helper()
	kit := testkit.Postgres(t)
	return &bench{TB: t, kit: kit, db: kit.Open(store.Role)}
}

type cups = map[ledger.UserID]int

func channelID(name string) ledger.ChannelID { return ledger.ChannelID{Workspace: "T1", Channel: name} }

func runID(channel, n int) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint32(id[:], uint32(channel)+1)
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

// posting is one that nobody has to decide about any more.
func posting(t require.TestingT, channel ledger.ChannelID, run uuid.UUID, version uint64, at time.Time, drunk cups, runner ledger.UserID) ledger.Posting {
	p := ledger.Posting{Channel: channel, Epoch: 1, Version: version, Entry: ledger.Entry{RunID: run, At: at}}
	if runner != "" {
		var err error
		p.Entry, err = ledger.NewEntry(run, at, drunk, runner)
		require.NoError(t, err)
	}
	return p
}

// book replaces the postings of runs in different channels by these.
func (b *bench) book(t require.TestingT, postings ...ledger.Posting) (tables []ledger.Table) {
	epochs := map[ledger.ChannelID]uint64{}
	var runs []uuid.UUID
	for _, p := range postings {
		epochs[p.Channel] = p.Epoch
		runs = append(runs, p.RunID)
	}
	require.NoError(t, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		books, err := b.store.Load(b.Context(), tx, epochs, runs)
		if err != nil {
			return err
		}
		var changes []ledger.Change
		for _, p := range postings {
			changes = append(changes, ledger.Change{Before: books.Postings[p.RunID], After: p})
		}
		tables, err = b.store.Book(b.Context(), tx, changes)
		return err
	}))
	return tables
}

func (b *bench) load(epoch uint64, channel ledger.ChannelID, runs ...uuid.UUID) (epochs map[ledger.ChannelID]uint64, kept map[uuid.UUID]ledger.Posting) {
	b.Helper()
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) (err error) {
		books, err := b.store.Load(b.Context(), tx, map[ledger.ChannelID]uint64{channel: epoch}, runs)
		epochs, kept = map[ledger.ChannelID]uint64{channel: books.Channels[channel].Epoch}, books.Postings
		return err
	}))
	return epochs, kept
}

func (b *bench) ledger(t require.TestingT, channel ledger.ChannelID, people ...ledger.UserID) ledger.Ledger {
	var l ledger.Ledger
	require.NoError(t, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		ledgers, err := b.store.Ledgers(b.Context(), tx, map[ledger.ChannelID][]ledger.UserID{channel: people})
		l = ledgers[channel]
		return err
	}))
	return l
}

// Whatever is booked, replaced and taken back in whatever order, the sums kept are those of all entries folded anew.
func TestSumsKeptAreSumsFolded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	people := []ledger.UserID{"ana", "ben", "cem", "dee", "eve"}
	person := rapid.SampledFrom(people)
	histories := 0
	rapid.Check(t, func(t *rapid.T) {
		histories++
		channels := [2]ledger.ChannelID{channelID(fmt.Sprint("C", histories)), channelID(fmt.Sprint("D", histories))}
		var entries [2]map[uuid.UUID]ledger.Entry
		for i := range entries {
			entries[i] = map[uuid.UUID]ledger.Entry{}
		}
		for version := range rapid.IntRange(1, 20).Draw(t, "changes") {
			var postings []ledger.Posting
			for i, channel := range channels {
				n := rapid.IntRange(0, 9).Draw(t, "run")
				if n == 9 {
					continue
				}
				run := runID(2*histories+i, n)
				at := noon.AddDate(0, 0, n/2) // two at the same time
				var runner ledger.UserID
				if rapid.IntRange(0, 4).Draw(t, "served") > 0 {
					runner = person.Draw(t, "runner")
				}
				drunk := rapid.MapOfN(person, rapid.IntRange(1, ledger.MaxCups), 1, 4).Draw(t, "cups")
				p := posting(t, channel, run, uint64(version+1), at, drunk, runner)
				postings = append(postings, p)
				entries[i][run] = p.Entry
			}
			for _, table := range b.book(t, postings...) {
				i := slices.Index(channels[:], table.Channel)
				folded := ledger.Fold(slices.Collect(maps.Values(entries[i])))
				requireTable(t, folded, table.Rows)
			}
		}
		for i, channel := range channels {
			folded := ledger.Fold(slices.Collect(maps.Values(entries[i])))
			kept := b.ledger(t, channel, people...)
			require.Equal(t, folded.Runners, kept.Runners)
			if len(folded.Standings) == 0 {
				require.Empty(t, kept.Standings)
			} else {
				require.Equal(t, folded.Standings, kept.Standings)
			}
		}
	})
	require.Zero(t, b.count("SELECT count(*) FROM (SELECT FROM fairness.standing GROUP BY workspace_id, channel_id HAVING sum(balance) <> 0) x"),
		"balances of a channel add up to zero")
	require.Zero(t, b.count(`SELECT count(*) FROM (SELECT FROM fairness.share GROUP BY run_id HAVING sum(owed) <> 10708457760) x`),
		"the shares of a run are one run")
	require.Zero(t, b.count(`SELECT count(*) FROM fairness.entry e WHERE (runner_id IS NOT NULL) <> EXISTS (SELECT FROM fairness.share s WHERE s.run_id = e.run_id)`),
		"participation and runner together, or neither")
}

func requireTable(t require.TestingT, folded ledger.Ledger, rows []ledger.Candidate) {
	require.Len(t, rows, len(folded.Standings))
	for i, row := range rows {
		require.Equal(t, folded.Standings[row.User], row.Standing)
		if i > 0 {
			require.LessOrEqual(t, rows[i-1].Standing.Balance(), row.Standing.Balance(), "most indebted first")
		}
	}
}

func (b *bench) count(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.db.Read(b.Context()).Raw(sql, args...).Row().Scan(&n))
	return n
}

func TestReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	served := posting(t, channel, runID(1, 1), 3, noon, cups{"ana": 2, "ben": 1}, "cem")
	provisional := posting(t, channel, runID(1, 2), 4, noon.Add(time.Hour), cups{"ana": 9, "ben": 1}, "ana")
	provisional.AssignmentNo, provisional.Explanation = 2, []byte{1, 2}
	nobody := posting(t, channel, runID(1, 3), 5, noon.Add(2*time.Hour), nil, "")
	nobody.AssignmentNo = 1
	unserved := posting(t, channel, runID(1, 4), 6, noon.Add(3*time.Hour), nil, "")
	all := map[uuid.UUID]ledger.Posting{}
	for _, p := range []ledger.Posting{served, provisional, nobody, unserved} {
		b.book(t, p)
		all[p.RunID] = p
	}
	_, kept := b.load(1, channel, append(slices.Collect(maps.Keys(all)), runID(1, 9))...)
	require.Equal(t, all, kept)
}

func TestVersionRisesWhenSomebodyMoves(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	first := posting(t, channel, runID(1, 1), 1, noon, cups{"ana": 1, "ben": 1}, "ben")
	first.AssignmentNo, first.Explanation = 1, []byte{}
	tables := b.book(t, first)
	require.Len(t, tables, 1)
	require.EqualValues(t, 1, tables[0].Version)
	require.EqualValues(t, 1, tables[0].Epoch)
	require.Equal(t, []ledger.UserID{"ana", "ben"}, []ledger.UserID{tables[0].Rows[0].User, tables[0].Rows[1].User})

	confirmed := first
	confirmed.Version, confirmed.AssignmentNo, confirmed.Explanation = 2, 0, nil
	require.Empty(t, b.book(t, confirmed), "a provisional entry that is confirmed moves nobody")
	cancelled := posting(t, channel, runID(1, 1), 3, noon, nil, "")
	tables = b.book(t, cancelled)
	require.EqualValues(t, 2, tables[0].Version)
	require.Empty(t, tables[0].Rows)
}

func TestTableIsCutOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	drunk := cups{}
	for n := range 300 {
		drunk[ledger.UserID(fmt.Sprintf("U%03d", n))] = 1 + n%ledger.MaxCups
	}
	tables := b.book(t, posting(t, channelID("C1"), runID(1, 1), 1, noon, drunk, "U000"))
	require.Len(t, tables[0].Rows, 200)
	require.Equal(t, 9, tables[0].Rows[0].Standing.Cups)
	require.Equal(t, 3, tables[0].Rows[199].Standing.Cups)
}

func TestRunnersReachTheLargestWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	var want []ledger.UserID
	for n := range ledger.MaxWindow + 3 {
		runner := ledger.UserID(fmt.Sprint("U", n))
		b.book(t, posting(t, channel, runID(1, n), 1, noon.Add(time.Duration(n)*time.Hour), cups{"ana": 1}, runner))
		want = append(want, runner)
	}
	b.book(t, posting(t, channel, runID(2, 1), 1, noon.AddDate(1, 0, 0), cups{"ana": 1}, "ana"))
	require.Equal(t, want[3:], b.ledger(t, channel).Runners, "the latest, without the run of one")
}

func TestHigherEpochVoids(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel, other := channelID("C1"), channelID("C2")
	run, untouched := runID(1, 1), runID(2, 1)
	b.book(t, posting(t, channel, run, 5, noon, cups{"ana": 1, "ben": 1}, "ben"),
		posting(t, other, untouched, 5, noon, cups{"ana": 1, "ben": 1}, "ben"))

	epochs, kept := b.load(3, channel, run, untouched)
	require.EqualValues(t, 3, epochs[channel])
	require.NotContains(t, kept, run)
	require.Contains(t, kept, untouched)
	require.Zero(t, b.count("SELECT count(*) FROM fairness.standing WHERE channel_id = 'C1'"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM fairness.entry"))
	require.Equal(t, 2, b.count("SELECT count(*) FROM fairness.share"))

	epochs, _ = b.load(2, channel)
	require.EqualValues(t, 3, epochs[channel], "an epoch is never lowered")

	again := posting(t, channel, run, 1, noon, cups{"cem": 1}, "dee")
	again.Epoch = 3
	tables := b.book(t, again)
	require.EqualValues(t, 2, tables[0].Version, "the version goes on")
	require.Equal(t, []ledger.UserID{"cem", "dee"}, []ledger.UserID{tables[0].Rows[0].User, tables[0].Rows[1].User})
}

func TestARunStaysInItsChannel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.book(t, posting(t, channelID("C1"), runID(1, 1), 1, noon, cups{"ana": 1}, "ben"))
	moved := posting(t, channelID("C2"), runID(1, 1), 2, noon, cups{"ana": 1}, "ben")
	err := b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
		if _, err := b.store.Load(t.Context(), tx, map[ledger.ChannelID]uint64{moved.Channel: 1}, nil); err != nil {
			return err
		}
		_, err := b.store.Book(t.Context(), tx, []ledger.Change{{After: moved}})
		return err
	})
	require.ErrorContains(t, err, "0 rows affected instead of 1")
}

// Batches that share channels take turns and do not deadlock; no change is lost.
func TestLockedChannelsTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channels := []ledger.ChannelID{channelID("C1"), channelID("C2"), channelID("C3")}
	const workers, rounds = 6, 10
	var changes [workers * rounds][]ledger.Change
	for n := range changes {
		for c, channel := range channels {
			changes[n] = append(changes[n], ledger.Change{After: posting(t, channel, runID(c, n), 1, noon, cups{"ana": 1, "ben": 1}, "ben")})
		}
		rand.Shuffle(len(channels), func(i, j int) { changes[n][i], changes[n][j] = changes[n][j], changes[n][i] })
	}
	done := make(chan error, workers)
	for w := range workers {
		go func() {
			done <- func() error {
				for i := range rounds {
					tries := 0
					err := b.db.InTx(context.Background(), func(tx *postgres.Tx) error {
						if tries++; tries > 1 {
							return fmt.Errorf("tried again: a deadlock")
						}
						epochs := map[ledger.ChannelID]uint64{}
						for _, c := range channels {
							epochs[c] = 1
						}
						if _, err := b.store.Load(context.Background(), tx, epochs, nil); err != nil {
							return err
						}
						_, err := b.store.Book(context.Background(), tx, changes[w*rounds+i])
						return err
					})
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range workers {
		require.NoError(t, <-done)
	}
	for _, c := range channels {
		require.Equal(t, workers*rounds, b.ledger(t, c, "ben").Standings["ben"].Served)
		require.Equal(t, workers*rounds, b.count("SELECT standings_version FROM fairness.channel WHERE channel_id = ?", c.Channel))
	}
}
