package outbox

import (
	"context"
	"sync"
)

// queue holds the keys that wait to be flushed. Keys coalesce: one that is added twice is flushed once, and a flusher
// takes all that wait. A key that is being flushed is not given to a second flusher, which would only wait for its rows.
type queue struct {
	mu      sync.Mutex
	waiting map[string]struct{}
	busy    map[string]struct{}
	wake    chan struct{}
}

func newQueue() *queue {
	return &queue{waiting: map[string]struct{}{}, busy: map[string]struct{}{}, wake: make(chan struct{}, 1)}
}

func (q *queue) add(keys ...string) {
	q.mu.Lock()
	for _, key := range keys {
		q.waiting[key] = struct{}{}
	}
	q.mu.Unlock()
	q.signal()
}

// take waits until there are keys and returns at most limit of them; none when ctx ends.
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
	more := false
	for key := range q.waiting {
		if _, busy := q.busy[key]; busy {
			continue
		}
		if more = len(keys) == limit; more {
			break
		}
		keys = append(keys, key)
		q.busy[key] = struct{}{}
		delete(q.waiting, key)
	}
	if more {
		q.signal() // for the next flusher
	}
	return keys
}

// done gives keys free; one that was added meanwhile is taken again.
func (q *queue) done(keys []string) {
	q.mu.Lock()
	for _, key := range keys {
		delete(q.busy, key)
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
