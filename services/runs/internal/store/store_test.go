package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

type bench struct {
	*testing.T
	kit   *testkit.Database
	db    *postgres.DB
	store *store.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	settings, err := run.DefaultSettings(5*time.Minute, 5)
	require.NoError(t, err)
	kit := testkit.Postgres(t)
	db := kit.Open(store.Role)
	return &bench{T: t, kit: kit, db: db, store: store.New(db, settings)}
}

func channelID(name string) run.ChannelID { return run.ChannelID{Workspace: "T1", Channel: name} }

// do decides on commands of one channel in one transaction and returns the channel as it was left in memory.
func (b *bench) do(commands ...run.Command) *run.Channel {
	b.Helper()
	var scope run.Scope
	for _, c := range commands {
		scope.Add(c)
	}
	var channel *run.Channel
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		channels, _, err := b.store.Load(b.Context(), tx, scope, nil)
		if err != nil {
			return err
		}
		channel = channels[commands[0].Channel]
		var events []run.Event
		for _, c := range commands {
			events = append(events, decide(channel, c)...)
		}
		b.store.Save(tx, events)
		return nil
	}))
	return channel
}

func (b *bench) load(scope run.Scope) map[run.ChannelID]*run.Channel {
	b.Helper()
	var channels map[run.ChannelID]*run.Channel
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) (err error) {
		channels, _, err = b.store.Load(b.Context(), tx, scope, nil)
		return err
	}))
	return channels
}

func command(channel run.ChannelID, by run.UserID, want run.Want) run.Command {
	return run.Command{Channel: channel, Actor: run.Actor{User: by}, CorrelationID: "corr", IssuedAt: noon, Want: want}
}

func decide(c *run.Channel, by run.Command) []run.Event {
	return c.Decide(by, by.IssuedAt)
}

// start opens a run of ana's in the channel, with an order of ben's.
func (b *bench) start(channel run.ChannelID) uuid.UUID {
	b.Helper()
	id := uuid.Must(uuid.NewV7())
	b.do(command(channel, "ana", run.StartRun{ID: id, Place: "Lobby"}), command(channel, "ben", run.PlaceOrder{Run: id, Drink: "Mocha", Remember: true}))
	return id
}

// What is read is what was decided, whatever was decided and however it was divided into transactions.
func TestReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		channel := channelID(fmt.Sprint("C", seed))
		people := []run.UserID{"ana", "ben", "cem", "dee"}
		memory := b.do(command(channel, "ana", run.CloseRun{}))
		at := noon
		for range 15 {
			var commands []run.Command
			for range 1 + random.IntN(6) {
				id := uuid.Must(uuid.NewV7())
				if len(memory.Runs) > 0 && random.IntN(10) > 0 {
					id = memory.Runs[len(memory.Runs)-1].ID
				}
				wants := []run.Want{
					run.StartRun{ID: uuid.Must(uuid.NewV7()), Place: "Lobby café"},
					run.PlaceOrder{Run: id, Drink: fmt.Sprint("Mocha ", random.IntN(3)), Quantity: uint32(random.IntN(9)), Remember: random.IntN(2) == 0},
					run.PlaceOrder{Run: id, Drink: "Tea"},
					run.PlaceUsual{Run: id},
					run.WithdrawOrder{Run: id},
					run.CancelRun{},
					run.AbandonRun{Run: id},
				}
				c := command(channel, people[random.IntN(len(people))], wants[random.IntN(len(wants))])
				at = at.Add(time.Duration(random.IntN(3)) * time.Microsecond)
				c.IssuedAt = at
				commands = append(commands, c)
				decide(memory, c)
			}
			b.do(commands...)
			scope := run.Scope{Channels: []run.ChannelID{channel}}
			for _, r := range memory.Runs {
				scope.Runs = append(scope.Runs, r.ID)
			}
			for _, p := range people {
				scope.Usuals = append(scope.Usuals, run.Person{Channel: channel, User: p})
			}
			requireSame(t, memory, b.load(scope)[channel])
		}
	}
}

func TestReadsAssignments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, answer := range map[string]func(c *run.Channel, id uuid.UUID) []run.Event{
		"assigned": func(c *run.Channel, id uuid.UUID) []run.Event {
			return c.Assign(id, 1, "ben", []byte{1, 2}, noon.Add(time.Second))
		},
		"wanted": func(c *run.Channel, id uuid.UUID) []run.Event { return c.NobodyLeft(id, 1, noon.Add(time.Second)) },
		"asked":  func(c *run.Channel, _ uuid.UUID) []run.Event { return c.Chase(noon.Add(40 * time.Second)) },
	} {
		channel := channelID(name)
		id := b.start(channel)
		b.do(command(channel, "ana", run.CloseRun{}))
		scope := run.Scope{Channels: []run.ChannelID{channel}, Runs: []uuid.UUID{id}}
		var memory *run.Channel
		require.NoError(t, b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
			channels, _, err := b.store.Load(t.Context(), tx, scope, nil)
			require.NoError(t, err)
			memory = channels[channel]
			b.store.Save(tx, answer(memory, id))
			return nil
		}))
		requireSame(t, memory, b.load(scope)[channel])
	}
}

