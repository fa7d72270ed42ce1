package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/store"
)

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

type bench struct {
	*testing.T
	kit   *testkit.Database
	db    *postgres.DB
	store *store.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	kit := testkit.Postgres(t)
	db := kit.Open(store.Role)
	return &bench{T: t, kit: kit, db: db, store: store.New(db)}
}

func channel(name string) reminder.Channel {
	return reminder.Channel{WorkspaceID: "T1", ChannelID: name, Epoch: 1, SettingsVersion: 1, Reminders: true}
}

// armed is a run of channel c with a timer for its first assignment.
func armed(c reminder.Channel, version uint64, due time.Time) reminder.Armed {
	return reminder.Armed{
		Run: reminder.Run{
			ID: uuid.Must(uuid.NewV7()), WorkspaceID: c.WorkspaceID, ChannelID: c.ChannelID, Epoch: c.Epoch, Version: version,
			PickupAt: due.Add(5 * time.Minute), Source: reminder.Source{Snapshot: []byte{1, 2}, CorrelationID: "corr", Trace: `{"traceparent": "00-1"}`},
		},
		Timers: []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 1, DueAt: due}},
	}
}

func (b *bench) save(c reminder.Channel, runs ...reminder.Armed) {
	b.Helper()
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		return b.store.Save(b.Context(), tx, []reminder.Channel{c}, runs)
	}))
}

func (b *bench) claim(now time.Time) (due []reminder.Due) {
	b.Helper()
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) (err error) {
		due, err = b.store.ClaimDue(b.Context(), tx, now, 100)
		return err
	}))
	return due
}

func (b *bench) next() time.Time {
	b.Helper()
	next, err := b.store.NextDue(b.Context())
	require.NoError(b, err)
	return next.UTC()
}

func (b *bench) count(table string) (n int) {
	b.Helper()
	require.NoError(b, b.db.Read(b.Context()).Raw("SELECT count(*) FROM reminder."+table).Row().Scan(&n))
	return n
}

func TestATimerFiresOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Zero(t, b.count("timer"))
	next, err := b.store.NextDue(t.Context())
	require.NoError(t, err)
	require.Zero(t, next)

	c := channel("C1")
	run := armed(c, 3, noon)
	b.save(c, run)
	require.Equal(t, noon, b.next())
	require.Empty(t, b.claim(noon.Add(-time.Microsecond)), "not before it is due")
	due := b.claim(noon)
	require.Len(t, due, 1)
	run.Timers[0].DueAt, due[0].Timer.DueAt = noon, due[0].Timer.DueAt.UTC()
	require.Equal(t, reminder.Due{
		Timer: run.Timers[0], Run: reminder.Run{ID: run.ID, Epoch: run.Epoch, Source: run.Source}, Channel: reminder.Channel{Epoch: 1, Reminders: true},
	}, due[0])
	require.Empty(t, b.claim(noon.Add(time.Hour)))
	next, err = b.store.NextDue(t.Context())
	require.NoError(t, err)
	require.Zero(t, next)
}

func TestNewerSnapshotsRearm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := channel("C1")
	run := armed(c, 3, noon)
	b.save(c, run)

	older, moved := run, run
	older.Version, older.Timers = 2, nil
	b.save(c, older)
	require.Equal(t, noon, b.next(), "an older one changes nothing")
	b.save(c, run)
	require.Equal(t, noon, b.next(), "nor the same again")
	moved.Version, moved.Timers = 4, []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 1, DueAt: noon.Add(time.Minute)}}
	b.save(c, moved)
	require.Equal(t, noon.Add(time.Minute), b.next())

	require.Len(t, b.claim(noon.Add(time.Minute)), 1)
	moved.Version, moved.Timers = 5, []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 1, DueAt: noon.Add(time.Hour)}}
	b.save(c, moved)
	require.Empty(t, b.claim(noon.Add(2*time.Hour)), "an assignment that has been reminded stays so")
	moved.Version, moved.Timers = 6, []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 2, DueAt: noon.Add(time.Hour)}}
	b.save(c, moved)
	require.Len(t, b.claim(noon.Add(2*time.Hour)), 1, "another runner is reminded")

	moved.Version, moved.Timers = 7, []reminder.Timer{{Kind: reminder.Runner, AssignmentNo: 3, DueAt: noon.Add(time.Hour)}}
	b.save(c, moved)
	moved.Version, moved.Timers = 8, nil
	b.save(c, moved)
	require.Empty(t, b.claim(noon.Add(2*time.Hour)), "nobody runs any more")
}

