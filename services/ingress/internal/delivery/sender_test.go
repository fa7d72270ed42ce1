package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

func TestACardIsPostedOnceAndFollowsItsRun(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)

	r.hear(run.ordered(ben, "Flat white"))
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1, "the card is changed, not posted again")
	changes := w.slack.changed()
	require.Len(t, changes, 1)
	require.Equal(t, w.slack.posted(coffee)[0].ts, changes[0].ts)
	require.Contains(t, changes[0].text, "1 order")
}

func TestAWholeRun(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started(), run.ordered(ben, "Flat white"))
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1, "what happened within one batch needs one message")
	require.Contains(t, w.slack.posted(coffee)[0].text, "1 order")

	r.hear(run.closed())
	r.hear(run.assigned(ben, 1))
	w.settled()
	r.remind(run, ben, 1)
	w.settled()

	inChannel := w.slack.posted(coffee)
	require.Len(t, inChannel, 2)
	require.Contains(t, inChannel[1].text, "<@U0BEN> is today's runner")
	direct := w.slack.posted("D" + ben)
	require.Len(t, direct, 2)
	require.Contains(t, direct[0].text, "You're today's runner")
	require.Contains(t, direct[1].text, "30 minutes from now")
	changes := w.slack.changed()
	require.Contains(t, changes[len(changes)-1].text, "closed")
}

func TestABurstOfVersionsIsCoalesced(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	for i := range 100 {
		r.hear(run.ordered(fmt.Sprintf("U%03d", i), "Tea"))
	}
	w.settled()
	changes := w.slack.changed()
	require.LessOrEqual(t, len(changes), 3, "100 orders in a moment")
	require.Contains(t, changes[len(changes)-1].text, "100 orders", "it ends with the newest")
	for i, c := range changes[1:] {
		require.GreaterOrEqual(t, c.at.Sub(changes[i].at), 950*time.Millisecond, "one change a second")
	}
}

func TestAChannelsCardsShareTheirSecond(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	first, second := newRun(coffee), newRun(coffee)
	r.hear(first.started(), second.started())
	w.settled()
	r.hear(first.cancelled(), second.ordered(ben, "Tea"))
	w.settled()
	changes := w.slack.changed()
	require.Len(t, changes, 2)
	require.GreaterOrEqual(t, changes[1].at.Sub(changes[0].at), 950*time.Millisecond)
}

func TestAVersionThatComesWhileTheCardIsSentIsShownToo(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("chat.postMessage", fault{delay: 300 * time.Millisecond})
	r.hear(run.started())
	w.eventually(func() bool { return w.slack.count("chat.postMessage") == 1 }, "the card is on its way")
	r.hear(run.ordered(ben, "Tea"))
	w.settled()
	changes := w.slack.changed()
	require.Len(t, changes, 1)
	require.Contains(t, changes[0].text, "1 order")
}

func TestASecondTimeIsNoSecondDelivery(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	all := []*runv1.RunEvent{run.started(), run.ordered(ben, "Tea"), run.closed(), run.assigned(ben, 1), run.rejected(runv1.RejectReason_REJECT_REASON_RUN_CLOSED)}
	for range 3 {
		r.hear(all...)
		w.settled()
		r.hear(all[0]) // and out of order
		r.remind(run, ben, 1)
		w.settled()
	}
	require.Len(t, w.slack.posted(coffee), 2, "card and summary")
	require.Len(t, w.slack.posted("D"+ben), 2, "list and reminder")
	require.Len(t, w.slack.whispered(), 1)
	require.LessOrEqual(t, len(w.slack.changed()), 1)
}

func TestACrashBetweenSendingAndRecordingPostsNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.lease = time.Second
	run := newRun(coffee)
	started, ended := run.started(), run.assigned(ben, 1)

	dying := w.start(forgetful{w.store()})
	dying.hear(started)
	w.eventually(func() bool { return len(w.slack.posted(coffee)) == 1 }, "the card is sent")
	living := w.start(w.store())
	w.eventually(func() bool { return w.states()[cardKey(run)] == "sent" }, "the card is found")

	dying.hear(ended)
	w.eventually(func() bool { return len(w.slack.posted(coffee)) == 2 && len(w.slack.posted("D"+ben)) == 1 }, "summary and list are sent")
	w.settled()
	living.remind(run, ben, 1)
	w.settled()

	require.Len(t, w.slack.posted(coffee), 2, "one card, one summary")
	require.Len(t, w.slack.posted("D"+ben), 2, "one list, one reminder")
	changes := w.slack.changed()
	require.NotEmpty(t, changes)
	require.Contains(t, changes[len(changes)-1].text, "closed", "and the card ends right")
}

