package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/store"
)

const (
	remembered  = 48 * time.Hour // twice the retention of the topic: no repeat comes later
	forgetEvery = 10 * time.Minute
	forgetBatch = 500 // so that no purge holds locks or the disk for long
)

// forget purges the ids of commands that cannot come again, until ctx ends.
func forget(ctx context.Context, runs *store.Store, log *slog.Logger, now func() time.Time) error {
	for tick := time.Tick(forgetEvery); ; {
		for more := true; more; {
			n, err := runs.PurgeInbox(ctx, now().Add(-remembered), forgetBatch)
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "old command ids not purged, trying again", "error", err)
			}
			more = err == nil && n == forgetBatch
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}
