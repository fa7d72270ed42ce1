// Package app puts the service fairness together: it keeps who ran and who owes what, and chooses who runs next.
package app

import (
	"context"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/store"
)

// Build registers the parts of fairness. It connects to nothing.
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

	published := outbox.New(db, store.Schema, client, rt.Telemetry)
	runs, err := events.NewRuns(store.Store{}, published, rt.Telemetry, rt.Now)
	if err != nil {
		return err
	}
	consumer, err := client.NewConsumer(db, bus.ConsumerConfig{
		Group: "fairness", Schema: store.Schema, Subscriptions: events.Subscriptions(runs),
	})
	if err != nil {
		return err
	}

	rt.Check("postgres", func(ctx context.Context) error { return db.Check(ctx, store.Schema, store.Migration) })
	rt.Check("kafka", client.Check)
	rt.Check("consumer", consumer.Check)

	rt.Go("outbox", published.Run)
	rt.Go("purge", service.Repeat(rt.Log, "dropping old entries", store.PurgeEvery, func(ctx context.Context) (bool, error) {
		return store.Store{}.PurgeEntries(ctx, db, rt.Now())
	}))
	rt.Go("consumer", consumer.Run)
	return nil
}
