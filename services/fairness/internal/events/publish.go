package events

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// publish hands over what resets have purged, the answers and, of each channel that has changed, its newest standings.
func (h *Runs) publish(ctx context.Context, tx *postgres.Tx, b *batch) error {
	if len(b.answers)+len(b.tables)+len(b.resets) == 0 {
		return nil
	}
	at := h.now()
	var messages []bus.Message
	for _, channel := range slices.SortedFunc(maps.Keys(b.resets), compareChannels) {
		by := b.channels[channel].cause
		message, err := toMessage(by.ctx, channel, toReport(by, channel, b.resets[channel]), at)
		if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	for _, a := range b.answers {
		event, err := a.toEvent()
		if err != nil {
			return err
		}
		message, err := toMessage(a.to.ctx, a.to.Channel, event, at)
		if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	for _, channel := range slices.SortedFunc(maps.Keys(b.tables), compareChannels) {
		by := b.latest[channel].cause
		message, err := toMessage(by.ctx, channel, toStandings(by, b.tables[channel]), at)
		if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	if err := h.outbox.Add(ctx, tx, messages...); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	tx.AfterCommit(func() {
		for _, a := range b.answers {
			h.observe(a)
		}
	})
	return nil
}

func toMessage(ctx context.Context, channel ledger.ChannelID, event *fairnessv1.FairnessEvent, at time.Time) (bus.Message, error) {
	event.OccurredAt = timestamppb.New(at)
	key := topic.Key(channel.Workspace, channel.Channel)
	message, err := bus.Encode(topic.FairnessEvents, key, event.GetId(), event.GetRunId(), at, event)
	if err != nil {
		return bus.Message{}, err
	}
	message.Headers = telemetry.Inject(ctx)
	message.Headers[bus.CorrelationHeader] = event.CorrelationId
	return message, nil
}

// observe counts and logs an answer that has been committed.
func (h *Runs) observe(a answer) {
	h.choices.Add(a.to.ctx, 1, metric.WithAttributes(attribute.String("rule", a.rule)))
	h.log.InfoContext(a.to.ctx, "question who runs answered", "channel_id", a.to.Channel.Channel, "run_id", a.posting.RunID.String(),
		"assignment_no", a.posting.AssignmentNo, "rule", a.rule)
}

func compareChannels(a, b ledger.ChannelID) int {
	return cmp.Or(cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.Channel, b.Channel))
}
