// Package events turns run events into timers, and due timers into reminder events.
package events

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/store"
)

// Runs applies run events: it keeps the newest snapshots and arms their timers.
type Runs struct {
	// Armed is told, after the commit, that timers may have changed.
	Armed func()
}

// unneeded are events that never change a timer. Kinds that are not known yet are taken: their snapshot may.
var unneeded = map[string]bool{
	bus.TypeOf(&runv1.RunStarted{}):      true,
	bus.TypeOf(&runv1.OrderPlaced{}):     true,
	bus.TypeOf(&runv1.OrderWithdrawn{}):  true,
	bus.TypeOf(&runv1.RunClosed{}):       true,
	bus.TypeOf(&runv1.UsualSaved{}):      true,
	bus.TypeOf(&runv1.UsualCleared{}):    true,
	bus.TypeOf(&runv1.CommandRejected{}): true,
}

// Wants says whether an event of this type can matter.
func Wants(ceType string) bool { return !unneeded[ceType] }

// Handle keeps of each channel and run the newest that the records say, and re-arms timers accordingly.
func (h Runs) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	channels := map[[2]string]store.Channel{}
	runs := map[uuid.UUID]store.Run{}
	for _, record := range records {
		var event runv1.RunEvent
		if err := bus.Decode(record, &event); err != nil {
			return err
		}
		if event.GetChannelId() == "" {
			continue // personal
		}
		channel := channelOf(&event)
		key := [2]string{channel.WorkspaceID, channel.ChannelID}
		if known, ok := channels[key]; !ok || newer(channel, known) {
			channels[key] = channel
		}
		if event.GetRun() == nil {
			continue
		}
		run, err := runOf(record.Context(ctx), &event)
		if err != nil {
			return err
		}
		if known, ok := runs[run.ID]; !ok || run.Epoch > known.Epoch || run.Epoch == known.Epoch && run.Version > known.Version {
			runs[run.ID] = run
		}
	}
	if len(channels) == 0 {
		return nil
	}
	tx.AfterCommit(h.Armed)
	return store.Save(ctx, tx,
		slices.SortedFunc(maps.Values(channels), func(a, b store.Channel) int {
			return cmp.Or(cmp.Compare(a.WorkspaceID, b.WorkspaceID), cmp.Compare(a.ChannelID, b.ChannelID))
		}),
		slices.SortedFunc(maps.Values(runs), func(a, b store.Run) int { return slices.Compare(a.ID[:], b.ID[:]) }))
}

func newer(a, b store.Channel) bool {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.SettingsVersion, b.SettingsVersion)) > 0
}

func channelOf(event *runv1.RunEvent) store.Channel {
	return store.Channel{
		WorkspaceID: event.GetWorkspaceId(), ChannelID: event.GetChannelId(), Epoch: event.GetEpoch(),
		SettingsVersion: event.GetSettings().GetVersion(), Reminders: event.GetSettings().GetReminders(),
	}
}

func runOf(ctx context.Context, event *runv1.RunEvent) (store.Run, error) {
	snapshot := event.GetRun()
	id, err := uuid.Parse(snapshot.GetId())
	if err != nil {
		return store.Run{}, fmt.Errorf("run id: %w", err)
	}
	raw, err := proto.Marshal(snapshot)
	if err != nil {
		return store.Run{}, fmt.Errorf("snapshot of run %s: %w", id, err)
	}
	trace, err := json.Marshal(telemetry.Inject(ctx))
	if err != nil {
		return store.Run{}, fmt.Errorf("trace context: %w", err)
	}
	return store.Run{
		ID: id, WorkspaceID: snapshot.GetWorkspaceId(), ChannelID: snapshot.GetChannelId(),
		Epoch: event.GetEpoch(), Version: snapshot.GetVersion(), PickupAt: snapshot.GetPickupAt().AsTime(),
		Snapshot: raw, CorrelationID: event.GetCorrelationId(), Trace: string(trace),
		Timers: reminder.Timers(toDomain(snapshot), reminder.Settings{
			Reminders: event.GetSettings().GetReminders(),
			Offset:    time.Duration(event.GetSettings().GetReminderOffsetMinutes()) * time.Minute,
		}),
	}, nil
}

func toDomain(snapshot *runv1.Run) reminder.Run {
	assignment := snapshot.GetAssignment()
	return reminder.Run{
		Closed: snapshot.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSED &&
			assignment.GetState() != runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
		PickupAt: snapshot.GetPickupAt().AsTime(), RunnerID: assignment.GetRunnerId(),
		AssignmentNo: int(assignment.GetAssignmentNo()), AssignedAt: assignment.GetAssignedAt().AsTime(),
	}
}
