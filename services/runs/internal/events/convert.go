package events

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// fromCommand returns the command's id and what it asks. An id that is no UUID, or no channel, is an error: the edge is broken.
func fromCommand(c *commandv1.Command) (uuid.UUID, run.Command, error) {
	id, err := uuid.Parse(c.Id)
	if err != nil {
		return uuid.Nil, run.Command{}, fmt.Errorf("command id: %w", err)
	}
	channel, err := channelOf(c)
	if err != nil {
		return uuid.Nil, run.Command{}, err
	}
	return id, run.Command{
		ID: c.Id, ReplyTo: c.ReplyTo,
		Channel:       channel,
		Actor:         run.Actor{User: run.UserID(c.GetActor().GetUserId()), WorkspaceAdmin: c.GetActor().GetWorkspaceAdmin()},
		CorrelationID: c.CorrelationId,
		IssuedAt:      fromTimestamp(c.IssuedAt),
		ExpiresAt:     fromTimestamp(c.ExpiresAt),
		Want:          wanted(c),
	}, nil
}

func channelOf(c *commandv1.Command) (run.ChannelID, error) {
	if c.WorkspaceId == "" || c.GetChangePersonalSettings() != nil && c.GetActor().GetUserId() == "" || !personal(c) && c.ChannelId == "" {
		return run.ChannelID{}, fmt.Errorf("command %s: no channel or, if it is personal, no person", c.Id)
	}
	return run.ChannelID{Workspace: c.WorkspaceId, Channel: c.ChannelId}, nil
}

// wanted is nil for a kind that this release does not know, and for one whose run id is none.
func wanted(c *commandv1.Command) run.Want {
	id := func(text string) (uuid.UUID, bool) {
		id, err := uuid.Parse(text)
		return id, err == nil && id != uuid.Nil
	}
	switch w := c.What.(type) {
	case *commandv1.Command_StartRun:
		if named, ok := id(w.StartRun.RunId); ok {
			return run.StartRun{ID: named, Pickup: fromTimestamp(w.StartRun.PickupAt), Place: w.StartRun.Place}
		}
	case *commandv1.Command_PlaceOrder:
		if named, ok := id(w.PlaceOrder.RunId); ok {
			return run.PlaceOrder{Run: named, Drink: w.PlaceOrder.Drink, Quantity: w.PlaceOrder.Quantity, Remember: w.PlaceOrder.RememberAsUsual}
		}
	case *commandv1.Command_PlaceUsual:
		if named, ok := id(w.PlaceUsual.RunId); ok {
			return run.PlaceUsual{Run: named}
		}
	case *commandv1.Command_WithdrawOrder:
		if named, ok := id(w.WithdrawOrder.RunId); ok {
			return run.WithdrawOrder{Run: named}
		}
	case *commandv1.Command_CloseRun:
		if named, ok := id(w.CloseRun.RunId); ok || w.CloseRun.RunId == "" {
			return run.CloseRun{Run: named}
		}
	case *commandv1.Command_CancelRun:
		if named, ok := id(w.CancelRun.RunId); ok || w.CancelRun.RunId == "" {
			return run.CancelRun{Run: named}
		}
	case *commandv1.Command_MoveRun:
		if named, ok := id(w.MoveRun.RunId); ok {
			return run.MoveRun{Run: named, Pickup: fromTimestamp(w.MoveRun.PickupAt), IfPickup: fromTimestamp(w.MoveRun.IfPickupAt)}
		}
	case *commandv1.Command_Volunteer:
		if named, ok := id(w.Volunteer.RunId); ok {
			return run.Volunteer{Run: named}
		}
	case *commandv1.Command_StopVolunteering:
		if named, ok := id(w.StopVolunteering.RunId); ok {
			return run.StopVolunteering{Run: named}
		}
	case *commandv1.Command_AcceptAssignment:
		if named, ok := id(w.AcceptAssignment.RunId); ok {
			return run.AcceptAssignment{Run: named, No: w.AcceptAssignment.AssignmentNo}
		}
	case *commandv1.Command_DeclineAssignment:
		if named, ok := id(w.DeclineAssignment.RunId); ok {
			return run.DeclineAssignment{Run: named, No: w.DeclineAssignment.AssignmentNo}
		}
	case *commandv1.Command_TakeOver:
		if named, ok := id(w.TakeOver.RunId); ok {
			return run.TakeOver{Run: named, No: w.TakeOver.AssignmentNo, Successor: run.UserID(w.TakeOver.ConfirmedUserId)}
		}
	case *commandv1.Command_AnnounceArrival:
		if named, ok := id(w.AnnounceArrival.RunId); ok {
			return run.AnnounceArrival{Run: named, No: w.AnnounceArrival.AssignmentNo}
		}
	case *commandv1.Command_SaveUsual:
		return run.SaveUsual{Drink: w.SaveUsual.Drink, Quantity: w.SaveUsual.Quantity}
	case *commandv1.Command_ClearUsual:
		return run.ClearUsual{}
	case *commandv1.Command_ChangeSettings:
		return run.ChangeSettings{Settings: fromSettings(w.ChangeSettings.GetSettings()), IfVersion: w.ChangeSettings.IfVersion}
	case *commandv1.Command_ResetChannel:
		return run.ResetChannel{}
	case *commandv1.Command_AbandonRun:
		if named, ok := id(w.AbandonRun.RunId); ok {
			return run.AbandonRun{Run: named}
		}
	}
	return nil
}

