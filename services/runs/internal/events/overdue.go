package events

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Overdue chases answers of fairness that do not come: asks again, and in the end closes without a runner.
// One goroutine at a time uses it.
type Overdue struct {
	*Recorder
	tracer trace.Tracer
	broken map[uuid.UUID]setback
}

// setback is of a run whose chase cannot be recorded: it is left alone for a while, so that it does not hold up the others.
type setback struct {
	wait  time.Duration // doubles each time
	until time.Time
}

const (
	overdueBatch = 50               // channels locked at a time
	brokenFirst  = 30 * time.Second // of a setback
	brokenMost   = time.Hour
)

// NewOverdue returns the loop of recorder's runs.
func NewOverdue(recorder *Recorder, tracer trace.Tracer) *Overdue {
	return &Overdue{Recorder: recorder, tracer: tracer, broken: map[uuid.UUID]setback{}}
}

// OverdueEvery is the pause between two looks at what is due.
const OverdueEvery = 500 * time.Millisecond

// Step goes after what is due now and tells whether there may be more.
func (o *Overdue) Step(ctx context.Context) (more bool, err error) {
	n, err := o.Chase(ctx)
	return n == overdueBatch, err
}

// Chase goes after what is due now, at most one batch, and returns how many runs that were.
// If a batch cannot be recorded, its runs are taken one by one, to set back those that spoil it.
func (o *Overdue) Chase(ctx context.Context) (int, error) {
	chased, err := o.chase(ctx, overdueBatch)
	if !spoiled(ctx, chased, err) {
		return len(chased), err
	}
	for range chased {
		one, err := o.chase(ctx, 1)
		switch {
		case spoiled(ctx, one, err):
			o.setBack(ctx, one[0], err)
		case err != nil:
			return 0, err
		}
	}
	return len(chased), nil
}

// spoiled tells whether err is about the runs at hand: neither an outage nor the end of ctx.
func spoiled(ctx context.Context, runs []*run.Run, err error) bool {
	return err != nil && len(runs) > 0 && ctx.Err() == nil && !postgres.Infrastructure(err)
}

// setBack leaves a run alone for a while. It is said once.
func (o *Overdue) setBack(ctx context.Context, r *run.Run, err error) {
	s, again := o.broken[r.ID]
	s.wait = min(max(2*s.wait, brokenFirst), brokenMost)
	s.until = o.now().Add(s.wait)
	o.broken[r.ID] = s
	if !again {
		o.log.ErrorContext(telemetry.WithCorrelation(ctx, r.CorrelationID), "run cannot be chased, set back",
			"run_id", r.ID.String(), "error", err)
	}
}

// setBacks are the runs that are left alone at an instant. A setback that ended long ago is forgotten: the run has gone on.
func (o *Overdue) setBacks(at time.Time) (ids []uuid.UUID) {
	for id, s := range o.broken {
		switch {
		case at.Before(s.until):
			ids = append(ids, id)
		case at.Sub(s.until) > brokenMost:
			delete(o.broken, id)
		}
	}
	return ids
}

// chase goes after the answers of at most limit channels in one transaction. It returns the runs also if they could not be recorded.
func (o *Overdue) chase(ctx context.Context, limit int) (chased []*run.Run, err error) {
	err = o.db.InTx(ctx, func(tx *postgres.Tx) error {
		chased = nil
		at := o.instant()
		channels, err := o.store.LoadOverdue(ctx, tx, at, limit, o.setBacks(at))
		if err != nil {
			return fmt.Errorf("load overdue channels: %w", err)
		}
		var happened happenings
		for _, channel := range channels {
			for _, event := range channel.Chase(at) {
				r := event.Run
				chased = append(chased, r)
				ctx, span := o.tracer.Start(telemetry.WithCorrelation(ctx, r.CorrelationID), "chase runner")
				span.End() // what follows is not this loop's
				happened.add(cause{ctx: ctx, correlationID: r.CorrelationID}, []run.Event{event})
			}
		}
		return o.record(ctx, tx, happened)
	})
	return chased, err
}
