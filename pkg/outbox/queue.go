package outbox

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// queue holds the keys that wait to be flushed. Keys coalesce: one that is added twice is flushed once, and a flusher
// takes all that wait. A key that is being flushed is not given to a second flusher, which would only wait for its rows.
// A key whose flush failed is suspect and left to the sweeper, so that it does not hold up the others.
type queue struct {
	mu                     sync.Mutex
	waiting, busy, suspect map[string]struct{}
	wake                   chan struct{}
}

func newQueue() *queue {
	return &queue{waiting: map[string]struct{}{}, busy: map[string]struct{}{}, suspect: map[string]struct{}{}, wake: make(chan struct{}, 1)}
}

func (q *queue) add(keys ...string) {
	q.mu.Lock()
	for _, key := range keys {
		if _, suspect := q.suspect[key]; !suspect {
			q.waiting[key] = struct{}{}
		}
	}
	q.mu.Unlock()
	q.signal()
}

// take waits until there are keys and returns at most limit of them; none when ctx ends and nothing waits.
func (q *queue) take(ctx context.Context, limit int) []string {
	for {
		if keys := q.grab(limit); len(keys) > 0 {
			return keys
		}
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		}
	}
}

func (q *queue) grab(limit int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var keys []string
	for key := range q.waiting {
		if _, busy := q.busy[key]; busy {
			continue
		}
		if len(keys) == limit {
			q.signal() // for the next flusher
			break
		}
		keys = append(keys, key)
		q.busy[key] = struct{}{}
		delete(q.waiting, key)
	}
	return keys
}

// claim returns those of keys, and of the suspects, that no flusher has.
func (q *queue) claim(keys []string) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var claimed []string
	for _, key := range slices.Concat(keys, slices.Collect(maps.Keys(q.suspect))) {
		if _, busy := q.busy[key]; !busy {
			q.busy[key] = struct{}{}
			claimed = append(claimed, key)
		}
	}
	return claimed
}

// done gives keys free; those that failed become suspect, the others no longer are. One that was added meanwhile is
// taken again.
func (q *queue) done(keys, failed []string) {
	q.mu.Lock()
	for _, key := range keys {
		delete(q.busy, key)
		delete(q.suspect, key)
	}
	for _, key := range failed {
		q.suspect[key] = struct{}{}
		delete(q.waiting, key)
	}
	more := len(q.waiting) > 0
	q.mu.Unlock()
	if more {
		q.signal()
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
