package events

import (
	"cmp"
	"context"
	"errors"
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
	tasks := make([]task, len(records))
	for i, record := range records {
		message := &commandv1.Command{}
		if err := bus.Decode(record, message); err != nil {
			return err
		}
		var err error
		if tasks[i], err = newTask(record.Context(ctx), message); err != nil {
			return err
		}
	}
	_, err := c.do(ctx, tx, tasks)
	return err
}

// ErrRepeated: a command with this id has taken effect before.
var ErrRepeated = errors.New("the command has taken effect before")

// Execute decides on a command that came another way than through Kafka, as Handle does, and returns what happened in
// channels. done is called in the same transaction, at its end; its error undoes everything. A run.Refusal is an error too.
func (r *Recorder) Execute(ctx context.Context, message *commandv1.Command, done func(tx *postgres.Tx, events []run.Event) error) error {
	t, err := newTask(ctx, message)
	if err != nil {
		return err
	}
	return r.db.InTx(ctx, func(tx *postgres.Tx) error {
		b, err := r.do(ctx, tx, []task{t})
		switch {
		case err != nil:
			return err
		case b.repeated > 0:
			return ErrRepeated
		case len(b.refused) > 0:
			return b.refused[0]
		}
		events := make([]run.Event, len(b.happened))
		for i, h := range b.happened {
			events[i] = h.Event
			if rejected, ok := h.What.(run.CommandRejected); ok {
				return rejected.Refusal
			}
		}
		return done(tx, events)
	})
}

// task is a command to be decided on.
type task struct {
	id      uuid.UUID
	message *commandv1.Command
	command run.Command
	by      cause
}

func newTask(ctx context.Context, message *commandv1.Command) (task, error) {
	id, command, err := fromCommand(message)
	return task{id: id, message: message, command: command, by: causeOf(ctx, message)}, err
}

// batch is what commands are judged by, and what came of them.
type batch struct {
	channels map[run.ChannelID]*run.Channel
	named    map[uuid.UUID][]uuid.UUID // runs that someone is to be erased from, by the command's id
	happened happenings
	refused  []run.Refusal // of personal commands
	repeated int
}

// do decides on commands in their order and records what happens.
func (r *Recorder) do(ctx context.Context, tx *postgres.Tx, tasks []task) (*batch, error) {
	var scope run.Scope
	b := &batch{named: map[uuid.UUID][]uuid.UUID{}}
	ids := make([]uuid.UUID, len(tasks))
	for i, t := range tasks {
		ids[i] = t.id
		if erase := t.message.GetErasePerson(); erase != nil {
			before := len(scope.Runs)
			if err := r.store.FindPerson(ctx, tx, &scope, t.message.WorkspaceId, run.UserID(erase.UserId)); err != nil {
				return nil, err
			}
			b.named[t.id] = scope.Runs[before:len(scope.Runs):len(scope.Runs)]
		}
		if !personal(t.message) {
			scope.Add(t.command)
		}
	}
	channels, fresh, err := r.store.Load(ctx, tx, scope, ids)
	if err != nil {
		return nil, fmt.Errorf("load channels: %w", err)
	}
	b.channels = channels
	for _, t := range tasks {
		if !fresh[t.id] {
			b.repeated++
			continue
		}
		delete(fresh, t.id) // it may be in the batch again
		if personal(t.message) {
			if err := r.personal(ctx, tx, t, b); err != nil {
				return nil, err
			}
			continue
		}
		b.happened.add(t.by, b.channels[t.command.Channel].Decide(t.command, r.instant()))
	}
	return b, r.record(ctx, tx, b.happened)
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

func compareChannels(a, b run.ChannelID) int {
	return cmp.Or(cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.Channel, b.Channel))
}
