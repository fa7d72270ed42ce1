package events_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

const soon = 30 * time.Second

func TestFiresAtTheDueMoment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew()
	b.handle(run.tells())

	b.setTime(due.Add(-time.Microsecond))
	fired, _ := b.fire(b.clock)
	require.Zero(t, fired)
	b.setTime(due)
	fired, sent := b.fire(b.clock)
	require.Equal(t, 1, fired)
	require.Len(t, sent, 1)
	event := sent[0]
	require.Equal(t, due, event.DueAt.AsTime())
	require.Equal(t, due, event.OccurredAt.AsTime())
	require.Equal(t, "ben", event.GetRunnerReminderDue().GetRunnerId())
	require.EqualValues(t, 1, event.GetRunnerReminderDue().GetAssignmentNo())
	require.EqualValues(t, 1, event.Epoch)
	require.Equal(t, "corr", event.CorrelationId)
	require.True(t, proto.Equal(run.Run, event.Run), "the snapshot, as it came")
	message := b.messages()[0]
	require.Equal(t, topic.ReminderEvents, message.Topic)
	require.Equal(t, "T1/C1", message.Key)
	require.Equal(t, run.Id, message.Subject)
	require.Equal(t, bus.TypeOf(&reminderv1.RunnerReminderDue{}), message.Type)
	require.Equal(t, "corr", message.Headers[bus.CorrelationHeader])
	require.Contains(t, message.Headers["traceparent"], b.spans.Named("fire timer")[0].SpanContext().SpanID().String())

	fired, _ = b.fire(b.clock)
	require.Zero(t, fired, "once")
}

// Whether a reminder is sent is decided when it is due, by what is known then.
func TestDecidedAtTheDueMoment(t *testing.T) {
	t.Parallel()
	off, on := settings(2, false), settings(3, true)
	changed := func(settings *runv1.ChannelSettings) *bus.Record {
		return record(&runv1.RunEvent{WorkspaceId: "T1", ChannelId: "C1", Epoch: 1, Settings: settings})
	}
	for name, test := range map[string]struct {
		assigned func(*brew)
		then     []*bus.Record
		disabled bool
		at       time.Time
		sent     int
	}{
		"on":                          {at: due, sent: 1},
		"late is better than never":   {at: pickup.Add(-time.Second), sent: 1},
		"but not after pickup":        {at: pickup},
		"off for everybody":           {disabled: true, at: due},
		"off in the channel":          {then: []*bus.Record{changed(off)}, at: due},
		"off, and on again":           {then: []*bus.Record{changed(off), changed(on)}, at: due, sent: 1},
		"off when assigned, then on":  {assigned: func(r *brew) { r.settings = off }, then: []*bus.Record{changed(on)}, at: due, sent: 1},
		"on when assigned, an old no": {assigned: func(r *brew) { r.settings = on }, then: []*bus.Record{changed(off)}, at: due, sent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			run := newBrew()
			if test.assigned != nil {
				test.assigned(run)
			}
			b.handle(run.tells())
			for _, r := range test.then {
				b.handle(r)
			}
			clock := b.newClock(test.disabled)
			b.setTime(test.at)
			fired, sent := b.fire(clock)
			require.Equal(t, 1, fired, "dealt with")
			require.Len(t, sent, test.sent)
			fired, _ = b.fire(b.newClock(false))
			require.Zero(t, fired, "once and for all")
		})
	}
}

func TestAReminderBelongsToTheClickThatArmedIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, span := b.tel.Tracer.Start(t.Context(), "click")
	span.End()
	run := newBrew()
	b.handle(run.tells())
	b.kit.Exec("UPDATE reminder.run SET trace = jsonb_build_object('traceparent', $1::text)", telemetry.Inject(ctx)["traceparent"])
	b.fire(b.clock)
	fired := b.spans.Named("fire timer")
	require.Len(t, fired, 1)
	require.Equal(t, span.SpanContext().TraceID(), fired[0].SpanContext().TraceID())
}

// The clock would sleep for an hour: it has to sleep until the next timer, and to be woken for an earlier one.
func TestSleepsUntilTheNextTimerAndWakesForAnEarlierOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.clock.SleepAtMost(time.Hour)
	begun := time.Now()
	b.setTime(time.Time{})
	arm := func(in time.Duration) time.Time {
		run := newBrew()
		at := begun.Add(in).Truncate(time.Microsecond)
		run.PickupAt = timestamppb.New(at.Add(5 * time.Minute))
		run.Assignment.AssignedAt = timestamppb.New(at.Add(-time.Minute))
		b.handle(run.tells())
		return at
	}
	arm(time.Hour)
	b.background(b.clock.Run)
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.asked == 4 // looked, and looked again because it was woken
	}, soon, time.Millisecond, "sleeps")
	first := arm(700 * time.Millisecond)
	second := arm(400 * time.Millisecond)
	require.Eventually(t, func() bool { return b.sent() == 2 }, soon, time.Millisecond)
	for i, at := range []time.Time{second, first} {
		event := &reminderv1.ReminderEvent{}
		require.NoError(t, proto.Unmarshal(b.messages()[i].Value, event))
		require.True(t, event.DueAt.AsTime().Equal(at))
		require.False(t, event.OccurredAt.AsTime().Before(at), "never early")
		t.Logf("%v late", event.OccurredAt.AsTime().Sub(at))
	}
}

// What is known of one run cannot be read: it is said once, and the others are reminded.
func TestABrokenTimerHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, breaking := range map[string]string{
		"snapshot": `UPDATE reminder.run SET snapshot = '\xff' WHERE run_id = $1`,
		"run id":   `UPDATE reminder.run SET snapshot = '' WHERE run_id = $1`,
		"trace":    `UPDATE reminder.run SET trace = '[]' WHERE run_id = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			broken, whole := newBrew(), newBrew()
			b.handle(broken.tells(), whole.tells())
			b.kit.Exec(breaking, broken.Id)
			fired, sent := b.fire(b.clock)
			require.Equal(t, 2, fired)
			require.Len(t, sent, 1)
			require.Equal(t, whole.Id, sent[0].Run.Id)
			fired, _ = b.fire(b.clock)
			require.Zero(t, fired, "given up")
			w := httptest.NewRecorder()
			b.tel.MetricsHandler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			require.Contains(t, w.Body.String(), `coffeebuddy_reminder_send_total{reminder_type="runner",status="broken"} 1`)
		})
	}
}

func TestAnOutageOnlyDelays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.handle(newBrew().tells())
	back := b.kit.Away()
	b.background(b.clock.Run)
	require.Error(t, b.try(newBrew().tells()))
	require.Zero(t, b.sent())
	back()
	require.Eventually(t, func() bool { return b.sent() == 1 }, soon, time.Millisecond)
}

func TestClocksOfReplicasFireEachTimerOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const timers = 300
	var records []*bus.Record
	for n := range timers {
		run := newBrew()
		run.ChannelId = "C" + string(rune('A'+n%26))
		records = append(records, run.tells())
	}
	b.handle(records...)
	for range 2 {
		b.background(b.newClock(false).Run)
	}
	require.Eventually(t, func() bool { return b.sent() >= timers }, soon, time.Millisecond)
	runs := map[string]bool{}
	for _, m := range b.messages() {
		require.False(t, runs[m.Subject], "twice")
		runs[m.Subject] = true
	}
	require.Len(t, runs, timers)
}

func TestForgetsOldRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.handle(newBrew().tells())
	b.setTime(pickup.Add(49 * time.Hour))
	more, err := b.clock.Forget(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	var n int
	require.NoError(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM reminder.run").Row().Scan(&n))
	require.Zero(t, n)
}