func requireSame(t *testing.T, memory, read *run.Channel) {
	t.Helper()
	byID := func(a, b *run.Run) int { return slices.Compare(a.ID[:], b.ID[:]) }
	slices.SortFunc(memory.Runs, byID)
	slices.SortFunc(read.Runs, byID)
	for _, r := range memory.Runs {
		if len(r.Orders) == 0 {
			r.Orders = nil
		}
	}
	require.Equal(t, memory, read)
}

func TestARunIsFoundInItsOwnChannelOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.start(channelID("C1"))
	channels := b.load(run.Scope{Channels: []run.ChannelID{channelID("C2")}, Runs: []uuid.UUID{id}})
	require.Nil(t, channels[channelID("C2")].Run(id))
}

func TestSettingsOfAChannel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.kit.Exec(`INSERT INTO runs.channel (workspace_id, channel_id, epoch, settings_version, enabled, reminders, reminder_offset_minutes, last_call,
		last_call_lead_minutes, closing_lead_minutes, default_pickup_minutes, policy, fairness_window, retention_days, admin_ids)
		VALUES ('T1', 'C1', 7, 2, false, false, 8, true, 3, 0, 45, 'rotation', 9, 30, '{cai,dee}')`)
	c := b.load(run.Scope{Channels: []run.ChannelID{channelID("C1")}})[channelID("C1")]
	require.EqualValues(t, 7, c.Epoch)
	require.Equal(t, run.Settings{
		Version: 2, ReminderOffset: 8 * time.Minute, LastCall: true, LastCallLead: 3 * time.Minute, DefaultPickup: 45 * time.Minute,
		Policy: run.Rotation, FairnessWindow: 9, RetentionDays: 30, Admins: []run.UserID{"cai", "dee"},
	}, c.Settings)
}

func TestACommandIsClaimedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	claim := func(ids ...uuid.UUID) (fresh map[uuid.UUID]bool) {
		require.NoError(t, b.db.InTx(t.Context(), func(tx *postgres.Tx) (err error) {
			_, fresh, err = b.store.Load(t.Context(), tx, run.Scope{Channels: []run.ChannelID{channelID("C1")}}, ids)
			return err
		}))
		return fresh
	}
	one, two := uuid.New(), uuid.New()
	require.Equal(t, map[uuid.UUID]bool{one: true}, claim(one, one))
	require.Equal(t, map[uuid.UUID]bool{two: true}, claim(one, two))

	// Forgotten when no repeat can come any more.
	b.kit.Exec("UPDATE runs.inbox SET received_at = now() - interval '49 hours' WHERE command_id = $1", one)
	n, err := b.store.PurgeInbox(t.Context(), time.Now().Add(-48*time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, map[uuid.UUID]bool{one: true}, claim(one, two))
}

