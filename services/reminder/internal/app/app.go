// Package app puts the service reminder together: it knows what is due when.
package app

import (
	"context"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/store"
)

// Build registers the parts of reminder. It connects to nothing.
func Build(_ context.Context, rt *service.Runtime, cfg Config) error {
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

	known := store.New(db)
	published := outbox.New(db, store.Schema, client, rt.Telemetry)
	clock, err := events.NewClock(db, known, published, rt.Telemetry, rt.Now, cfg.DisableReminders)
	if err != nil {
		return err
	}
	consumer, err := client.NewConsumer(db, bus.ConsumerConfig{
		Group: "reminder", Schema: store.Schema, Subscriptions: events.Subscriptions(known, clock),
	})
	if err != nil {
		return err
	}

	rt.Check("postgres", func(ctx context.Context) error { return db.Check(ctx, store.Schema, store.Migration) })
	rt.Check("kafka", client.Check)
	rt.Check("consumer", consumer.Check)

	rt.Go("outbox", published.Run)
	rt.Go("forget", service.Repeat(rt.Log, "deleting old runs", events.ForgetEvery, clock.Forget))
	rt.Go("clock", clock.Run)
	rt.Go("consumer", consumer.Run)
	return nil
}
