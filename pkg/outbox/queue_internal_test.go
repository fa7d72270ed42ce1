package outbox

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKeysCoalesce(t *testing.T) {
	t.Parallel()
	q := newQueue()
	q.add("a", "b", "a")
	q.add("b")
	require.ElementsMatch(t, []string{"a", "b"}, q.take(t.Context(), 10))
	require.Empty(t, q.grab(10))
}

func TestAKeyIsWithOneFlusherAtATime(t *testing.T) {
	t.Parallel()
	q := newQueue()
	q.add("a")
	first := q.take(t.Context(), 10)
	q.add("a", "b")
	require.Equal(t, []string{"b"}, q.grab(10))
	q.done(first, nil)
	require.Equal(t, []string{"a"}, q.take(t.Context(), 10))
}

// A key that failed is the sweeper's, so that no other waits for it; when the sweeper gets it through, it is like any other.
func TestAKeyThatFailedIsLeftToTheSweeper(t *testing.T) {
	t.Parallel()
	q := newQueue()
	q.add("bad", "good")
	keys := q.take(t.Context(), 10)
	q.add("bad")
	q.done(keys, []string{"bad"})
	q.add("bad", "good")
	require.Equal(t, []string{"good"}, q.grab(10))
	require.ElementsMatch(t, []string{"bad", "late"}, q.claim([]string{"good", "late"}), "good is with a flusher")
	require.Empty(t, q.claim([]string{"late"}))
	q.add("late")
	require.Empty(t, q.grab(10))
	q.done([]string{"bad", "late"}, nil)
	require.Equal(t, []string{"late"}, q.grab(10))
	q.add("bad")
	require.Equal(t, []string{"bad"}, q.grab(10))
}

func TestTakingWaitsForAKeyOrTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-time.After(time.Second); q.add("a"); <-time.After(time.Second); cancel() }()
		begun := time.Now()
		require.Equal(t, []string{"a"}, q.take(ctx, 10))
		require.Equal(t, time.Second, time.Since(begun))
		require.Empty(t, q.take(ctx, 10))
		require.Equal(t, 2*time.Second, time.Since(begun))
		q.add("b")
		require.Equal(t, []string{"b"}, q.take(ctx, 10), "what waits at the end is still flushed")
	})
}

// No key is forgotten, and none is with two flushers, however they interleave.
func TestManyFlushers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys, rounds = 20, 50
		q := newQueue()
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		pending, holders := map[string]bool{}, map[string]int{}
		var flushers sync.WaitGroup
		for range 4 {
			flushers.Go(func() {
				for {
					taken := q.take(ctx, 3)
					if len(taken) == 0 {
						return
					}
					mu.Lock()
					for _, k := range taken {
						holders[k]++
						require.Equal(t, 1, holders[k])
						pending[k] = false
					}
					mu.Unlock()
					<-time.After(time.Millisecond)
					mu.Lock()
					for _, k := range taken {
						holders[k]--
					}
					mu.Unlock()
					q.done(taken, nil)
				}
			})
		}
		for i := range rounds {
			for k := range keys {
				key := string(rune('a' + (k*7+i)%keys))
				mu.Lock()
				pending[key] = true
				mu.Unlock()
				q.add(key)
			}
			<-time.After(500 * time.Microsecond)
		}
		<-time.After(time.Second)
		cancel()
		flushers.Wait()
		for k, waits := range pending {
			require.False(t, waits, k)
		}
	})
}