// Batches that share channels take turns, see what the one before did, and do not deadlock.
func TestLockedChannelsAreSeenAsTheOneBeforeLeftThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channels := []run.ChannelID{channelID("C1"), channelID("C2"), channelID("C3")}
	ids := map[run.ChannelID]uuid.UUID{}
	for _, c := range channels {
		ids[c] = b.start(c)
	}
	const workers, rounds = 6, 15
	done := make(chan error, workers)
	for w := range workers {
		go func() {
			done <- func() error {
				for i := range rounds {
					shuffled := slices.Clone(channels)
					rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
					tries := 0
					err := b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
						if tries++; tries > 1 {
							return fmt.Errorf("tried again: a deadlock")
						}
						loaded, _, err := b.store.Load(t.Context(), tx, run.Scope{Channels: shuffled}, nil)
						if err != nil {
							return err
						}
						var events []run.Event
						for _, c := range shuffled {
							user := run.UserID(fmt.Sprint(w, "-", i))
							events = append(events, decide(loaded[c], command(c, user, run.PlaceOrder{Run: ids[c], Drink: "Tea"}))...)
						}
						b.store.Save(tx, events)
						return nil
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
	for id, c := range b.load(run.Scope{Channels: channels}) {
		r := c.Open()
		require.Len(t, r.Orders, 1+workers*rounds, "no order lost")
		require.EqualValues(t, 2+workers*rounds, r.Version, "versions of %s have no gaps", id)
	}
}

func TestWhatWasDecidedOnAnOlderStateIsFoundOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	channel := channelID("C1")
	b.start(channel)
	stale := func() *run.Channel { return b.load(run.Scope{Channels: []run.ChannelID{channel}})[channel] }
	save := func(c *run.Channel, by run.UserID, want run.Want) error {
		return b.db.InTx(t.Context(), func(tx *postgres.Tx) error {
			b.store.Save(tx, decide(c, command(channel, by, want)))
			return nil
		})
	}
	first, second := stale(), stale()
	require.NoError(t, save(first, "ana", run.CloseRun{}))
	require.ErrorContains(t, save(second, "ana", run.CancelRun{}), "update run: 0 rows affected instead of 1")
}

func TestOverdueChannelsAreTakenByOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	due, open, later := channelID("due"), channelID("open"), channelID("later")
	for _, c := range []run.ChannelID{due, open, later} {
		b.start(c)
	}
	b.do(command(due, "ana", run.CloseRun{}))
	c := command(later, "ana", run.CloseRun{})
	c.IssuedAt = noon.Add(time.Minute)
	b.do(c)

	at := noon.Add(run.AskAgainAfter)
	overdue := func(ctx context.Context, tx *postgres.Tx) []run.ChannelID {
		var ids []run.ChannelID
		channels, err := b.store.LoadOverdue(ctx, tx, at, 10, nil)
		require.NoError(t, err)
		for _, c := range channels {
			require.Len(t, c.Open().Orders, 1)
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.NoError(t, b.db.InTx(t.Context(), func(first *postgres.Tx) error {
		require.Equal(t, []run.ChannelID{due}, overdue(t.Context(), first))
		return b.db.InTx(t.Context(), func(second *postgres.Tx) error {
			require.Empty(t, overdue(t.Context(), second), "someone is at it")
			return nil
		})
	}))
}

func TestAHandoverIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := channelID("C1")
	runID := b.start(id)
	b.do(command(id, "cem", run.Volunteer{Run: runID}), command(id, "ana", run.CloseRun{Run: runID}))
	b.change(id, runID, func(c *run.Channel) []run.Event { return c.Assign(runID, 1, "ana", []byte("why"), noon) })
	for _, want := range []run.Command{
		command(id, "ana", run.DeclineAssignment{Run: runID, No: 1}),
		command(id, "dee", run.StartRun{ID: uuid.Must(uuid.NewV7())}),
	} {
		b.do(want)
	}
	b.change(id, runID, func(c *run.Channel) []run.Event { return c.Assign(runID, 2, "cem", nil, noon) })
	b.do(command(id, "cem", run.AcceptAssignment{Run: runID, No: 2}))
	left := b.do(command(id, "dee", run.TakeOver{Run: runID, No: 2})).Run(runID)
	require.Equal(t, run.UserID("dee"), left.Assignment.OfferedBy)
	require.Equal(t, left, b.load(run.Scope{Channels: []run.ChannelID{id}, Runs: []uuid.UUID{runID}})[id].Run(runID))
}

// change has a channel, with one of its runs, changed otherwise than by a command.
func (b *bench) change(id run.ChannelID, runID uuid.UUID, do func(*run.Channel) []run.Event) {
	b.Helper()
	require.NoError(b, b.db.InTx(b.Context(), func(tx *postgres.Tx) error {
		channels, _, err := b.store.Load(b.Context(), tx, run.Scope{Channels: []run.ChannelID{id}, Runs: []uuid.UUID{runID}}, nil)
		if err != nil {
			return err
		}
		events := do(channels[id])
		require.NotEmpty(b, events)
		b.store.Save(tx, events)
		return nil
	}))
}

func TestRegularsOrderedInHalfOfTheLastTenClosedRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := channelID("C1")
	play := func(orders ...run.UserID) {
		runID := b.start(id) // with an order of its initiator's
		for _, user := range orders {
			b.do(command(id, user, run.PlaceOrder{Run: runID, Drink: "Tea"}))
		}
		b.do(command(id, "ana", run.CloseRun{Run: runID}))
		b.change(id, runID, func(c *run.Channel) []run.Event { return c.Assign(runID, 1, "ana", nil, noon) })
	}
	for range 10 {
		play("zoe") // long ago
	}
	b.kit.Exec(`UPDATE runs.run SET started_at = started_at - interval '1 day'`)
	for i := range 10 {
		switch {
		case i < 4:
			play("dee", "cem", "gil")
		case i == 4:
			play("dee", "cem")
		default:
			play("dee")
		}
	}
	channel := b.load(run.Scope{Channels: []run.ChannelID{id}, Regulars: []run.ChannelID{id}})[id]
	require.NotContains(t, channel.Regulars, run.UserID("zoe"))
	require.NotContains(t, channel.Regulars, run.UserID("gil"), "four of ten")
	require.Equal(t, run.UserID("cem"), channel.Regulars[len(channel.Regulars)-1], "half of them, the least regular of all")
	require.Contains(t, channel.Regulars, run.UserID("dee"))
}
