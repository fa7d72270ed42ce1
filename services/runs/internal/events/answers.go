package events

import (
	"context"
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Answers handles fairness's answers to the question who runs, on the topic coffeebuddy.fairness.events.
type Answers struct{ *Recorder }

var _ bus.Handler = Answers{}

// Wants reports whether a type of message of that topic is an answer.
func (Answers) Wants(ceType string) bool {
	return ceType == chosenType || ceType == nobodyType || ceType == purgedType
}

var (
	chosenType = bus.TypeOf(&fairnessv1.RunnerChosen{})
	nobodyType = bus.TypeOf(&fairnessv1.NobodyLeft{})
	purgedType = bus.TypeOf(&fairnessv1.ChannelPurged{})
)

// Handle assigns the runners. An answer that the run does not await any more changes nothing.
func (a Answers) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	answers, causes := make([]answer, len(records)), make([]cause, len(records))
	var scope run.Scope
	for i, record := range records {
		var message fairnessv1.FairnessEvent
		err := bus.Decode(record, &message)
		if err != nil {
			return err
		}
		if answers[i], err = fromAnswer(&message); err != nil {
			return err
		}
		causes[i] = cause{ctx: record.Context(ctx), correlationID: message.CorrelationId}
		scope.Channels = append(scope.Channels, answers[i].channel)
		if answers[i].purged != nil {
			scope.Resets = append(scope.Resets, answers[i].channel)
		} else {
			scope.Runs = append(scope.Runs, answers[i].run)
		}
	}
	channels, _, err := a.store.Load(ctx, tx, scope, nil)
	if err != nil {
		return fmt.Errorf("load channels: %w", err)
	}
	var happened happenings
	for i, answer := range answers {
		channel := channels[answer.channel]
		if answer.epoch != channel.Epoch {
			continue // of data that was purged
		}
		if answer.purged != nil {
			happened.add(purged(causes[i].ctx, channel, answer.epoch, "fairness", answer.purged, a.instant()))
		} else if answer.runner == "" {
			happened.add(causes[i], channel.NobodyLeft(answer.run, answer.no, a.instant()))
		} else {
			happened.add(causes[i], channel.Assign(answer.run, answer.no, answer.runner, answer.explanation, a.instant()))
		}
	}
	return a.record(ctx, tx, happened)
}