func TestAnAmbiguousPostIsLookedForBeforeItIsRepeated(t *testing.T) {
	for name, f := range map[string]fault{
		"answer lost":    {lost: true},
		"internal error": {code: "internal_error", applied: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(w.store())
			run := newRun(coffee)
			w.slack.fail("chat.postMessage", f)
			r.hear(run.started())
			w.settled()
			require.Len(t, w.slack.posted(coffee), 1)
			require.Len(t, w.slack.changed(), 1, "which version was posted is unknown, so it is shown once more")
		})
	}
}

func TestAPostThatWasNotMadeIsRepeated(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("chat.postMessage", fault{code: "internal_error"})
	r.hear(run.started())
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
	require.Equal(t, 1, w.slack.count("conversations.history"))
}

func TestWhereLookingIsNotAllowedOneMessageTooManyIsBetterThanNone(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	w.slack.fail("conversations.history", fault{code: "missing_scope"})
	w.slack.fail("chat.postMessage", fault{code: "internal_error"})
	r.hear(newRun(coffee).started())
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
}

func TestALimitIsHonouredByAllReplicas(t *testing.T) {
	w := newWorld(t)
	one, two := w.start(w.store()), w.start(w.store())
	w.slack.fail("chat.postMessage", fault{code: "ratelimited", retryAfter: 2})
	begun := time.Now()
	one.hear(newRun(coffee).started())
	w.eventually(func() bool { return w.slack.count("chat.postMessage") == 1 }, "the first call is limited")
	w.eventually(func() bool {
		var pauses int
		w.scan(&pauses, `SELECT count(*) FROM ingress.pause`)
		return pauses == 2
	}, "method and conversation are paused")
	two.hear(newRun(tea).started())
	w.settled()
	for _, p := range append(w.slack.posted(coffee), w.slack.posted(tea)...) {
		require.GreaterOrEqual(t, p.at.Sub(begun), 2*time.Second)
	}
	require.Equal(t, 3, w.slack.count("chat.postMessage"), "one call was limited, two went well")
	require.Zero(t, w.slack.count("conversations.history"), "a limited call was certainly not carried out")
}

func TestTwoSendersCompete(t *testing.T) {
	w := newWorld(t)
	const n = 60
	for i := range n {
		run := newRun(fmt.Sprintf("C%03d", i))
		recorded := delivery.Of(run.started(), delivery.Cause{})
		w.applied(run)
		require.NoError(t, w.store().Record(t.Context(), recorded...))
	}
	w.start(w.store())
	w.start(w.store())
	w.settled()
	for i := range n {
		require.Len(t, w.slack.posted(fmt.Sprintf("C%03d", i)), 1)
	}
	require.Equal(t, n, w.slack.count("chat.postMessage"))
}

// applied makes the run known without recording anything to be sent.
func (w *world) applied(r run) {
	w.t.Helper()
	snapshot, err := proto.Marshal(r.Run)
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.conn.Exec(w.t.Context(), `INSERT INTO ingress.run VALUES ($1, $2, $3, 1, $4, $5, now(), $6)`,
		office, r.Id, r.ChannelId, int64(r.Version), int16(r.Status), snapshot)
	require.NoError(w.t, err)
}

func TestMessagesOfAConversationKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	first, second, elsewhere := newRun(coffee), newRun(coffee), newRun(tea)
	w.slack.fail("chat.postMessage", fault{code: "internal_error"})
	first.Place, second.Place = "first", "second"
	r.hear(first.started())
	w.eventually(func() bool { return w.slack.count("chat.postMessage") == 1 }, "the first fails")
	r.hear(second.started(), elsewhere.started())
	w.eventually(func() bool { return len(w.slack.posted(tea)) == 1 }, "other conversations go on")
	require.Empty(t, w.slack.posted(coffee), "the second waits for the first")
	w.settled()
	require.Len(t, w.slack.posted(coffee), 2)
	var order []string
	for _, p := range w.slack.posted(coffee) {
		for _, run := range []run{first, second} {
			if strings.Contains(string(p.metadata), w.deliveryID(cardKey(run))) {
				order = append(order, run.Place)
			}
		}
	}
	require.Equal(t, []string{"first", "second"}, order)
}