// kindOf names the command's oneof case; empty for a kind from a newer release.
func kindOf(c *commandv1.Command) string {
	m := c.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("what")); field != nil {
		return string(field.Name())
	}
	return ""
}

// typedIn is the text that the command's author had typed, to be quoted back to them.
func typedIn(c *commandv1.Command) string {
	switch w := c.What.(type) {
	case *commandv1.Command_StartRun:
		return w.StartRun.Place
	case *commandv1.Command_PlaceOrder:
		return w.PlaceOrder.Drink
	case *commandv1.Command_SaveUsual:
		return w.SaveUsual.Drink
	}
	return ""
}

// answer is fairness's answer to the question who runs, or to a reset.
type answer struct {
	channel     run.ChannelID
	epoch       uint64
	run         uuid.UUID
	no          uint32
	runner      run.UserID // empty: nobody is left
	explanation []byte
	purged      run.Counts // of an answer to a reset instead; else nil
}

func fromAnswer(e *fairnessv1.FairnessEvent) (answer, error) {
	a := answer{
		channel: run.ChannelID{Workspace: e.WorkspaceId, Channel: e.ChannelId},
		epoch:   e.Epoch, no: e.AssignmentNo,
	}
	if purged := e.GetChannelPurged(); purged != nil {
		a.purged = fromCounts(purged.Counts)
		return a, nil
	}
	var err error
	if a.run, err = uuid.Parse(e.RunId); err != nil {
		return answer{}, fmt.Errorf("fairness event %s: run id: %w", e.Id, err)
	}
	chosen, ok := e.What.(*fairnessv1.FairnessEvent_RunnerChosen)
	if !ok {
		return a, nil
	}
	a.runner = run.UserID(chosen.RunnerChosen.RunnerId)
	if a.runner == "" {
		return answer{}, fmt.Errorf("fairness event %s: a choice without a runner", e.Id)
	}
	if chosen.RunnerChosen.Explanation != nil {
		if a.explanation, err = proto.Marshal(chosen.RunnerChosen.Explanation); err != nil {
			return answer{}, fmt.Errorf("fairness event %s: explanation: %w", e.Id, err)
		}
	}
	return a, nil
}

