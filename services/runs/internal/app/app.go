// Package app puts the service runs together: it owns the truth of runs, orders, usuals and channel settings.
package app

import (
	"context"
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/store"
)

// Build registers the parts of runs. It connects to nothing.
func Build(_ context.Context, rt *service.Runtime, cfg Config) error {
	defaults, err := run.DefaultSettings(cfg.reminderOffset(), cfg.FairnessWindow)
	if err != nil {
		return fmt.Errorf("default settings: %w", err)
	}
	db, err := postgres.Open(cfg.Postgres, store.Role, rt.Telemetry)
	if err != nil {
		return err
	}
	rt.Defer("postgres", db.Close)
	client, err := bus.Connect(cfg.Kafka, rt.Name, rt.Telemetry)
	if err != nil {
		return err
	}
	rt.Defer("kafka", client.Close)

	known := store.New(db, defaults)
	published := outbox.New(db, store.Schema, client, rt.Telemetry)
	recorder, err := events.NewRecorder(db, known, published, rt.Telemetry, rt.Now)
	if err != nil {
		return err
	}
	consumer, err := client.NewConsumer(db, bus.ConsumerConfig{
		Group: "runs", Schema: store.Schema, Subscriptions: events.Subscriptions(recorder),
	})
	if err != nil {
		return err
	}

	rt.Check("postgres", func(ctx context.Context) error { return db.Check(ctx, store.Schema, store.Migration) })
	rt.Check("kafka", client.Check)
	rt.Check("consumer", consumer.Check)

	rt.Go("outbox", published.Run)
	rt.Go("forget", service.Repeat(rt.Log, "deleting old command ids", events.ForgetEvery, recorder.Forget))
	rt.Go("purge", service.Repeat(rt.Log, "purging old runs", events.PurgeEvery, recorder.Purge))
	rt.Go("resets", service.Repeat(rt.Log, "completing resets", events.ResetsEvery, recorder.CompleteResets))
	rt.Go("overdue", service.Repeat(rt.Log, "chasing overdue answers", events.OverdueEvery, events.NewOverdue(recorder, rt.Telemetry.Tracer).Step))
	rt.Go("consumer", consumer.Run)
	return nil
}
