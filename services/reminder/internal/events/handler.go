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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

// Store keeps runs and their timers.
type Store interface {
	// Save applies channels and runs, sorted and each once, as far as they are news, and re-arms the timers of these runs.
	Save(ctx context.Context, tx *postgres.Tx, channels []reminder.Channel, runs []reminder.Armed) error
	// SavePerson keeps whether someone wants reminders, if version is newer than what is known.
	SavePerson(ctx context.Context, tx *postgres.Tx, workspaceID, userID string, version uint64, reminders bool) error
	// ErasePerson takes someone out of a channel's timers or, if it is empty, out of what is kept of people.
	ErasePerson(ctx context.Context, tx *postgres.Tx, workspaceID, channelID, userID string) error
	// Runs returns a channel's runs whose pickup is still to come, as ClaimDue does.
	Runs(ctx context.Context, tx *postgres.Tx, c reminder.Channel, now time.Time) ([]reminder.Run, error)
	// CountTimers counts the timers of a channel that are of a lower epoch than c's.
	CountTimers(ctx context.Context, tx *postgres.Tx, c reminder.Channel) (uint64, error)
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
	return []bus.Subscription{{Topic: topic.RunEvents, Wants: Wants, Handler: Runs{Store: store, Outbox: clock.outbox, Now: clock.now, Armed: clock.Wake}}}
}

// Runs applies run events: it keeps the newest snapshots and arms their timers.
type Runs struct {
	Store  Store
	Outbox Outbox
	Now    func() time.Time
	// Armed is told, after the commit, that timers may have changed.
	Armed func()
}

// unneeded are events that never change a timer. Kinds that are not known yet are taken: their snapshot may.
var unneeded = map[string]bool{
	bus.TypeOf(&runv1.OrderPlaced{}):         true,
	bus.TypeOf(&runv1.OrderWithdrawn{}):      true,
	bus.TypeOf(&runv1.Volunteered{}):         true,
	bus.TypeOf(&runv1.StoppedVolunteering{}): true,
	bus.TypeOf(&runv1.LastCall{}):            true,
	bus.TypeOf(&runv1.UsualSaved{}):          true,
	bus.TypeOf(&runv1.UsualCleared{}):        true,
	bus.TypeOf(&runv1.CommandRejected{}):     true,
}

// Wants says whether an event of this type can matter.
func Wants(ceType string) bool { return !unneeded[ceType] }

// news is what records say, of each channel and run the newest.
type news struct {
	channels map[[2]string]reminder.Channel
	leads    map[[2]string]reminder.Leads
	runs     map[uuid.UUID]reminder.Armed
	changed  []reminder.Channel // settings were changed by themselves
	resets   []reset
	erased   []erased
}

// erased is someone who is to be forgotten in a channel.
type erased struct{ workspaceID, channelID, userID string }

// reset is a channel whose data is void, and the trace in which it became so.
type reset struct {
	channel       reminder.Channel
	ctx           context.Context
	correlationID string
}

// Handle keeps of each channel and run the newest that the records say, and re-arms timers accordingly.
func (h Runs) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	n := news{channels: map[[2]string]reminder.Channel{}, leads: map[[2]string]reminder.Leads{}, runs: map[uuid.UUID]reminder.Armed{}}
	for _, record := range records {
		var event runv1.RunEvent
		if err := bus.Decode(record, &event); err != nil {
			return err
		}
		if event.GetChannelId() == "" {
			if err := h.personal(ctx, tx, &event); err != nil {
				return err
			}
			continue
		}
		if e := event.GetPersonErased(); e != nil {
			n.erased = append(n.erased, erased{event.GetWorkspaceId(), event.GetChannelId(), e.GetUserId()})
		}
		if err := n.add(record.Context(ctx), &event); err != nil {
			return err
		}
	}
	if len(n.channels) == 0 {
		return nil
	}
	tx.AfterCommit(h.Armed)
	reports, err := h.count(ctx, tx, n.resets)
	if err != nil {
		return err
	}
	if err := h.Store.Save(ctx, tx, sortedChannels(n.channels), sortedRuns(n.runs)); err != nil {
		return err
	}
	if err := h.rearm(ctx, tx, n); err != nil {
		return err
	}
	for _, e := range n.erased {
		if err := h.Store.ErasePerson(ctx, tx, e.workspaceID, e.channelID, e.userID); err != nil {
			return fmt.Errorf("erase person: %w", err)
		}
	}
	if len(reports) == 0 {
		return nil
	}
	return h.Outbox.Add(ctx, tx, reports...)
}