// toMessage encodes an event with the run and the settings as they are after it.
func toMessage(e run.Event, by cause) (bus.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return bus.Message{}, fmt.Errorf("event id: %w", err)
	}
	envelope := &runv1.RunEvent{
		Id: id.String(), WorkspaceId: e.Channel.Workspace, ChannelId: e.Channel.Channel, Epoch: e.Epoch,
		CorrelationId: by.correlationID, CommandId: by.commandID, ActorId: by.actor, ReplyTo: by.replyTo,
		OccurredAt: timestamppb.New(e.At), Settings: toSettings(e.Settings),
	}
	var subject string
	if e.Run != nil {
		subject = e.Run.ID.String()
		if envelope.Run, err = toRun(e.Run); err != nil {
			return bus.Message{}, err
		}
	}
	switch what := e.What.(type) {
	case run.RunStarted:
		envelope.What = &runv1.RunEvent_RunStarted{RunStarted: &runv1.RunStarted{}}
	case run.OrderPlaced:
		envelope.What = &runv1.RunEvent_OrderPlaced{OrderPlaced: &runv1.OrderPlaced{UserId: string(what.User), Usual: what.Usual}}
	case run.OrderWithdrawn:
		envelope.What = &runv1.RunEvent_OrderWithdrawn{OrderWithdrawn: &runv1.OrderWithdrawn{UserId: string(what.User)}}
	case run.RunClosed:
		envelope.What = &runv1.RunEvent_RunClosed{RunClosed: &runv1.RunClosed{ByDeadline: what.ByDeadline}}
	case run.RunMoved:
		envelope.What = &runv1.RunEvent_RunMoved{RunMoved: &runv1.RunMoved{PreviousPickupAt: timestamppb.New(what.Previous)}}
	case run.Volunteered:
		envelope.What = &runv1.RunEvent_Volunteered{Volunteered: &runv1.Volunteered{UserId: string(what.User)}}
	case run.StoppedVolunteering:
		envelope.What = &runv1.RunEvent_StoppedVolunteering{StoppedVolunteering: &runv1.StoppedVolunteering{UserId: string(what.User)}}
	case run.RunnerRequested:
		reason := runv1.RequestReason_REQUEST_REASON_NO_ANSWER
		if what.DeclinedBy != "" {
			reason = runv1.RequestReason_REQUEST_REASON_DECLINED
		}
		envelope.What = &runv1.RunEvent_RunnerRequested{RunnerRequested: &runv1.RunnerRequested{Reason: reason, DeclinedById: string(what.DeclinedBy)}}
	case run.RunnerAccepted:
		envelope.What = &runv1.RunEvent_RunnerAccepted{RunnerAccepted: &runv1.RunnerAccepted{}}
	case run.TakeOverOffered:
		envelope.What = &runv1.RunEvent_TakeOverOffered{TakeOverOffered: &runv1.TakeOverOffered{UserId: string(what.User)}}
	case run.CoffeeArrived:
		envelope.What = &runv1.RunEvent_CoffeeArrived{CoffeeArrived: &runv1.CoffeeArrived{}}
	case run.LastCall:
		envelope.What = &runv1.RunEvent_LastCall{LastCall: &runv1.LastCall{MissingIds: texts(what.Missing)}}
	case run.RunnerAssigned:
		envelope.What = &runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}}
	case run.RunnerWanted:
		envelope.What = &runv1.RunEvent_RunnerWanted{RunnerWanted: &runv1.RunnerWanted{}}
	case run.RunCancelled:
		envelope.What = &runv1.RunEvent_RunCancelled{RunCancelled: &runv1.RunCancelled{}}
	case run.RunFailed:
		envelope.What = &runv1.RunEvent_RunFailed{RunFailed: &runv1.RunFailed{}}
	case run.UsualSaved:
		envelope.What = &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{
			UserId: string(what.Usual.User), Drink: string(what.Usual.Drink), Quantity: uint32(what.Usual.Quantity),
		}}}
	case run.UsualCleared:
		envelope.What = &runv1.RunEvent_UsualCleared{UsualCleared: &runv1.UsualCleared{UserId: string(what.User)}}
	case run.SettingsChanged:
		envelope.What = &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{Previous: toSettings(what.Previous)}}
	case run.ChannelReset:
		envelope.What = &runv1.RunEvent_ChannelReset{ChannelReset: &runv1.ChannelReset{Counts: toCounts(what.Reset.Counts)}}
	case run.ChannelResetCompleted:
		envelope.What = &runv1.RunEvent_ChannelResetCompleted{ChannelResetCompleted: &runv1.ChannelResetCompleted{
			Counts: toCounts(what.Reset.Counts), Missing: what.Reset.Missing,
		}}
	case run.PersonErased:
		envelope.What = personErased(run.Erasure(what))
	case run.CommandRejected:
		reason, ok := reasons[what.Refusal]
		if !ok {
			return bus.Message{}, fmt.Errorf("refusal %q has no reason", string(what.Refusal))
		}
		envelope.What = &runv1.RunEvent_CommandRejected{CommandRejected: &runv1.CommandRejected{
			Command: by.command, Reason: reason, Typed: by.typed, Ref: by.ref,
		}}
	default:
		return bus.Message{}, fmt.Errorf("event %T has no message", e.What)
	}
	return bus.Encode(topic.RunEvents, topic.Key(e.Channel.Workspace, e.Channel.Channel), envelope.Id, subject, e.At, envelope)
}

