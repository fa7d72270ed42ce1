package events

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Overdue chases answers of fairness that do not come: asks again, and in the end closes without a runner.
type Overdue struct {
	*Recorder
	db     *postgres.DB
	tracer trace.Tracer
}

const (
	overdueLook  = 500 * time.Millisecond // between two looks at what is due
	overduePause = 5 * time.Second        // after a failure
	overdueBatch = 50                     // channels locked at a time
)

// NewOverdue returns the loop of recorder's runs.
func NewOverdue(recorder *Recorder, db *postgres.DB, tracer trace.Tracer) Overdue {
	return Overdue{Recorder: recorder, db: db, tracer: tracer}
}

// Run looks for what is due until ctx ends. An outage of the database is waited out.
func (o Overdue) Run(ctx context.Context) error {
	for wait := overdueLook; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		n, err := o.Chase(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			o.log.WarnContext(ctx, "overdue answers not chased, trying again", "error", err)
			wait = overduePause
		case n == overdueBatch:
			wait = 0 // there may be more
		default:
			wait = overdueLook
		}
	}
}

// Chase goes after what is due now, at most one batch, and returns how many channels that were.
func (o Overdue) Chase(ctx context.Context) (chased int, err error) {
	err = o.db.InTx(ctx, func(tx *postgres.Tx) error {
		at := o.instant()
		channels, err := o.store.LoadOverdue(ctx, tx, at, overdueBatch)
		if err != nil {
			return fmt.Errorf("load overdue channels: %w", err)
		}
		chased = len(channels)
		var happened happenings
		for _, channel := range channels {
			events := channel.Chase(at)
			if len(events) == 0 {
				continue
			}
			correlation := events[0].Run.CorrelationID
			ctx, span := o.tracer.Start(telemetry.WithCorrelation(ctx, correlation), "chase runner")
			span.End() // what follows is not this loop's
			happened.add(cause{ctx: ctx, correlationID: correlation}, events)
		}
		return o.record(ctx, tx, happened)
	})
	return chased, err
}
