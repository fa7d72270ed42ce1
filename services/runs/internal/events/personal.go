package events

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// personal reports whether a command is about a person, not a channel: the order that counts is that of the person's.
func personal(c *commandv1.Command) bool { return c.GetChangePersonalSettings() != nil }

// personal replaces the author's own settings. There is nothing to decide: they are theirs, and a repeat is harmless.
func (c Commands) personal(ctx context.Context, tx *postgres.Tx, message *commandv1.Command, by cause) error {
	wanted := message.GetChangePersonalSettings().GetSettings()
	settings, err := c.store.SavePersonal(ctx, tx, message.WorkspaceId, run.UserID(by.actor), run.PersonalSettings{
		Reminders: wanted.GetReminders(), NamedInLastCalls: wanted.GetNamedInLastCalls(),
	})
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("event id: %w", err)
	}
	event := &runv1.RunEvent{
		Id: id.String(), WorkspaceId: message.WorkspaceId, CorrelationId: by.correlationID, CommandId: by.commandID, ActorId: by.actor,
		ReplyTo: by.replyTo, OccurredAt: timestamppb.New(c.instant()),
		What: &runv1.RunEvent_PersonalSettingsChanged{PersonalSettingsChanged: &runv1.PersonalSettingsChanged{
			UserId: by.actor,
			Settings: &runv1.PersonalSettings{
				Version: settings.Version, Reminders: settings.Reminders, NamedInLastCalls: settings.NamedInLastCalls,
			},
		}},
	}
	msg, err := bus.Encode(topic.RunEvents, topic.Key(message.WorkspaceId, by.actor), event.Id, "", event.OccurredAt.AsTime(), event)
	if err != nil {
		return err
	}
	msg.Headers = telemetry.Inject(by.ctx)
	msg.Headers[bus.CorrelationHeader] = by.correlationID
	if err := c.outbox.Add(ctx, tx, msg); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}