func (w *world) deliveryID(key string) (id string) {
	w.t.Helper()
	w.scan(&id, `SELECT id::text FROM ingress.delivery WHERE key = $1`, key)
	return id
}

func TestAClosedDirectMessageBlocksNoChannel(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("conversations.open", fault{code: "cannot_dm_bot"})
	r.hear(run.started(), run.assigned(ben, 1))
	w.settled()
	posted := w.slack.posted(coffee)
	require.Len(t, posted, 3)
	require.Contains(t, posted[2].text, "<@"+ben+">, Slack does not let me write to you directly")
	require.Empty(t, w.slack.posted("D"+ben))
	require.Equal(t, "failed", w.states()["list/"+run.Id+"/1"])
}

func TestWhereTheChannelCannotBeToldTheInitiatorIs(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	w.slack.fail("chat.postMessage", fault{channel: coffee, code: "not_in_channel"})
	r.hear(run.assigned(ben, 1))
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1, "the card")
	told := w.slack.posted("D" + ana)
	require.Len(t, told, 1)
	require.Contains(t, told[0].text, "I can't post in <#"+coffee+"> any more.")
}

func TestACardThatCannotBeChangedNowHoldsUpNoMessage(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	w.slack.fail("chat.update", fault{code: "ratelimited", retryAfter: 60})
	r.hear(run.ordered(ben, "Tea"))
	w.eventually(func() bool { return w.slack.count("chat.update") == 1 }, "the change is limited")
	r.hear(run.assigned(ben, 1))
	w.eventually(func() bool { return w.states()[summaryKey(run, 1)] == "sent" }, "the summary goes out")
	require.Equal(t, 1, w.slack.count("chat.update"))
}

func TestARefusedChangeIsGivenUpForItsVersionOnly(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	w.slack.fail("chat.update", fault{code: "msg_blocks_too_long"})
	r.hear(run.ordered(ben, "Tea"))
	w.settled()
	require.Empty(t, w.slack.changed())
	r.hear(run.ordered(ana, "Tea"))
	w.settled()
	require.Len(t, w.slack.changed(), 1)
}

func TestRemindersThatHelpNobodyAreNotSent(t *testing.T) {
	for name, change := range map[string]func(r *replica, run run){
		"runner changed": func(r *replica, run run) { r.hear(run.assigned(ana, 2)) },
		"run cancelled":  func(r *replica, run run) { r.hear(run.cancelled()) },
		"pickup is past": func(r *replica, run run) { run.PickupAt = timestamppb.New(time.Now().Add(-time.Second)) },
		"other assignment": func(r *replica, run run) {
			r.hear(run.assigned(ben, 2)) // declined and taken back
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(w.store())
			run := newRun(coffee)
			r.hear(run.started(), run.assigned(ben, 1))
			armed := proto.CloneOf(run.Run)
			change(r, run)
			w.settled()
			before := len(w.slack.posted("D" + ben))
			armed.PickupAt = run.PickupAt
			r.remind(run2(armed), ben, 1)
			w.settled()
			require.Len(t, w.slack.posted("D"+ben), before)
			require.Equal(t, "obsolete", w.states()["reminder/"+run.Id+"/1"])
		})
	}
}

func run2(r *runv1.Run) run { return run{r} }

func TestAReminderBeforeTheRunIsKnownIsJudgedByItsOwnSnapshot(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	run.started()
	run.assigned(ben, 1)
	r.remind(run, ben, 1)
	w.settled()
	require.Len(t, w.slack.posted("D"+ben), 1)
}

func TestAStaleSnapshotIsIgnored(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	started, ordered := run.started(), run.ordered(ben, "Tea")
	r.hear(ordered) // nothing is changed that was never posted
	r.hear(started)
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
	require.Contains(t, w.slack.posted(coffee)[0].text, "1 order", "the newest state is shown")
	known, err := w.store().Run(t.Context(), office, run.Id)
	require.NoError(t, err)
	require.EqualValues(t, 2, known.GetVersion())
}

