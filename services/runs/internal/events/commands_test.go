package events_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/events"
)

func TestAnEventSaysWhatHappenedAndHowThingsAre(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := newID()
	start := startRun("ana", id)
	start.ReplyTo, start.GetStartRun().Place = "C1", " Lobby café "
	order := placeOrder("ben", id, " Mocha ")
	order.GetPlaceOrder().RememberAsUsual = true
	require.NoError(t, k.handle(events.Commands{Recorder: k.Recorder}, record(t, start), record(t, order)))

	messages := k.messages()
	require.Len(t, messages, 3)
	for i, kind := range []string{"RunStarted", "OrderPlaced", "UsualSaved"} {
		require.Equal(t, "coffeebuddy.run.events", messages[i].Topic)
		require.Equal(t, "T1/C1", messages[i].Key)
		require.Equal(t, "coffeebuddy.run.v1."+kind, messages[i].Type)
		require.Equal(t, noon, messages[i].Time)
	}
	require.Equal(t, id, messages[1].Subject)
	require.Equal(t, order.CorrelationId, messages[1].Headers[bus.CorrelationHeader])

	started := &runv1.RunEvent{}
	require.NoError(t, bus.Decode(&bus.Record{Message: messages[0]}, started))
	settings := &runv1.ChannelSettings{
		Enabled: true, Reminders: true, ReminderOffsetMinutes: 5, LastCallLeadMinutes: 10, ClosingLeadMinutes: 10,
		DefaultPickupMinutes: 30, Policy: runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, FairnessWindow: 5, RetentionDays: 90,
	}
	run := &runv1.Run{
		Id: id, WorkspaceId: "T1", ChannelId: "C1", Status: runv1.RunStatus_RUN_STATUS_OPEN, Version: 1, InitiatorId: "ana",
		StartedAt: timestamppb.New(noon), PickupAt: timestamppb.New(noon.Add(30 * time.Minute)), ClosesAt: timestamppb.New(noon.Add(20 * time.Minute)), Place: "Lobby café",
	}
	want := &runv1.RunEvent{
		Id: messages[0].ID, WorkspaceId: "T1", ChannelId: "C1", Epoch: 1, CorrelationId: start.CorrelationId, CommandId: start.Id,
		ActorId: "ana", ReplyTo: "C1", OccurredAt: timestamppb.New(noon), Run: run, Settings: settings,
		What: &runv1.RunEvent_RunStarted{RunStarted: &runv1.RunStarted{}},
	}
	require.True(t, proto.Equal(want, started), "%v", started)

	placed, saved := &runv1.RunEvent{}, &runv1.RunEvent{}
	require.NoError(t, bus.Decode(&bus.Record{Message: messages[1]}, placed))
	run.Version = 2
	run.Orders = []*runv1.Order{{UserId: "ben", Drink: "Mocha", Quantity: 1, PlacedAt: timestamppb.New(noon), ChangedAt: timestamppb.New(noon)}}
	require.True(t, proto.Equal(run, placed.Run), "%v", placed.Run)
	require.True(t, proto.Equal(&runv1.OrderPlaced{UserId: "ben"}, placed.GetOrderPlaced()))

	require.NoError(t, bus.Decode(&bus.Record{Message: messages[2]}, saved))
	require.Nil(t, saved.Run)
	require.True(t, proto.Equal(&runv1.Usual{UserId: "ben", Drink: "Mocha", Quantity: 1}, saved.GetUsualSaved().Usual))
}

func TestTheSameCommandTwiceTakesEffectOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	start := startRun("ana", newID())
	require.Len(t, k.do(start, start), 1, "twice in a batch")
	require.Empty(t, k.do(start), "once more")
	order := placeOrder("ben", start.GetStartRun().RunId, "Mocha")
	require.Len(t, k.do(start, order, order), 1)

	// Also where it was refused.
	second := startRun("ben", newID())
	require.Equal(t, runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN, rejected(t, k.do(second)).Reason)
	require.Empty(t, k.do(second))
}

