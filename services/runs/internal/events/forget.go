package events

import (
	"context"
	"time"
)

// ForgetEvery is how often old command ids are deleted.
const ForgetEvery = 10 * time.Minute

const (
	keep        = 48 * time.Hour // of a command's id: twice the retention of the topic, so no repeat comes later
	forgetLimit = 500            // ids deleted at once, so that no purge holds locks or the disk for long
)

// Forget deletes command ids that are of no more use, and tells whether there may be more.
func (r *Recorder) Forget(ctx context.Context) (more bool, err error) {
	deleted, err := r.store.PurgeInbox(ctx, r.now().Add(-keep), forgetLimit)
	return deleted == forgetLimit, err
}

// PurgeEvery is how often it is looked which channels have old runs to purge.
const PurgeEvery = time.Minute

// Purge deletes runs that are older than their channel keeps them, a few at a time, and tells whether there may be more.
func (r *Recorder) Purge(ctx context.Context) (more bool, err error) {
	return r.store.PurgeRuns(ctx, r.now(), forgetLimit)
}