func (n *news) add(ctx context.Context, event *runv1.RunEvent) error {
	channel := channelOf(event)
	key := [2]string{channel.WorkspaceID, channel.ChannelID}
	if known, ok := n.channels[key]; !ok || !known.Newer(channel) { // defaults, all of version 0, can change
		n.channels[key], n.leads[key] = channel, leadsOf(event)
	}
	switch event.GetWhat().(type) {
	case *runv1.RunEvent_SettingsChanged:
		n.changed = append(n.changed, channel)
	case *runv1.RunEvent_ChannelReset:
		n.resets = append(n.resets, reset{channel, ctx, event.GetCorrelationId()})
	}
	if event.GetRun() == nil {
		return nil
	}
	run, err := runOf(ctx, event)
	if err != nil {
		return err
	}
	if known, ok := n.runs[run.ID]; !ok || run.Newer(known.Run) {
		n.runs[run.ID] = run
	}
	return nil
}

// rearm arms the timers anew of runs in channels whose settings were changed by themselves.
func (h Runs) rearm(ctx context.Context, tx *postgres.Tx, n news) error {
	var all []reminder.Armed
	for _, channel := range n.changed {
		kept, err := h.Store.Runs(ctx, tx, channel, h.Now())
		if err != nil {
			return fmt.Errorf("runs of a channel: %w", err)
		}
		for _, r := range kept {
			run, _, err := fromKept(r)
			if err != nil {
				return err
			}
			all = append(all, reminder.Armed{Run: run, Timers: reminder.Timers(run, n.leads[[2]string{channel.WorkspaceID, channel.ChannelID}])})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return h.Store.Save(ctx, tx, sortedChannels(n.channels), all)
}

// count reports how many timers each reset purges; Save does so as it learns of the higher epoch.
func (h Runs) count(ctx context.Context, tx *postgres.Tx, resets []reset) (reports []bus.Message, err error) {
	for _, r := range resets {
		timers, err := h.Store.CountTimers(ctx, tx, r.channel)
		if err != nil {
			return nil, fmt.Errorf("count timers: %w", err)
		}
		report, err := toReport(r, timers, h.Now())
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func toReport(r reset, timers uint64, now time.Time) (bus.Message, error) {
	event := &reminderv1.ReminderEvent{
		Id: uuid.Must(uuid.NewV7()).String(), WorkspaceId: r.channel.WorkspaceID, ChannelId: r.channel.ChannelID, Epoch: r.channel.Epoch,
		CorrelationId: r.correlationID, OccurredAt: timestamppb.New(now),
		What: &reminderv1.ReminderEvent_ChannelPurged{ChannelPurged: &reminderv1.ChannelPurged{Counts: &runv1.PurgeCounts{Reminders: timers}}},
	}
	message, err := bus.Encode(topic.ReminderEvents, topic.Key(r.channel.WorkspaceID, r.channel.ChannelID), event.Id, "", now, event)
	if err != nil {
		return bus.Message{}, err
	}
	message.Headers = telemetry.Inject(r.ctx)
	message.Headers[bus.CorrelationHeader] = r.correlationID
	return message, nil
}

// personal keeps whether someone wants reminders, or forgets it.
func (h Runs) personal(ctx context.Context, tx *postgres.Tx, event *runv1.RunEvent) error {
	if e := event.GetPersonErased(); e != nil {
		if err := h.Store.ErasePerson(ctx, tx, event.GetWorkspaceId(), "", e.GetUserId()); err != nil {
			return fmt.Errorf("erase person: %w", err)
		}
	}
	changed := event.GetPersonalSettingsChanged()
	if changed == nil {
		return nil
	}
	settings := changed.GetSettings()
	if err := h.Store.SavePerson(ctx, tx, event.GetWorkspaceId(), changed.GetUserId(), settings.GetVersion(), settings.GetReminders()); err != nil {
		return fmt.Errorf("save person: %w", err)
	}
	return nil
}

func sortedChannels(channels map[[2]string]reminder.Channel) []reminder.Channel {
	return slices.SortedFunc(maps.Values(channels), func(a, b reminder.Channel) int {
		return cmp.Or(cmp.Compare(a.WorkspaceID, b.WorkspaceID), cmp.Compare(a.ChannelID, b.ChannelID))
	})
}

func sortedRuns(runs map[uuid.UUID]reminder.Armed) []reminder.Armed {
	return slices.SortedFunc(maps.Values(runs), func(a, b reminder.Armed) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

func channelOf(event *runv1.RunEvent) reminder.Channel {
	return reminder.Channel{
		WorkspaceID: event.GetWorkspaceId(), ChannelID: event.GetChannelId(), Epoch: event.GetEpoch(),
		SettingsVersion: event.GetSettings().GetVersion(), Reminders: event.GetSettings().GetReminders(),
		LastCall: event.GetSettings().GetLastCall(),
	}
}

func leadsOf(event *runv1.RunEvent) reminder.Leads {
	settings := event.GetSettings()
	leads := reminder.Leads{Runner: time.Duration(settings.GetReminderOffsetMinutes()) * time.Minute}
	if settings.GetLastCall() {
		leads.LastCall = time.Duration(settings.GetLastCallLeadMinutes()) * time.Minute
	}
	return leads
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
	return reminder.Armed{Run: run, Timers: reminder.Timers(run, leadsOf(event))}, nil
}

// fromKept reads a run from its snapshot, as the store has it.
func fromKept(kept reminder.Run) (reminder.Run, *runv1.Run, error) {
	snapshot := &runv1.Run{}
	if err := proto.Unmarshal(kept.Source.Snapshot, snapshot); err != nil {
		return reminder.Run{}, nil, fmt.Errorf("snapshot: %w", err)
	}
	run, err := toDomain(snapshot)
	if err != nil {
		return reminder.Run{}, nil, fmt.Errorf("snapshot: %w", err)
	}
	run.Epoch, run.Source = kept.Epoch, kept.Source
	return run, snapshot, nil
}

func toDomain(snapshot *runv1.Run) (reminder.Run, error) {
	id, err := uuid.Parse(snapshot.GetId())
	if err != nil {
		return reminder.Run{}, fmt.Errorf("run id: %w", err)
	}
	assignment := snapshot.GetAssignment()
	run := reminder.Run{
		Open: snapshot.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN, StartedAt: snapshot.GetStartedAt().AsTime(),
		ID: id, WorkspaceID: snapshot.GetWorkspaceId(), ChannelID: snapshot.GetChannelId(), Version: snapshot.GetVersion(),
		Closed: snapshot.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSED &&
			assignment.GetState() != runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
		PickupAt: snapshot.GetPickupAt().AsTime(), RunnerID: assignment.GetRunnerId(),
		AssignmentNo: int(assignment.GetAssignmentNo()), AssignedAt: assignment.GetAssignedAt().AsTime(),
	}
	if snapshot.GetClosesAt() != nil {
		run.ClosesAt = snapshot.GetClosesAt().AsTime()
	}
	return run, nil
}