func TestTheSecondStartIsShownTheOpenRun(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	second := startRun("ben", newID())
	second.ReplyTo, second.GetStartRun().Place = "C1", "Kitchen"
	all := k.do(second)
	require.True(t, proto.Equal(&runv1.CommandRejected{
		Command: "start_run", Reason: runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN, Typed: "Kitchen",
	}, rejected(t, all)), "%v", all)
	require.Equal(t, id, all[0].Run.Id)
	require.Len(t, all[0].Run.Orders, 1)
	require.Equal(t, "C1", all[0].ReplyTo)
	require.Equal(t, "ben", all[0].ActorId)
}

func TestTheSecondCloseHearsThatItIsClosed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	all := k.do(closeRun("ana", id), closeRun("ana", ""))
	require.Len(t, all, 2)
	require.NotNil(t, all[0].GetRunClosed())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CLOSING, all[0].Run.Status)
	require.True(t, proto.Equal(&runv1.Assignment{AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING}, all[0].Run.Assignment))
	require.Equal(t, runv1.RejectReason_REJECT_REASON_RUN_CLOSED, rejected(t, all[1:]).Reason)
	require.Equal(t, all[0].Run.Version, all[1].Run.Version, "a refusal changes nothing")
}

func TestEachKindOfCommand(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	usual := &commandv1.Command{Actor: by("ben"), What: &commandv1.Command_PlaceUsual{PlaceUsual: &commandv1.PlaceUsual{RunId: id}}}
	require.Equal(t, runv1.RejectReason_REJECT_REASON_NO_USUAL, rejected(t, k.do(usual)).Reason)
	order := placeOrder("ben", id, "Tea")
	order.GetPlaceOrder().RememberAsUsual = true
	require.Len(t, k.do(order), 2)
	usual.Id = ""
	require.True(t, proto.Equal(&runv1.OrderPlaced{UserId: "ben", Usual: true}, k.do(usual)[0].GetOrderPlaced()))

	withdraw := &commandv1.Command{Actor: by("ben"), What: &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: id}}}
	all := k.do(withdraw)
	require.Equal(t, "ben", all[0].GetOrderWithdrawn().UserId)
	require.Empty(t, all[0].Run.Orders)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_NO_ORDERS, rejected(t, k.do(closeRun("ana", id))).Reason)

	cancel := &commandv1.Command{Actor: by("ana"), What: &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{}}}
	all = k.do(cancel)
	require.NotNil(t, all[0].GetRunCancelled())
	require.Equal(t, runv1.EndReason_END_REASON_CANCELLED_BY_PERSON, all[0].Run.EndReason)
	require.NotNil(t, all[0].Run.EndedAt)
	cancel.Id = ""
	require.Equal(t, runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN, rejected(t, k.do(cancel)).Reason)

	next := newID()
	abandon := &commandv1.Command{What: &commandv1.Command_AbandonRun{AbandonRun: &commandv1.AbandonRun{RunId: next, Cause: "not_in_channel"}}}
	all = k.do(startRun("ana", next), abandon)
	require.NotNil(t, all[1].GetRunFailed())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_FAILED, all[1].Run.Status)
	require.Equal(t, runv1.EndReason_END_REASON_ABANDONED, all[1].Run.EndReason)
}