func TestTheNewestSettingsCount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	on := channel("C1")
	b.save(on, armed(on, 1, noon))
	off := on
	off.SettingsVersion, off.Reminders = 2, false
	b.save(off)
	b.save(on)
	due := b.claim(noon)
	require.Len(t, due, 1)
	require.False(t, due[0].Channel.Reminders)

	b.save(off, armed(off, 1, noon))
	off.Reminders = true // defaults are all of one version, and change with the environment of runs
	b.save(off)
	require.True(t, b.claim(noon)[0].Channel.Reminders)
}

func TestHigherEpochVoids(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c, other := channel("C1"), channel("C2")
	run := armed(c, 9, noon)
	b.save(c, run)
	b.save(other, armed(other, 1, noon.Add(time.Hour)))

	reset := c
	reset.Epoch, reset.SettingsVersion, reset.Reminders = 2, 0, false
	b.save(reset)
	require.Equal(t, 1, b.count("run"), "of the other channel")
	require.Equal(t, noon.Add(time.Hour), b.next())
	b.save(c, run)
	require.Equal(t, 1, b.count("run"), "a lower epoch is ignored")

	again := armed(reset, 1, noon)
	again.ID = run.ID
	b.save(reset, again)
	due := b.claim(noon)
	require.Len(t, due, 1)
	require.EqualValues(t, 2, due[0].Run.Epoch)
	require.False(t, due[0].Channel.Reminders, "settings begin anew as well")
}

func TestClocksShareTheTimers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const timers = 400
	for n := range timers {
		c := channel(fmt.Sprint("C", n%150))
		b.save(c, armed(c, 1, noon.Add(time.Duration(n)*time.Millisecond)))
	}
	var mu sync.Mutex
	fired := map[uuid.UUID]int{}
	var clocks sync.WaitGroup
	errs := make(chan error, 4)
	for range 4 {
		clocks.Go(func() {
			for {
				var due []reminder.Due
				err := b.db.InTx(context.Background(), func(tx *postgres.Tx) (err error) {
					due, err = b.store.ClaimDue(context.Background(), tx, noon.Add(time.Hour), 7)
					return err
				})
				mu.Lock()
				for _, d := range due {
					fired[d.Run.ID]++
				}
				done := len(fired) == timers
				mu.Unlock()
				if err != nil || done {
					errs <- err
					return
				}
			}
		})
	}
	clocks.Wait()
	for range 4 {
		require.NoError(t, <-errs)
	}
	for run, times := range fired {
		require.Equal(t, 1, times, "%s", run)
	}
}

func TestABusyChannelIsLeftForTheNextLook(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	busy, free := channel("C1"), channel("C2")
	later, sooner := armed(busy, 1, noon), armed(free, 1, noon)
	b.save(busy, later)
	b.save(free, sooner)
	require.NoError(t, b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
		require.NoError(t, b.store.Save(t.Context(), tx, []reminder.Channel{busy}, nil))
		due := b.claim(noon)
		require.Len(t, due, 1)
		require.Equal(t, sooner.ID, due[0].Run.ID)
		return nil
	}))
	due := b.claim(noon)
	require.Len(t, due, 1)
	require.Equal(t, later.ID, due[0].Run.ID)
}

func TestForget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := channel("C1")
	for n := range 5 {
		b.save(c, armed(c, 1, noon.Add(time.Duration(n)*time.Hour)))
	}
	before := noon.Add(3 * time.Hour) // the pickups of the first three are before
	for _, want := range []int64{2, 1, 0} {
		deleted, err := b.store.Forget(t.Context(), before, 2)
		require.NoError(t, err)
		require.Equal(t, want, deleted)
	}
	require.Equal(t, 2, b.count("run"))
	require.Equal(t, 2, b.count("timer"))
	require.Equal(t, noon.Add(3*time.Hour), b.next())
}
