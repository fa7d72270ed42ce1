// Package events turns what other services publish into the projection that ingress answers from and the deliveries
// that it makes.
package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

// Store keeps the projection and the deliveries.
type Store interface {
	// Apply applies the snapshots of events, in order and as far as they are newer than what is known, and records
	// deliveries unless their key is known. It claims up to limit of these, those that may be sent at once.
	Apply(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent, deliveries []delivery.Delivery, limit int) ([]delivery.Claim, error)
	// SavePersonal keeps people's own settings as far as they are newer than what is known.
	SavePersonal(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent) error
	// SaveStandings keeps standings as far as they are newer than what is known.
	SaveStandings(ctx context.Context, tx *postgres.Tx, events []*fairnessv1.FairnessEvent) error
}

// Sender carries out deliveries.
type Sender interface {
	Room() int
	Send(claims []delivery.Claim, rest bool)
}

// Subscriptions are the topics ingress reads. Of fairness's it needs the standings alone: what fairness decides comes
// back in the snapshots of runs.
func Subscriptions(store Store, sender Sender) []bus.Subscription {
	s := apply{store, sender}
	standings := bus.TypeOf(&fairnessv1.StandingsChanged{})
	reminderDue := bus.TypeOf(&reminderv1.RunnerReminderDue{})
	return []bus.Subscription{
		{Topic: topic.RunEvents, Handler: runs{s}},
		{Topic: topic.ReminderEvents, Handler: reminders{s}, Wants: func(ceType string) bool { return ceType == reminderDue }},
		{Topic: topic.FairnessEvents, Handler: fairness{store}, Wants: func(ceType string) bool { return ceType == standings }},
	}
}

type apply struct {
	store  Store
	sender Sender
}

// runs handles run events. One of a kind from a newer release still brings its snapshot.
type runs struct{ apply }

func (h runs) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	var events, personal []*runv1.RunEvent
	var deliveries []delivery.Delivery
	for _, r := range records {
		event := &runv1.RunEvent{}
		if err := bus.Decode(r, event); err != nil {
			return err
		}
		if event.GetChannelId() == "" {
			if event.GetPersonalSettingsChanged() != nil || event.GetPersonErased() != nil {
				personal = append(personal, event)
			}
			continue
		}
		events = append(events, event)
		deliveries = append(deliveries, delivery.Of(event, cause(r.Context(ctx), event.GetCorrelationId()))...)
	}
	if len(personal) > 0 {
		if err := h.store.SavePersonal(ctx, tx, personal); err != nil {
			return fmt.Errorf("save what is people's own: %w", err)
		}
	}
	return h.apply.do(ctx, tx, events, deliveries)
}

// reminders handles reminder events.
type reminders struct{ apply }

// fairness handles fairness events.
type fairness struct{ store Store }

func (h fairness) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	events := make([]*fairnessv1.FairnessEvent, len(records))
	for i, r := range records {
		events[i] = &fairnessv1.FairnessEvent{}
		if err := bus.Decode(r, events[i]); err != nil {
			return err
		}
	}
	if err := h.store.SaveStandings(ctx, tx, events); err != nil {
		return fmt.Errorf("save standings: %w", err)
	}
	return nil
}

var errNoRun = errors.New("reminder event without a run")

func (h reminders) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	var events []*runv1.RunEvent
	var deliveries []delivery.Delivery
	for _, r := range records {
		event := &reminderv1.ReminderEvent{}
		if err := bus.Decode(r, event); err != nil {
			return err
		}
		if event.GetRun() == nil {
			return fmt.Errorf("%s: %w", event.GetId(), errNoRun)
		}
		// The snapshot it was armed from may be ahead of the run events read so far; older, it changes nothing.
		events = append(events, &runv1.RunEvent{
			WorkspaceId: event.GetWorkspaceId(), ChannelId: event.GetChannelId(), Epoch: event.GetEpoch(), Run: event.GetRun(),
		})
		deliveries = append(deliveries, delivery.OfReminder(event, cause(r.Context(ctx), event.GetCorrelationId())))
	}
	return h.apply.do(ctx, tx, events, deliveries)
}

func (a apply) do(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent, deliveries []delivery.Delivery) error {
	if len(events) == 0 {
		return nil
	}
	claims, err := a.store.Apply(ctx, tx, events, deliveries, a.sender.Room())
	if err != nil {
		return fmt.Errorf("apply %d events: %w", len(events), err)
	}
	tx.AfterCommit(func() { a.sender.Send(claims, len(claims) < len(deliveries)) })
	return nil
}

func cause(ctx context.Context, correlationID string) delivery.Cause {
	return delivery.Cause{
		CorrelationID: correlationID,
		Traceparent:   telemetry.Inject(ctx)["traceparent"],
		Ref:           telemetry.Ref(ctx),
	}
}
