package events

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Commands handles the topic coffeebuddy.commands.
type Commands struct{ *Recorder }

var (
	_ bus.Handler = Commands{}
	_ bus.Parker  = Commands{}
)

// Handle decides on the commands in their order. One that has taken effect before is passed over.
func (c Commands) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	messages, commands := make([]commandv1.Command, len(records)), make([]run.Command, len(records))
	ids := make([]uuid.UUID, len(records))
	var scope run.Scope
	for i, record := range records {
		err := bus.Decode(record, &messages[i])
		if err != nil {
			return err
		}
		if ids[i], commands[i], err = fromCommand(&messages[i]); err != nil {
			return err
		}
		if !personal(&messages[i]) {
			scope.Add(commands[i])
		}
	}
	channels, fresh, err := c.store.Load(ctx, tx, scope, ids)
	if err != nil {
		return fmt.Errorf("load channels: %w", err)
	}
	var happened happenings
	for i, command := range commands {
		if !fresh[ids[i]] {
			continue
		}
		delete(fresh, ids[i]) // it may be in the batch again
		by := causeOf(records[i].Context(ctx), &messages[i])
		if personal(&messages[i]) {
			if err := c.personal(ctx, tx, &messages[i], by); err != nil {
				return err
			}
			continue
		}
		happened.add(by, channels[command.Channel].Decide(command, c.instant()))
	}
	return c.record(ctx, tx, happened)
}

// Parked tells a command's author that the product broke over it, or returns why nobody can be told.
// The command is not claimed: it may be replayed.
func (c Commands) Parked(ctx context.Context, tx *postgres.Tx, record *bus.Record, _ error) error {
	var message commandv1.Command
	if err := bus.Decode(record, &message); err != nil {
		return err
	}
	id, err := channelOf(&message)
	if err != nil || personal(&message) {
		return err
	}
	channels, _, err := c.store.Load(ctx, tx, run.Scope{Channels: []run.ChannelID{id}}, nil)
	if err != nil {
		return fmt.Errorf("load channel: %w", err)
	}
	var happened happenings
	happened.add(causeOf(record.Context(ctx), &message), channels[id].Reject(run.ErrBroken, c.instant()))
	return c.record(ctx, tx, happened)
}

func causeOf(ctx context.Context, c *commandv1.Command) cause {
	return cause{
		ctx: ctx, correlationID: c.CorrelationId, commandID: c.Id, actor: c.GetActor().GetUserId(), replyTo: c.ReplyTo,
		command: kindOf(c), typed: typedIn(c), ref: telemetry.Ref(ctx),
	}
}
