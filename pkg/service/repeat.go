package service

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	repeatPause  = 5 * time.Second  // after a failure, or every if that is less
	repeatRemind = 30 * time.Second // of a failure that lasts
)

// Repeat is a component that does step at once and then about every so often (a tenth more or less, so that replicas do
// not step in time), and without a pause while there is more to do. A failure is logged, at most every 30 s, and step
// tried again after 5 s: what is away is waited out. It returns nil when ctx ends.
func Repeat(log *slog.Logger, what string, every time.Duration, step func(ctx context.Context) (more bool, err error)) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		var reminded time.Time
		for {
			more, err := step(ctx)
			wait := every - every/10 + rand.N(every/5+1)
			switch {
			case err != nil && ctx.Err() == nil:
				wait = min(wait, repeatPause)
				if time.Since(reminded) >= repeatRemind {
					log.WarnContext(ctx, "step failed, trying again", "step", what, "error", err)
					reminded = time.Now()
				}
			case more:
				wait = 0
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
	}
}
