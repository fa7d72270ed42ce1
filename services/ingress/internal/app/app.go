// Package app puts the service ingress together: the only one that knows Slack.
package app

import (
	"context"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slackhttp"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slacksocket"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/store"
)

// doorConnections are set aside for what has to be known before a click is answered.
const doorConnections = 4

// Build registers the parts of ingress. It connects to nothing.
func Build(_ context.Context, rt *service.Runtime, cfg Config) error {
	db, err := postgres.Open(cfg.Postgres, store.Role, rt.Telemetry)
	if err != nil {
		return err
	}
	rt.Defer("postgres", db.Close)
	// Who clicks must not wait for the consumers, which take every connection when much happens at once.
	questions, err := db.Sibling(doorConnections, nil)
	if err != nil {
		return err
	}
	rt.Defer("postgres of the door", questions.Close)
	client, err := bus.Connect(cfg.Kafka, rt.Name, rt.Telemetry)
	if err != nil {
		return err
	}
	rt.Defer("kafka", client.Close)
	web, err := slack.New(cfg.Slack, rt.Telemetry)
	if err != nil {
		return err
	}

	known := store.New(db, delivery.Lease)
	directory := people.New(known, web, rt.Log, rt.Now)
	sender, err := delivery.NewSender(known, web, directory, client, !cfg.DisableReminders, rt.Telemetry, rt.Now)
	if err != nil {
		return err
	}
	consumer, err := client.NewConsumer(db, bus.ConsumerConfig{
		Group: "ingress", Schema: store.Schema, Subscriptions: events.Subscriptions(known, sender),
	})
	if err != nil {
		return err
	}
	door := &slackhttp.Server{
		Secrets: cfg.SigningSecrets, Publisher: client, Knowledge: store.New(questions, delivery.Lease), People: directory, Slack: web, Greeter: sender,
		Telemetry: rt.Telemetry, Now: rt.Now, Admins: cfg.Admins, Defaults: cfg.defaults(), RemindersOff: cfg.DisableReminders,
	}

	// By the door's connections, so that there is one before the first click.
	rt.Check("postgres", func(ctx context.Context) error { return questions.Check(ctx, store.Schema, store.Migration) })
	rt.Check("kafka", client.Check)
	rt.Check("slack", web.Check)
	rt.Check("consumer", consumer.Check)

	rt.Go("purge", service.Repeat(rt.Log, "purging what is old", store.PurgeEvery, func(ctx context.Context) (bool, error) {
		return known.PurgeOld(ctx, rt.Now())
	}))
	rt.Go("homes", service.Repeat(rt.Log, "refreshing app homes", slackhttp.HomesEvery, door.RefreshHomes))
	rt.Go("deliveries", sender.Run)
	rt.Go("consumer", consumer.Run)
	if cfg.Transport == overSocket {
		return openSocket(rt, cfg, door, web)
	}
	handler, err := door.Handler()
	if err != nil {
		return err
	}
	rt.Handle("/slack/", handler)
	return nil
}

// openSocket has Slack's requests come through connections that we open.
func openSocket(rt *service.Runtime, cfg Config, door *slackhttp.Server, web *slack.Client) error {
	answer, err := door.Envelopes()
	if err != nil {
		return err
	}
	socket, err := slacksocket.New(cfg.Connections, web.OpenSocket, answer, rt.Telemetry)
	if err != nil {
		return err
	}
	rt.Check("slack_connections", socket.Check)
	rt.Go("slack connections", socket.Run)
	return nil
}
