package events

import (
	"context"
	"time"
)

const (
	keep        = 48 * time.Hour // of a command's id: twice the retention of the topic, so no repeat comes later
	forgetEvery = 10 * time.Minute
	forgetLimit = 500 // ids deleted at once, so that no purge holds locks or the disk for long
)

// Forget deletes what is of no more use, every 10 min, until ctx ends.
func (r *Recorder) Forget(ctx context.Context) error {
	for {
		deleted, err := r.store.PurgeInbox(ctx, r.now().Add(-keep), forgetLimit)
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "old command ids not deleted, trying again", "error", err)
		}
		wait := forgetEvery
		if deleted == forgetLimit {
			wait = 100 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
