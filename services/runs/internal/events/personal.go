package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
func personal(c *commandv1.Command) bool {
	return c.GetChangePersonalSettings() != nil || c.GetErasePerson() != nil
}

// personal does what a personal command asks, in the channels that are loaded.
func (r *Recorder) personal(ctx context.Context, tx *postgres.Tx, t task, b *batch) error {
	if t.message.GetErasePerson() != nil {
		return r.erase(ctx, tx, t, b)
	}
	return r.changePersonal(ctx, tx, t)
}

// changePersonal replaces the author's own settings. There is nothing to decide: they are theirs, and a repeat is harmless.
func (r *Recorder) changePersonal(ctx context.Context, tx *postgres.Tx, t task) error {
	wanted := t.message.GetChangePersonalSettings().GetSettings()
	settings, err := r.store.SavePersonal(ctx, tx, t.message.WorkspaceId, run.UserID(t.by.actor), run.PersonalSettings{
		Reminders: wanted.GetReminders(), NamedInLastCalls: wanted.GetNamedInLastCalls(),
	})
	if err != nil {
		return err
	}
	return r.tell(ctx, tx, t, t.by.actor, &runv1.RunEvent{What: &runv1.RunEvent_PersonalSettingsChanged{
		PersonalSettingsChanged: &runv1.PersonalSettingsChanged{
			UserId: t.by.actor,
			Settings: &runv1.PersonalSettings{
				Version: settings.Version, Reminders: settings.Reminders, NamedInLastCalls: settings.NamedInLastCalls,
			},
		},
	}})
}

// erase takes a person out of every channel that knows them, and out of what is kept of people.
func (r *Recorder) erase(ctx context.Context, tx *postgres.Tx, t task, b *batch) error {
	user := run.UserID(t.message.GetErasePerson().GetUserId())
	erasure, err := run.NewErasure(t.command, user, strings.ToLower(rand.Text()[:16]))
	if refusal, ok := errors.AsType[run.Refusal](err); ok {
		r.log.InfoContext(t.by.ctx, "command rejected", "command", t.by.command, "reason", refusal.Error())
		b.refused = append(b.refused, refusal)
		return r.tell(ctx, tx, t, string(user), &runv1.RunEvent{What: &runv1.RunEvent_CommandRejected{
			CommandRejected: &runv1.CommandRejected{Command: t.by.command, Reason: reasons[refusal], Ref: t.by.ref},
		}})
	}
	for _, id := range slices.SortedFunc(maps.Keys(b.channels), compareChannels) {
		if id.Workspace == t.message.WorkspaceId {
			b.happened.add(t.by, b.channels[id].Erase(erasure, b.named[t.id], r.instant()))
		}
	}
	r.store.ErasePersonal(tx, t.message.WorkspaceId, user)
	tx.AfterCommit(func() { r.log.InfoContext(t.by.ctx, "person erased") })
	return r.tell(ctx, tx, t, string(user), &runv1.RunEvent{What: personErased(erasure)})
}

// tell publishes a personal event about user.
func (r *Recorder) tell(ctx context.Context, tx *postgres.Tx, t task, user string, event *runv1.RunEvent) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("event id: %w", err)
	}
	event.Id, event.WorkspaceId, event.CorrelationId, event.CommandId = id.String(), t.message.WorkspaceId, t.by.correlationID, t.by.commandID
	event.ActorId, event.ReplyTo, event.OccurredAt = t.by.actor, t.by.replyTo, timestamppb.New(r.instant())
	msg, err := bus.Encode(topic.RunEvents, topic.Key(t.message.WorkspaceId, user), event.Id, "", event.OccurredAt.AsTime(), event)
	if err != nil {
		return err
	}
	msg.Headers = telemetry.Inject(t.by.ctx)
	msg.Headers[bus.CorrelationHeader] = t.by.correlationID
	if err := r.outbox.Add(ctx, tx, msg); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}
