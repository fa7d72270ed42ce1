package events

import (
	"context"
	"fmt"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// ResetsEvery is the pause between two looks at resets that wait for the other services.
const ResetsEvery = time.Second

const resetBatch = 50 // channels locked at a time

// CompleteResets tells of resets that have waited long enough for what other services purged, and whether there may be more.
func (r *Recorder) CompleteResets(ctx context.Context) (more bool, err error) {
	err = r.db.InTx(ctx, func(tx *postgres.Tx) error {
		channels, err := r.store.LoadOverdueResets(ctx, tx, r.instant(), resetBatch)
		if err != nil {
			return fmt.Errorf("load overdue resets: %w", err)
		}
		more = len(channels) == resetBatch
		var happened happenings
		for _, channel := range channels {
			if channel.Reset == nil { // completed meanwhile
				continue
			}
			by := channel.Reset.By
			happened.add(causeOfReset(ctx, by), channel.ResetOverdue(r.instant()))
		}
		return r.record(ctx, tx, happened)
	})
	return more, err
}

// causeOfReset is whoever asked for it: they are answered.
func causeOfReset(ctx context.Context, by run.Request) cause {
	return cause{ctx: ctx, correlationID: by.CorrelationID, commandID: by.CommandID, actor: by.Actor, replyTo: by.ReplyTo}
}

// purged notes what another service says to have purged of a channel.
func purged(ctx context.Context, channel *run.Channel, epoch uint64, service string, counts run.Counts, at time.Time) (cause, []run.Event) {
	var by cause
	if channel.Reset != nil {
		by = causeOfReset(ctx, channel.Reset.By)
	}
	return by, channel.Purged(epoch, service, counts, at)
}