func TestEachRefusalHasItsReason(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id, cancelled := newID(), newID()
	cancel := &commandv1.Command{Actor: by("ana"), What: &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{}}}
	commands := []*commandv1.Command{startRun("ana", cancelled), cancel, startRun("ana", id)}
	for i := range 300 {
		commands = append(commands, placeOrder(fmt.Sprint("U", i), id, "Tea"))
	}
	k.do(commands...)
	late := startRun("ana", newID())
	late.ChannelId, late.GetStartRun().PickupAt = "C2", timestamppb.New(noon)
	for command, reason := range map[*commandv1.Command]runv1.RejectReason{
		placeOrder("ben", cancelled, "Tea"): runv1.RejectReason_REJECT_REASON_RUN_CANCELLED,
		placeOrder("ben", newID(), "Tea"):   runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN,
		placeOrder("ben", id, "Tea"):        runv1.RejectReason_REJECT_REASON_RUN_FULL,
		closeRun("ben", id):                 runv1.RejectReason_REJECT_REASON_NOT_ALLOWED,
		late:                                runv1.RejectReason_REJECT_REASON_PICKUP_OUT_OF_RANGE,
		{Actor: by("ben"), What: &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: id}}}: runv1.RejectReason_REJECT_REASON_NO_ORDER,
	} {
		require.Equal(t, reason, rejected(t, k.do(command)).Reason)
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	resync := &commandv1.Command{Actor: by("ana"), What: &commandv1.Command_Resync{Resync: &commandv1.Resync{}}}
	require.True(t, proto.Equal(&runv1.CommandRejected{Command: "resync", Reason: runv1.RejectReason_REJECT_REASON_INVALID}, rejected(t, k.do(resync))))
	for _, c := range []*commandv1.Command{placeOrder("ben", "7", "Tea"), startRun("ben", ""), closeRun("ana", "all"), placeOrder("ben", "", "Tea")} {
		require.Equal(t, runv1.RejectReason_REJECT_REASON_INVALID, rejected(t, k.do(c)).Reason)
	}
	long := strings.Repeat("é", 281)
	refusal := rejected(t, k.do(placeOrder("ben", id, long)))
	require.Equal(t, runv1.RejectReason_REJECT_REASON_INVALID, refusal.Reason)
	require.Equal(t, long, refusal.Typed, "nothing typed is lost")
}

func TestAnExpiredCommandIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	start := startRun("ana", newID())
	start.ExpiresAt = timestamppb.New(noon)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_EXPIRED, rejected(t, k.do(start)).Reason)
}

func TestADisabledChannelStaysUntouched(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.database.Exec(`INSERT INTO runs.channel (workspace_id, channel_id, settings_version, enabled, reminders, reminder_offset_minutes, last_call,
		last_call_lead_minutes, closing_lead_minutes, default_pickup_minutes, policy, fairness_window, retention_days, admin_ids)
		VALUES ('T1', 'C1', 1, false, true, 5, false, 10, 10, 30, 'fair_share', 5, 90, '{}')`)
	all := k.do(startRun("ana", newID()))
	require.Equal(t, runv1.RejectReason_REJECT_REASON_CHANNEL_DISABLED, rejected(t, all).Reason)
	require.False(t, all[0].Settings.Enabled)
	var runs int
	require.NoError(t, k.database.Connect().QueryRow(t.Context(), "SELECT count(*) FROM runs.run").Scan(&runs))
	require.Zero(t, runs)
}

// One batch of many channels: each channel's commands in their order, versions without gaps.
func TestABatchKeepsTheOrderOfEachChannel(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var commands []*commandv1.Command
	for c := range 5 {
		id := newID()
		start := startRun("ana", id)
		start.ChannelId = fmt.Sprint("C", c)
		commands = append(commands, start)
		for u := range 10 {
			order := placeOrder(fmt.Sprint("U", u), id, "Tea")
			order.ChannelId = start.ChannelId
			commands = append(commands, order)
		}
	}
	versions := map[string]uint64{}
	for _, e := range k.do(commands...) {
		versions[e.Run.Id]++
		require.Equal(t, versions[e.Run.Id], e.Run.Version)
		require.Len(t, e.Run.Orders, int(e.Run.Version)-1)
	}
	require.Len(t, versions, 5)
}