func TestALowerEpochIsIgnored(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	now := newRun(coffee)
	newer := now.started()
	newer.Epoch = 2
	r.hear(newer)
	w.settled()
	r.hear(newRun(coffee).started())
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
}

func TestACardThatCannotBePostedEndsItsRun(t *testing.T) {
	w := newWorld(t)
	w.published.errs = []error{errors.New("kafka is away")}
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("chat.postMessage", fault{code: "not_in_channel"}, fault{code: "not_in_channel"})
	r.hear(run.started())
	w.settled()
	msgs := w.published.all()
	require.Len(t, msgs, 1)
	require.Equal(t, "coffeebuddy.command.v1.AbandonRun", msgs[0].Type)
	require.Equal(t, office+"/"+coffee, msgs[0].Key)
	command := &commandv1.Command{}
	require.NoError(t, proto.Unmarshal(msgs[0].Value, command))
	require.Equal(t, run.Id, command.GetAbandonRun().GetRunId())
	require.Equal(t, "not_in_channel", command.GetAbandonRun().GetCause())
	require.Nil(t, command.GetActor())
	told := w.slack.posted("D" + ana)
	require.Len(t, told, 1, "whoever started it is told")
	require.Contains(t, told[0].text, "/invite")
	require.Equal(t, "failed", w.states()[cardKey(run)])
}

func TestACardThatComesTooLateEndsItsRun(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	run.PickupAt = timestamppb.New(time.Now().Add(-time.Second))
	r.hear(run.started())
	w.settled()
	require.Empty(t, w.slack.posted(coffee))
	require.Len(t, w.published.all(), 1)
	told := w.slack.posted("D" + ana)
	require.Len(t, told, 1)
	require.Contains(t, told[0].text, "after the pickup")
	require.NotContains(t, told[0].text, "/invite", "it would not help")
}

func TestARunThatEndedBeforeItsCardWasPostedNeedsNone(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started(), run.cancelled())
	w.settled()
	require.Empty(t, w.slack.posted(coffee))
	require.Equal(t, "obsolete", w.states()[cardKey(run)])
}

func TestAnswersAreForTheirAuthorAlone(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	usual := run.ordered(ben, "Flat white")
	usual.GetOrderPlaced().Usual = true
	r.hear(run.started(), usual, run.rejected(runv1.RejectReason_REJECT_REASON_NO_ORDERS))
	w.settled()
	heard := map[string]string{}
	for _, whisper := range w.slack.whispered() {
		require.Equal(t, coffee, whisper.channel)
		heard[whisper.user] += whisper.text
	}
	require.Len(t, heard, 2)
	require.Contains(t, heard[ben], "Ordered your usual: Flat white")
	require.Contains(t, heard[ana], "Nobody has ordered yet")
}

func TestAnswersWaitForNobodyAndNobodyWaitsForThem(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("chat.postMessage", fault{code: "ratelimited", retryAfter: 60})
	r.hear(run.started())
	w.eventually(func() bool { return w.slack.count("chat.postMessage") == 1 }, "the card has to wait")
	r.hear(run.rejected(runv1.RejectReason_REJECT_REASON_NOT_ALLOWED))
	w.eventually(func() bool { return len(w.slack.whispered()) == 1 }, "the answer does not")
}

func TestAnAnswerGoesDirectlyWhereTheBotIsNotInTheChannel(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	w.slack.fail("chat.postEphemeral", fault{code: "not_in_channel"})
	r.hear(newRun(coffee).rejected(runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN))
	w.settled()
	require.Len(t, w.slack.posted("D"+ana), 1)
}

func TestAnAnswerThatComesLateIsNotGiven(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	late := newRun(coffee).rejected(runv1.RejectReason_REJECT_REASON_NO_OPEN_RUN)
	late.OccurredAt = timestamppb.New(time.Now().Add(-3 * time.Minute))
	r.hear(late)
	w.settled()
	require.Empty(t, w.slack.whispered())
}

