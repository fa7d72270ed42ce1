package delivery

import (
	"context"
	"time"
)

// recorded is a result on its way to the queue.
type recorded struct {
	Result
	done chan struct{}
}

const mostRecorded = 100 // results in one statement

// finish records a result and returns when that is done.
func (s *Sender) finish(c Claim, r Result) {
	r.ID, r.Attempt = c.ID, c.Attempt
	done := make(chan struct{})
	s.results <- recorded{r, done}
	<-done
}

// record writes results as they come, all that wait in one statement, until the channel is closed.
func (s *Sender) record(ctx context.Context) {
	for first := range s.results {
		batch := []recorded{first}
		for more := true; more && len(batch) < mostRecorded; {
			select {
			case r, open := <-s.results:
				if more = open; open {
					batch = append(batch, r)
				}
			default:
				more = false
			}
		}
		s.write(ctx, batch)
		for _, r := range batch {
			close(r.done)
		}
	}
}

// write tries until it succeeds or ctx ends. It goes on beyond the leases: whoever has claimed one of the deliveries
// meanwhile is protected by the attempt's number, and as long as the database is away nobody can.
func (s *Sender) write(ctx context.Context, batch []recorded) {
	results := make([]Result, len(batch))
	for i, r := range batch {
		results[i] = r.Result
	}
	for try := 0; ; try++ {
		more, err := s.queue.Finish(ctx, results)
		if err == nil {
			if more {
				s.wake()
			}
			return
		}
		s.log.WarnContext(ctx, "results of deliveries not recorded", "error", err, "attempt", try+1)
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(100*time.Millisecond<<min(try, 5), time.Second)):
		}
	}
}