func TestAParkedCommandTellsItsAuthor(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	handler := events.Commands{Recorder: k.Recorder}
	order := placeOrder("ben", newID(), "Mocha")
	order.ReplyTo = "C1"
	tel, _ := testkit.Telemetry(t)
	ctx, span := tel.Tracer.Start(t.Context(), "process")
	defer span.End()
	require.NoError(t, k.db.InTx(ctx, func(tx *postgres.Tx) error {
		return handler.Parked(ctx, tx, record(t, order), fmt.Errorf("a rule that cannot hold"))
	}))
	all := k.taken()
	require.True(t, proto.Equal(&runv1.CommandRejected{
		Command: "place_order", Reason: runv1.RejectReason_REJECT_REASON_INTERNAL, Typed: "Mocha", Ref: span.SpanContext().TraceID().String()[:8],
	}, rejected(t, all)), "%v", all)
	require.Equal(t, "ben", all[0].ActorId)
	require.Equal(t, "C1", all[0].ReplyTo)
	require.NotEmpty(t, k.do(order), "it may be replayed")

	for _, c := range [][]byte{{0xff}, {}} {
		require.Error(t, k.db.InTx(ctx, func(tx *postgres.Tx) error {
			return handler.Parked(ctx, tx, &bus.Record{Message: bus.Message{Value: c}}, nil)
		}))
	}
	require.Empty(t, k.taken(), "nobody knows the author")
}

func TestWhatCannotBeACommandIsAnError(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	handler := events.Commands{Recorder: k.Recorder}
	noID, noChannel := record(t, placeOrder("ben", newID(), "Mocha")), &commandv1.Command{Id: newID(), WorkspaceId: "T1"}
	value, err := proto.Marshal(&commandv1.Command{Id: "7", WorkspaceId: "T1", ChannelId: "C1"})
	require.NoError(t, err)
	noID.Value = value
	require.ErrorContains(t, k.handle(handler, noID), "command id")
	personal := record(t, placeOrder("ben", newID(), "Mocha"))
	personal.Value, err = proto.Marshal(noChannel)
	require.NoError(t, err)
	require.ErrorContains(t, k.handle(handler, personal), "no channel")
	require.Error(t, k.handle(handler, &bus.Record{Message: bus.Message{Value: []byte{0xff}}}))
	require.Empty(t, k.taken())
}

func TestWhatPeopleTypeIsNotLogged(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := newID()
	start := startRun("ana", id)
	start.GetStartRun().Place = "Secret lobby"
	k.do(start, placeOrder("ben", id, "Secret mocha"), placeOrder("cem", newID(), "Secret tea"), closeRun("ana", id))
	_, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	log := k.log.String()
	require.NotContains(t, log, "Secret")
	for _, part := range []string{`"status":"closed"`, `"run_id":"` + id, `"channel_id":"C1"`, `"correlation_id":"corr-answer"`, `"correlation_id":"` + start.CorrelationId} {
		require.Contains(t, log, part)
	}
}

// The old run ends and the new one starts in one transaction, in this order, whatever else the batch holds.
func TestAStartEndsTheRunThatOverstays(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	old, next := k.started(), newID()
	k.now = noon.Add(2 * time.Hour)
	start := startRun("cem", next)
	start.IssuedAt = timestamppb.New(k.now)
	all := k.do(placeOrder("dee", old, "Tea"), start, placeOrder("ben", next, "Mocha"))
	require.Len(t, all, 4)
	require.Equal(t, old, all[1].Run.Id)
	require.NotNil(t, all[1].GetRunCancelled())
	require.Equal(t, runv1.RunStatus_RUN_STATUS_CANCELLED, all[1].Run.Status)
	require.Equal(t, all[0].Run.Version+1, all[1].Run.Version)
	require.Equal(t, next, all[2].Run.Id)
	require.NotNil(t, all[2].GetRunStarted())
	require.Equal(t, runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN, rejected(t, k.do(startRun("eli", newID()))).Reason)

	// What is read again is the same.
	refused := k.do(closeRun("ana", old))
	require.True(t, proto.Equal(all[1].Run, refused[0].Run), "%v", refused[0].Run)
}