func TestALongListComesInParts(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	started := run.started()
	for i := range 250 {
		run.ordered(fmt.Sprintf("U%03d", i), strings.Repeat(fmt.Sprint(i, " "), 60))
	}
	w.slack.fail("chat.postMessage", fault{}, fault{}, fault{}, fault{lost: true}) // card, summary, first part; the second's answer is lost
	r.hear(started, run.assigned(ben, 1))
	w.settled()
	direct := w.slack.posted("D" + ben)
	require.Greater(t, len(direct), 2)
	seen := map[string]bool{}
	for i, p := range direct {
		require.Contains(t, string(p.metadata), fmt.Sprintf(`"part":%d`, i))
		require.False(t, seen[string(p.metadata)], "no part comes twice")
		seen[string(p.metadata)] = true
	}
}

func TestTheCallIsPartOfTheTraceThatCausedIt(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	r.hear(run.ordered(ben, "Tea"))
	w.settled()
	processed := w.spans.Named("process")
	require.Len(t, processed, 2)
	posted, changed := w.spans.Named("slack chat.postMessage"), w.spans.Named("slack chat.update")
	require.Len(t, posted, 1)
	require.Len(t, changed, 1)
	require.Equal(t, processed[0].SpanContext().TraceID(), posted[0].SpanContext().TraceID())
	require.Equal(t, processed[1].SpanContext().TraceID(), changed[0].SpanContext().TraceID())
	var ref string
	w.scan(&ref, `SELECT ref FROM ingress.delivery`)
	require.Equal(t, processed[0].SpanContext().TraceID().String()[:8], ref, "the ref is of the click that started the run")
}

func TestTheDatabaseMayGoAwayWhileSending(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	w.slack.fail("chat.postMessage", fault{delay: 500 * time.Millisecond})
	r.hear(run.started())
	w.eventually(func() bool { return w.slack.count("chat.postMessage") == 1 }, "the card is on its way")
	back := w.database.Away()
	w.eventually(func() bool { return len(w.slack.posted(coffee)) == 1 }, "the card is posted")
	back()
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
}

func TestAShutdownGivesBackWhatWasNotBegun(t *testing.T) {
	w := newWorld(t)
	w.lease = time.Minute
	stopping := w.start(w.store())
	const n = 100 // more than are sent at the same time
	var all []*runv1.RunEvent
	for i := range n {
		w.slack.fail("chat.postMessage", fault{delay: 300 * time.Millisecond})
		all = append(all, newRun(fmt.Sprintf("C%03d", i)).started())
	}
	stopping.hear(all...)
	w.eventually(func() bool { return w.slack.count("chat.postMessage") > 0 }, "sending begins")
	stopping.stop()
	sent := 0
	for _, state := range w.states() {
		if state == "sent" {
			sent++
		}
	}
	require.Equal(t, w.slack.count("chat.postMessage"), sent, "what was begun is ended and recorded")
	require.Less(t, sent, n)
	w.start(w.store())
	w.settled() // long before the leases would have ended
	require.Equal(t, n, w.slack.count("chat.postMessage"))
}

func TestManyChannelsAtOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.start(w.store()), w.start(w.store())
	const channels, orders = 20, 10
	var group sync.WaitGroup
	for i := range channels {
		group.Go(func() {
			r := []*replica{one, two}[i%2]
			run := newRun(fmt.Sprintf("C%03d", i))
			r.hear(run.started())
			for n := range orders {
				r.hear(run.ordered(fmt.Sprintf("U%03d", n), "Tea"))
			}
			r.hear(run.assigned(fmt.Sprintf("U%03d", i), 1))
		})
	}
	group.Wait()
	w.settled()
	for i := range channels {
		require.Len(t, w.slack.posted(fmt.Sprintf("C%03d", i)), 2)
		require.Len(t, w.slack.posted(fmt.Sprintf("DU%03d", i)), 1)
	}
	last := map[string]string{}
	for _, c := range w.slack.changed() {
		last[c.ts] = c.text
	}
	for _, text := range last {
		require.Contains(t, text, "closed")
	}
}