func personErased(e run.Erasure) *runv1.RunEvent_PersonErased {
	return &runv1.RunEvent_PersonErased{PersonErased: &runv1.PersonErased{UserId: string(e.User), ReplacedBy: string(e.Anonym)}}
}

func toRun(r *run.Run) (*runv1.Run, error) {
	message := &runv1.Run{
		Id: r.ID.String(), WorkspaceId: r.Channel.Workspace, ChannelId: r.Channel.Channel,
		Status: statuses[r.Status], Version: r.Version, InitiatorId: string(r.Initiator),
		StartedAt: timestamppb.New(r.StartedAt), PickupAt: timestamppb.New(r.PickupAt), ClosesAt: toTimestamp(r.ClosesAt), EndedAt: toTimestamp(r.EndedAt),
		Place: string(r.Place), Orders: toOrders(r.Orders), VolunteerIds: texts(r.Volunteers), DeclinedIds: texts(r.Declined), EndReason: endReasons[r.EndReason],
	}
	if a := r.Assignment; a.No > 0 {
		message.Assignment = &runv1.Assignment{
			AssignmentNo: a.No, State: assignmentStates[a.State], RunnerId: string(a.Runner), AssignedAt: toTimestamp(a.AssignedAt),
			PreviousRunnerId: string(a.Previous), OfferedById: string(a.OfferedBy),
		}
		if len(a.Explanation) > 0 {
			message.Assignment.Explanation = &runv1.Explanation{}
			if err := proto.Unmarshal(a.Explanation, message.Assignment.Explanation); err != nil {
				return nil, fmt.Errorf("explanation of run %s: %w", r.ID, err)
			}
		}
	}
	return message, nil
}

// toOrders takes three allocations however many orders there are: every event of a run carries them all.
func toOrders(orders []run.Order) []*runv1.Order {
	all := make([]*runv1.Order, len(orders))
	messages := make([]runv1.Order, len(orders))
	times := make([]timestamppb.Timestamp, 2*len(orders))
	for i, o := range orders {
		placed, changed, m := &times[2*i], &times[2*i+1], &messages[i]
		placed.Seconds, placed.Nanos = o.PlacedAt.Unix(), int32(o.PlacedAt.Nanosecond())
		changed.Seconds, changed.Nanos = o.ChangedAt.Unix(), int32(o.ChangedAt.Nanosecond())
		m.UserId, m.Drink, m.Quantity, m.PlacedAt, m.ChangedAt = string(o.User), string(o.Drink), uint32(o.Quantity), placed, changed
		all[i] = m
	}
	return all
}

func toSettings(s run.Settings) *runv1.ChannelSettings {
	message := &runv1.ChannelSettings{
		Version: s.Version, Enabled: s.Enabled, Reminders: s.Reminders, ReminderOffsetMinutes: toMinutes(s.ReminderOffset),
		LastCall: s.LastCall, LastCallLeadMinutes: toMinutes(s.LastCallLead), ClosingLeadMinutes: toMinutes(s.ClosingLead),
		DefaultPickupMinutes: toMinutes(s.DefaultPickup), Policy: policies[s.Policy],
		FairnessWindow: s.FairnessWindow, RetentionDays: s.RetentionDays,
	}
	message.AdminIds = texts(s.Admins)
	return message
}

func texts(people []run.UserID) []string {
	all := make([]string, len(people))
	for i, id := range people {
		all[i] = string(id)
	}
	return all
}

func fromSettings(s *runv1.ChannelSettings) run.Settings {
	minutes := func(n uint32) time.Duration { return time.Duration(n) * time.Minute }
	settings := run.Settings{
		Enabled: s.GetEnabled(), Reminders: s.GetReminders(), ReminderOffset: minutes(s.GetReminderOffsetMinutes()),
		LastCall: s.GetLastCall(), LastCallLead: minutes(s.GetLastCallLeadMinutes()), ClosingLead: minutes(s.GetClosingLeadMinutes()),
		DefaultPickup: minutes(s.GetDefaultPickupMinutes()), Policy: run.FairShare,
		FairnessWindow: s.GetFairnessWindow(), RetentionDays: s.GetRetentionDays(),
	}
	if s.GetPolicy() == runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION {
		settings.Policy = run.Rotation
	}
	for _, id := range s.GetAdminIds() {
		settings.Admins = append(settings.Admins, run.UserID(id))
	}
	return settings
}

