package events

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Timers handles the moments of a run that reminder keeps, on the topic coffeebuddy.reminder.events.
type Timers struct{ *Recorder }

var _ bus.Handler = Timers{}

// Wants reports whether a type of message of that topic is a moment at which a run may change.
func (Timers) Wants(ceType string) bool {
	return ceType == deadlineType || ceType == lastCallType || ceType == reminderPurgedType
}

var (
	deadlineType = bus.TypeOf(&reminderv1.DeadlineReached{})
	lastCallType = bus.TypeOf(&reminderv1.LastCallDue{})

	reminderPurgedType = bus.TypeOf(&reminderv1.ChannelPurged{})
)

// moment is a timer that has fired.
type moment struct {
	channel  run.ChannelID
	epoch    uint64
	run      uuid.UUID
	pickup   time.Time // as the timer knew it
	due      time.Time
	lastCall bool       // else the deadline
	purged   run.Counts // of an answer to a reset instead; else nil
}

// Handle lets runs close, and last calls go out. What fired for a run that has moved on changes nothing.
func (t Timers) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	moments, causes := make([]moment, len(records)), make([]cause, len(records))
	var scope run.Scope
	for i, record := range records {
		var message reminderv1.ReminderEvent
		err := bus.Decode(record, &message)
		if err != nil {
			return err
		}
		if moments[i], err = fromTimer(&message); err != nil {
			return err
		}
		m := moments[i]
		causes[i] = cause{ctx: record.Context(ctx), correlationID: message.CorrelationId}
		scope.Channels = append(scope.Channels, m.channel)
		if m.purged != nil {
			scope.Resets = append(scope.Resets, m.channel)
		} else {
			scope.Runs = append(scope.Runs, m.run)
		}
		if m.lastCall && !slices.Contains(scope.Regulars, m.channel) {
			scope.Regulars = append(scope.Regulars, m.channel)
		}
	}
	channels, _, err := t.store.Load(ctx, tx, scope, nil)
	if err != nil {
		return fmt.Errorf("load channels: %w", err)
	}
	var happened happenings
	for i, m := range moments {
		channel := channels[m.channel]
		switch {
		case m.epoch != channel.Epoch: // of data that was purged
		case m.purged != nil:
			happened.add(purged(causes[i].ctx, channel, m.epoch, "reminder", m.purged, t.instant()))
		case m.lastCall:
			happened.add(causes[i], channel.LastCall(m.run, m.pickup, t.instant()))
		default:
			happened.add(causes[i], channel.Deadline(m.run, m.due, t.instant()))
		}
	}
	return t.record(ctx, tx, happened)
}

func fromTimer(e *reminderv1.ReminderEvent) (moment, error) {
	channel := run.ChannelID{Workspace: e.WorkspaceId, Channel: e.ChannelId}
	if purged := e.GetChannelPurged(); purged != nil {
		return moment{channel: channel, epoch: e.Epoch, purged: fromCounts(purged.Counts)}, nil
	}
	id, err := uuid.Parse(e.GetRun().GetId())
	if err != nil {
		return moment{}, fmt.Errorf("reminder event %s: run id: %w", e.Id, err)
	}
	return moment{
		channel: channel, epoch: e.Epoch, run: id,
		pickup: fromTimestamp(e.Run.PickupAt), due: fromTimestamp(e.DueAt), lastCall: e.GetLastCallDue() != nil,
	}, nil
}
