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
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

// Store keeps runs and their timers.
type Store interface {
	// Save applies channels and runs, sorted and each once, as far as they are news, and re-arms the timers of these runs.
	Save(ctx context.Context, tx *postgres.Tx, channels []reminder.Channel, runs []reminder.Armed) error
	// ClaimDue takes the timers due at now of about limit channels and marks them fired.
	ClaimDue(ctx context.Context, tx *postgres.Tx, now time.Time, limit int) ([]reminder.Due, error)
	// NextDue is when the next timer is due; zero: there is none.
	NextDue(ctx context.Context) (time.Time, error)
	// Forget deletes at most limit runs whose pickup was before the instant.
	Forget(ctx context.Context, before time.Time, limit int) (int64, error)
}

// Outbox publishes messages after tx is committed, in order per key.
type Outbox interface {
	Add(ctx context.Context, tx *postgres.Tx, msgs ...bus.Message) error
}

// Subscriptions are the topics reminder reads.
func Subscriptions(store Store, clock *Clock) []bus.Subscription {
	return []bus.Subscription{{Topic: topic.RunEvents, Wants: Wants, Handler: Runs{Store: store, Armed: clock.Wake}}}
}

// Runs applies run events: it keeps the newest snapshots and arms their timers.
type Runs struct {
	Store Store
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
	channels := map[[2]string]reminder.Channel{}
	runs := map[uuid.UUID]reminder.Armed{}
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
		if known, ok := channels[key]; !ok || !known.Newer(channel) { // defaults, all of version 0, can change
			channels[key] = channel
		}
		if event.GetRun() == nil {
			continue
		}
		run, err := runOf(record.Context(ctx), &event)
		if err != nil {
			return err
		}
		if known, ok := runs[run.ID]; !ok || run.Newer(known.Run) {
			runs[run.ID] = run
		}
	}
	if len(channels) == 0 {
		return nil
	}
	tx.AfterCommit(h.Armed)
	return h.Store.Save(ctx, tx,
		slices.SortedFunc(maps.Values(channels), func(a, b reminder.Channel) int {
			return cmp.Or(cmp.Compare(a.WorkspaceID, b.WorkspaceID), cmp.Compare(a.ChannelID, b.ChannelID))
		}),
		slices.SortedFunc(maps.Values(runs), func(a, b reminder.Armed) int { return slices.Compare(a.ID[:], b.ID[:]) }))
}

func channelOf(event *runv1.RunEvent) reminder.Channel {
	return reminder.Channel{
		WorkspaceID: event.GetWorkspaceId(), ChannelID: event.GetChannelId(), Epoch: event.GetEpoch(),
		SettingsVersion: event.GetSettings().GetVersion(), Reminders: event.GetSettings().GetReminders(),
	}
}

func runOf(ctx context.Context, event *runv1.RunEvent) (reminder.Armed, error) {
	run, err := toDomain(event.GetRun())
	if err != nil {
		return reminder.Armed{}, err
	}
	run.Epoch, run.Source.CorrelationID = event.GetEpoch(), event.GetCorrelationId()
	if run.Source.Snapshot, err = proto.Marshal(event.GetRun()); err != nil {
		return reminder.Armed{}, fmt.Errorf("snapshot of run %s: %w", run.ID, err)
	}
	trace, err := json.Marshal(telemetry.Inject(ctx))
	if err != nil {
		return reminder.Armed{}, fmt.Errorf("trace context: %w", err)
	}
	run.Source.Trace = string(trace)
	offset := time.Duration(event.GetSettings().GetReminderOffsetMinutes()) * time.Minute
	return reminder.Armed{Run: run, Timers: reminder.Timers(run, offset)}, nil
}

func toDomain(snapshot *runv1.Run) (reminder.Run, error) {
	id, err := uuid.Parse(snapshot.GetId())
	if err != nil {
		return reminder.Run{}, fmt.Errorf("run id: %w", err)
	}
	assignment := snapshot.GetAssignment()
	return reminder.Run{
		ID: id, WorkspaceID: snapshot.GetWorkspaceId(), ChannelID: snapshot.GetChannelId(), Version: snapshot.GetVersion(),
		Closed: snapshot.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSED &&
			assignment.GetState() != runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
		PickupAt: snapshot.GetPickupAt().AsTime(), RunnerID: assignment.GetRunnerId(),
		AssignmentNo: int(assignment.GetAssignmentNo()), AssignedAt: assignment.GetAssignedAt().AsTime(),
	}, nil
}