func toCounts(c run.Counts) *runv1.PurgeCounts {
	return &runv1.PurgeCounts{
		Runs: c["runs"], Orders: c["orders"], Usuals: c["usuals"], LedgerEntries: c["ledger_entries"], Reminders: c["reminders"],
	}
}

func fromCounts(c *runv1.PurgeCounts) run.Counts {
	return run.Counts{"ledger_entries": c.GetLedgerEntries(), "reminders": c.GetReminders()}
}

func toMinutes(d time.Duration) uint32 { return uint32(d / time.Minute) }

// toTimestamp leaves the zero time absent.
func toTimestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// fromTimestamp has the precision of the database, so that what is decided on is what will be read again.
func fromTimestamp(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime().Truncate(time.Microsecond)
}

var statuses = map[run.Status]runv1.RunStatus{
	run.Open:      runv1.RunStatus_RUN_STATUS_OPEN,
	run.Closing:   runv1.RunStatus_RUN_STATUS_CLOSING,
	run.Closed:    runv1.RunStatus_RUN_STATUS_CLOSED,
	run.Cancelled: runv1.RunStatus_RUN_STATUS_CANCELLED,
	run.Failed:    runv1.RunStatus_RUN_STATUS_FAILED,
}

var endReasons = map[run.EndReason]runv1.EndReason{
	run.CancelledByPerson: runv1.EndReason_END_REASON_CANCELLED_BY_PERSON,
	run.NoOrders:          runv1.EndReason_END_REASON_NO_ORDERS,
	run.Forgotten:         runv1.EndReason_END_REASON_FORGOTTEN,
	run.ChannelDisabled:   runv1.EndReason_END_REASON_CHANNEL_DISABLED,
	run.Abandoned:         runv1.EndReason_END_REASON_ABANDONED,
}

var assignmentStates = map[run.AssignmentState]runv1.AssignmentState{
	run.Choosing: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING,
	run.Assigned: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED,
	run.Accepted: runv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED,
	run.Done:     runv1.AssignmentState_ASSIGNMENT_STATE_DONE,
	run.Wanted:   runv1.AssignmentState_ASSIGNMENT_STATE_WANTED,
}

var policies = map[run.Policy]runv1.FairnessPolicy{
	run.FairShare: runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE,
	run.Rotation:  runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION,
}

var reasons = map[run.Refusal]runv1.RejectReason{
	run.ErrRunAlreadyOpen:   runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN,
	run.ErrNoOpenRun:        runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN,
	run.ErrRunClosed:        runv1.RejectReason_REJECT_REASON_RUN_CLOSED,
	run.ErrRunCancelled:     runv1.RejectReason_REJECT_REASON_RUN_CANCELLED,
	run.ErrNotAllowed:       runv1.RejectReason_REJECT_REASON_NOT_ALLOWED,
	run.ErrNoOrders:         runv1.RejectReason_REJECT_REASON_NO_ORDERS,
	run.ErrNoOrder:          runv1.RejectReason_REJECT_REASON_NO_ORDER,
	run.ErrNoUsual:          runv1.RejectReason_REJECT_REASON_NO_USUAL,
	run.ErrInvalid:          runv1.RejectReason_REJECT_REASON_INVALID,
	run.ErrRunFull:          runv1.RejectReason_REJECT_REASON_RUN_FULL,
	run.ErrExpired:          runv1.RejectReason_REJECT_REASON_EXPIRED,
	run.ErrPickupOutOfRange: runv1.RejectReason_REJECT_REASON_PICKUP_OUT_OF_RANGE,
	run.ErrChannelDisabled:  runv1.RejectReason_REJECT_REASON_CHANNEL_DISABLED,
	run.ErrUnknownRun:       runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN,
	run.ErrStale:            runv1.RejectReason_REJECT_REASON_STALE,
	run.ErrNotRunner:        runv1.RejectReason_REJECT_REASON_NOT_RUNNER,
	run.ErrBroken:           runv1.RejectReason_REJECT_REASON_INTERNAL,
}
