package events_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/events"
)

// heard is a store that only listens.
type heard struct {
	events     []*runv1.RunEvent
	deliveries []delivery.Delivery
	standings  []*fairnessv1.FairnessEvent
	personal   []*runv1.RunEvent
}

func (h *heard) Apply(_ context.Context, _ *postgres.Tx, events []*runv1.RunEvent, deliveries []delivery.Delivery, _ int) ([]delivery.Claim, error) {
	h.events, h.deliveries = append(h.events, events...), append(h.deliveries, deliveries...)
	return nil, nil
}

func (h *heard) SaveStandings(_ context.Context, _ *postgres.Tx, events []*fairnessv1.FairnessEvent) error {
	h.standings = append(h.standings, events...)
	return nil
}

func (h *heard) SavePersonal(_ context.Context, _ *postgres.Tx, events []*runv1.RunEvent) error {
	h.personal = append(h.personal, events...)
	return nil
}

func (*heard) Room() int                       { return 1 }
func (*heard) Send(_ []delivery.Claim, _ bool) {}

func subscription(t *testing.T, h *heard, topic string) bus.Subscription {
	t.Helper()
	for _, s := range events.Subscriptions(h, h) {
		if s.Topic == topic {
			return s
		}
	}
	t.Fatalf("no subscription of %s", topic)
	return bus.Subscription{}
}

func record(t *testing.T, m proto.Message) *bus.Record {
	t.Helper()
	value, err := proto.Marshal(m)
	require.NoError(t, err)
	return &bus.Record{Message: bus.Message{Value: value}}
}

func TestAnEventOfANewerReleaseStillBringsItsSnapshot(t *testing.T) {
	t.Parallel()
	h := &heard{}
	event := &runv1.RunEvent{Id: "e1", WorkspaceId: "T1", ChannelId: "C1", Run: &runv1.Run{Id: "r1", Version: 7}}
	require.NoError(t, subscription(t, h, topic.RunEvents).Handler.Handle(t.Context(), &postgres.Tx{}, []*bus.Record{record(t, event)}))
	require.Len(t, h.events, 1)
	require.Len(t, h.deliveries, 1)
	require.Equal(t, delivery.Card, h.deliveries[0].Kind)
	require.EqualValues(t, 7, h.deliveries[0].Version)
	require.False(t, h.deliveries[0].Opens)
}

func TestPersonalEventsAreNoneOfOurs(t *testing.T) {
	t.Parallel()
	h := &heard{}
	event := &runv1.RunEvent{Id: "e1", WorkspaceId: "T1"}
	require.NoError(t, subscription(t, h, topic.RunEvents).Handler.Handle(t.Context(), &postgres.Tx{}, []*bus.Record{record(t, event)}))
	require.Empty(t, h.events)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range []string{topic.RunEvents, topic.ReminderEvents} {
		garbage := &bus.Record{Message: bus.Message{Value: []byte{0xff, 0xff}}}
		err := subscription(t, &heard{}, name).Handler.Handle(t.Context(), &postgres.Tx{}, []*bus.Record{garbage})
		require.Error(t, err)
		require.False(t, postgres.Infrastructure(err), "it is dead-lettered, not retried for ever")
	}
	err := subscription(t, &heard{}, topic.ReminderEvents).Handler.Handle(t.Context(), &postgres.Tx{}, []*bus.Record{record(t, &reminderv1.ReminderEvent{Id: "e1"})})
	require.ErrorContains(t, err, "without a run")
}

func TestOnlyTheRunnersReminderIsWanted(t *testing.T) {
	t.Parallel()
	wants := subscription(t, &heard{}, topic.ReminderEvents).Wants
	require.True(t, wants(bus.TypeOf(&reminderv1.RunnerReminderDue{})))
	require.False(t, wants(bus.TypeOf(&reminderv1.DeadlineReached{})))
}

func TestOfFairnessOnlyTheStandingsAreKept(t *testing.T) {
	t.Parallel()
	h := &heard{}
	s := subscription(t, h, topic.FairnessEvents)
	require.True(t, s.Wants(bus.TypeOf(&fairnessv1.StandingsChanged{})))
	require.False(t, s.Wants(bus.TypeOf(&fairnessv1.RunnerChosen{})))
	event := &fairnessv1.FairnessEvent{ChannelId: "C1", What: &fairnessv1.FairnessEvent_StandingsChanged{StandingsChanged: &fairnessv1.StandingsChanged{Version: 3}}}
	require.NoError(t, s.Handler.Handle(t.Context(), &postgres.Tx{}, []*bus.Record{record(t, event)}))
	require.Len(t, h.standings, 1)
}