func TestOldDeliveriesAreForgotten(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	run := newRun(coffee)
	r.hear(run.started())
	w.settled()
	n, err := w.store().Purge(t.Context(), time.Now().Add(-time.Minute), 100)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = w.store().Purge(t.Context(), time.Now().Add(time.Minute), 100)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestAMessageThatCannotBeRenderedStopsNoOther(t *testing.T) {
	w := newWorld(t)
	r := w.start(w.store())
	broken, fine := newRun(coffee), newRun(coffee)
	broken.InitiatorId = unspeakable
	r.hear(broken.started(), fine.started())
	w.settled()
	states := w.states()
	require.Equal(t, "sent", states[cardKey(fine)])
	require.Equal(t, "failed", states[cardKey(broken)])
	require.Len(t, w.published.all(), 1, "the run that nobody can see ends")
}

func TestNoReminderIsPromisedWhereNoneIsSent(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent ", silent), func(t *testing.T) {
			w := newWorld(t)
			w.silent = silent
			r := w.start(w.store())
			run := newRun(coffee)
			r.hear(run.started(), run.assigned(ben, 1))
			w.settled()
			direct := w.slack.posted("D" + ben)
			require.Len(t, direct, 1)
			promise := "I'll remind you"
			if silent {
				require.NotContains(t, string(direct[0].blocks), promise)
			} else {
				require.Contains(t, string(direct[0].blocks), promise)
			}
		})
	}
}

// What waits for a slow Slack waits in the database, where other replicas find it, and is not asked for all the time.
func TestASlowSlackIsNotOverrun(t *testing.T) {
	w := newWorld(t)
	const n, inHand = 300, 64 + 128 // sent at the same time, and in line
	queue := &counting{Queue: w.store()}
	var recorded []delivery.Delivery
	for i := range n {
		run := newRun(fmt.Sprintf("C%03d", i))
		recorded = append(recorded, delivery.Of(run.started(), delivery.Cause{})...)
		w.applied(run)
		w.slack.fail("chat.postMessage", fault{delay: 400 * time.Millisecond})
	}
	require.NoError(t, w.store().Record(t.Context(), recorded...))
	w.start(queue)
	w.settled()
	for i := range n {
		require.Len(t, w.slack.posted(fmt.Sprintf("C%03d", i)), 1)
	}
	require.LessOrEqual(t, queue.most(), inHand)
	require.Less(t, queue.looks.Load(), int32(8*n/64), "a few for each line of claims")
}

// counting is a queue that counts what a sender has in hand, and how often it looks for more.
type counting struct {
	delivery.Queue
	looks atomic.Int32

	mu                 sync.Mutex
	inHand, inHandMost int
}

func (q *counting) most() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inHandMost
}

func (q *counting) Backlog(ctx context.Context) (delivery.Backlog, error) {
	q.looks.Add(1)
	return q.Queue.Backlog(ctx)
}

func (q *counting) Claim(ctx context.Context, limit int) ([]delivery.Claim, error) {
	claims, err := q.Queue.Claim(ctx, limit)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inHand += len(claims)
	q.inHandMost = max(q.inHandMost, q.inHand)
	return claims, err
}

func (q *counting) Finish(ctx context.Context, results []delivery.Result) (bool, error) {
	more, err := q.Queue.Finish(ctx, results)
	if err == nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.inHand -= len(results)
	}
	return more, err
}

func TestARevokedTokenStopsAllSendingUntilItWorksAgain(t *testing.T) {
	w := newWorld(t)
	refusals := make([]fault, 3)
	for i := range refusals {
		refusals[i] = fault{code: "token_revoked"}
	}
	w.slack.fail("chat.postMessage", refusals[0])
	w.slack.fail("auth.test", refusals...)
	r := w.start(w.store())
	first, second := newRun(coffee), newRun(tea)
	r.hear(first.started())
	w.eventually(func() bool { return w.slack.count("auth.test") > 0 }, "the token is tried")
	r.hear(second.started())
	require.Equal(t, 1, w.slack.count("chat.postMessage"), "nothing else is")
	w.eventually(func() bool { return w.slack.count("auth.test") > len(refusals) }, "it is tried again")
	w.settled()
	require.Len(t, w.slack.posted(coffee), 1)
	require.Len(t, w.slack.posted(tea), 1, "nothing was lost")
	require.Equal(t, 3, w.slack.count("chat.postMessage"))
}
