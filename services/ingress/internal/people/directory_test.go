package people_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

const office = "T0COFFEE"

// table is a store in memory.
type table struct {
	mu      sync.Mutex
	rows    map[string]people.Known
	queries atomic.Int32
	err     error
}

func (s *table) People(_ context.Context, _ string, ids []string) ([]people.Known, error) {
	s.queries.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []people.Known
	for _, id := range ids {
		if p, ok := s.rows[id]; ok {
			all = append(all, p)
		}
	}
	return all, s.err
}

func (s *table) SavePerson(_ context.Context, _ string, p people.Known) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[p.UserID] = p
	return s.err
}

// slack is a workspace.
type slack struct {
	asked atomic.Int32
	delay time.Duration
	err   error
	name  string
}

func (s *slack) Person(ctx context.Context, id string) (people.Person, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return people.Person{}, ctx.Err()
	}
	if s.err != nil {
		return people.Person{}, s.err
	}
	return people.Person{UserID: id, Name: s.name + id}, nil
}

func inBubble(t *testing.T, test func(t *testing.T, store *table, slack *slack, d *people.Directory)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, source := &table{rows: map[string]people.Known{}}, &slack{}
		test(t, store, source, people.New(store, source, slog.New(slog.DiscardHandler), time.Now))
	})
}

func TestSlackIsAskedOnceAndAgainAfterSomeHours(t *testing.T) {
	inBubble(t, func(t *testing.T, store *table, slack *slack, d *people.Directory) {
		for range 3 {
			p, err := d.Person(t.Context(), office, "U1")
			require.NoError(t, err)
			require.Equal(t, "U1", p.Name)
		}
		require.EqualValues(t, 1, slack.asked.Load())

		other := people.New(store, slack, slog.New(slog.DiscardHandler), time.Now) // another replica
		_, err := other.Person(t.Context(), office, "U1")
		require.NoError(t, err)
		require.EqualValues(t, 1, slack.asked.Load())

		time.Sleep(5 * time.Hour) //nolint:forbidigo // the bubble's clock
		slack.name = "new "
		p, err := d.Person(t.Context(), office, "U1")
		require.NoError(t, err)
		require.Equal(t, "new U1", p.Name)
	})
}

func TestManyAskAtOnceAndSlackIsAskedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *table, slack *slack, d *people.Directory) {
		slack.delay = 100 * time.Millisecond
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				_, err := d.Person(t.Context(), office, "U1")
				require.NoError(t, err)
			})
		}
		group.Wait()
		require.EqualValues(t, 1, slack.asked.Load())
	})
}

func TestWhatWasKnownIsGoodEnoughWhenSlackIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T, store *table, slack *slack, d *people.Directory) {
		_, err := d.Person(t.Context(), office, "U1")
		require.NoError(t, err)
		time.Sleep(24 * time.Hour) //nolint:forbidigo // the bubble's clock
		slack.err = errors.New("away")
		p, err := d.Person(t.Context(), office, "U1")
		require.NoError(t, err)
		require.Equal(t, "U1", p.Name)

		store.err = errors.New("away too")
		store.rows = nil
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		p, err = d.Person(t.Context(), office, "U1")
		require.NoError(t, err)
		require.Equal(t, "U1", p.Name)
	})
}

func TestNobodyIsAskedForAgainAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *table, slack *slack, d *people.Directory) {
		slack.err = errors.New("user_not_found")
		for range 3 {
			_, err := d.Person(t.Context(), office, "U1")
			require.Error(t, err)
		}
		require.EqualValues(t, 1, slack.asked.Load())
	})
}

func TestWhoAsksDoesNotWaitBeyondTheirTime(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *table, slack *slack, d *people.Directory) {
		slack.delay = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := d.Person(ctx, office, "U1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 200*time.Millisecond, time.Since(begun))
		synctest.Wait()
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock: the call to Slack ends too
	})
}

func TestNamesAreLoadedTogetherAndAllOfARunAreAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, store *table, slack *slack, d *people.Directory) {
		var ids []string
		for i := range 320 {
			id := fmt.Sprintf("U%03d", i)
			ids = append(ids, id)
			if i < 10 {
				store.rows[id] = people.Known{Person: people.Person{UserID: id, Name: "stored " + id}, SeenAt: time.Now()}
			}
		}
		names := d.Names(t.Context(), office, ids)
		require.EqualValues(t, 300, slack.asked.Load(), "as many as a run has orders")
		require.Equal(t, "stored U000", names("U000"))
		require.Equal(t, ids[10], names(ids[10]))
		require.Equal(t, people.Someone, names(ids[319]), "nor more than that")
		require.Equal(t, people.Someone, names("U-never-mentioned"))

		before := store.queries.Load()
		d.Names(t.Context(), office, ids[:30])
		require.Equal(t, before, store.queries.Load(), "now they are in memory")
	})
}

func TestNamesComeInTimeWithoutSlack(t *testing.T) {
	inBubble(t, func(t *testing.T, store *table, slack *slack, d *people.Directory) {
		slack.delay = time.Hour
		store.rows["U1"] = people.Known{Person: people.Person{UserID: "U1", Name: "Old"}, SeenAt: time.Now().Add(-24 * time.Hour)}
		begun := time.Now()
		names := d.Names(t.Context(), office, []string{"U1", "U2"})
		require.LessOrEqual(t, time.Since(begun), 2*time.Second)
		require.Equal(t, "Old", names("U1"))
		require.Equal(t, people.Someone, names("U2"))
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
	})
}

func TestWhoIsExpectedIsKnownWhenNeeded(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *table, slack *slack, d *people.Directory) {
		slack.delay = time.Second
		begun := time.Now()
		for i := range 100 {
			d.Expect(t.Context(), office, fmt.Sprintf("U%02d", i))
		}
		require.Zero(t, time.Since(begun), "nobody waits for it")
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.EqualValues(t, 64, slack.asked.Load(), "and it does not grow beyond all bounds")
		d.Expect(t.Context(), office, "U00")
		require.Equal(t, "U00", d.Names(t.Context(), office, []string{"U00"})("U00"))
		require.Equal(t, time.Second, time.Since(begun))
		require.EqualValues(t, 64, slack.asked.Load(), "once is enough")
	})
}

func TestAChangeIsKeptOfThoseWhoAreKnown(t *testing.T) {
	inBubble(t, func(t *testing.T, store *table, slack *slack, d *people.Directory) {
		store.rows["U1"] = people.Known{Person: people.Person{UserID: "U1", Name: "Old"}, SeenAt: time.Now()}
		for _, id := range []string{"U1", "U2"} {
			require.NoError(t, d.Changed(t.Context(), office, people.Person{UserID: id, Name: "New"}))
		}
		require.Equal(t, "New", store.rows["U1"].Name)
		require.NotContains(t, store.rows, "U2", "nobody here knows them")
		require.Equal(t, "New", d.Names(t.Context(), office, []string{"U1"})("U1"))
		require.Zero(t, slack.asked.Load())
	})
}
