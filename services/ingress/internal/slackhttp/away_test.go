package slackhttp_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// budget is what Slack, or rather a person, is willing to wait.
const budget = 2 * time.Second

// within runs a test in which time passes only where something waits, and checks how much did.
func within(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begun := time.Now()
		test(w)
		require.LessOrEqual(t, time.Since(begun), budget)
	})
}

// With Kafka away everything is answered in time, honestly, with a ref that finds the trace.
func TestKafkaAway(t *testing.T) {
	t.Parallel()
	const kitchen = "CoffeeBuddy can't reach its kitchen right now. I couldn't confirm "
	for name, c := range map[string]struct {
		do   func(w *world) string
		want string
	}{
		"start":    {func(w *world) string { return w.coffee("10:30", nil) }, "your run: look at the channel in a minute"},
		"offered":  {func(w *world) string { return w.clicks(click("U0ANA", "start", "{}", 0)) }, "your run: look at the channel in a minute"},
		"close":    {func(w *world) string { return w.clicks(click("U0ANA", "close", runID, 0)) }, "that the run is closed"},
		"cancel":   {func(w *world) string { return w.clicks(click("U0ANA", "cancel", runID, 0)) }, "that the run is cancelled"},
		"withdraw": {func(w *world) string { return w.clicks(click("U0ANA", "withdraw", runID, 0)) }, "that your order is withdrawn"},
		"usual":    {func(w *world) string { return w.clicks(click("U0BEN", "usual", runID, 0)) }, "your order: look at the card in a minute"},
		"save":     {func(w *world) string { return w.coffee("usual Tea", nil) }, "your usual: try `/coffee usual` in a minute, and say it again if it isn't there"},
		"clear":    {func(w *world) string { return w.coffee("usual clear", nil) }, "that your usual is forgotten: try `/coffee usual` in a minute, and clear it again if it is still there"},
		"order":    {func(w *world) string { return w.submits(order("U0BEN", "Tea", true)) }, "your order: look at the card in a minute, and order again if it isn't there"},
	} {
		within(t, func(w *world) {
			w.kafkaAway = true
			said := c.do(w)
			require.Contains(t, said, kitchen+c.want, name)
			require.Contains(t, said, " ref "+w.ref(), name)
			require.Contains(t, w.logs.String(), "command not confirmed", name)
		})
	}
}

// With everything away, too, also for who is asked about first.
func TestEverythingAway(t *testing.T) {
	t.Parallel()
	for _, do := range []func(w *world) string{
		func(w *world) string { return w.coffee("10:30", nil) },
		func(w *world) string { return w.coffee("in 20m", nil) },
		func(w *world) string { return w.clicks(click("U0ANA", "close", runID, 0)) },
		func(w *world) string { return w.clicks(click("U0BEN", "usual", runID, 0)) },
		func(w *world) string { return w.clicks(click("U0BEN", "order", runID, 0)) },
		func(w *world) string { return w.submits(order("U0BEN", "Tea", true)) },
	} {
		within(t, func(w *world) {
			w.kafkaAway, w.slackAway, w.storeAway = true, true, true
			require.NotEmpty(t, do(w))
		})
	}
}

// Who cannot be asked in time does not stop what can be done without an answer.
func TestSlackAway(t *testing.T) {
	t.Parallel()
	within(t, func(w *world) {
		w.slackAway = true
		require.Contains(t, w.coffee("10:30", nil), "I don't know your time zone right now")
	})
	within(t, func(w *world) {
		w.slackAway = true
		require.Empty(t, w.coffee("in 20m", nil), "deliveries will see to it")
		require.NotNil(t, w.only().GetStartRun())
	})
	within(t, func(w *world) {
		w.slackAway = true
		require.Empty(t, w.clicks(click("U0ANA", "close", runID, 0)))
		require.False(t, w.only().GetActor().GetWorkspaceAdmin(), "nobody is an admin by accident")
	})
	for verb, want := range map[string]string{"close": "that the run is closed", "cancel": "that the run is cancelled"} {
		within(t, func(w *world) {
			w.slackAway = true
			require.Contains(t, w.clicks(click("U0ADMIN", verb, runID, 0)), "I couldn't confirm "+want)
			require.Empty(t, w.commands, "an admin is not refused because nobody could tell that they are one")
		})
	}
	within(t, func(w *world) {
		w.slackAway = true
		require.Contains(t, w.clicks(click("U0ANA", "order", runID, 0)), "Slack did not let me open the form in time. Please click again. ref "+w.ref())
	})
	within(t, func(w *world) {
		w.slackAway, w.outside = true, true
		require.Empty(t, w.coffee("in 20m", nil))
	})
}

// Without the database people can still order: runs has the last word.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	within(t, func(w *world) {
		w.storeAway = true
		require.Empty(t, w.clicks(click("U0ANA", "usual", runID, 0)))
		require.NotNil(t, w.only().GetPlaceUsual())
	})
	within(t, func(w *world) {
		w.storeAway = true
		require.Empty(t, w.clicks(click("U0BEN", "order", runID, 0)))
		require.Len(t, w.views, 1)
		require.JSONEq(t, `{"run":"`+runID+`","channel":"C0COFFEE"}`, w.views[0].PrivateMetadata)
	})
}

func TestBotUnknown(t *testing.T) {
	t.Parallel()
	within(t, func(w *world) {
		w.outside = true
		w.Slack = nameless{w}
		require.Contains(t, w.coffee("in 20m", nil), "Type `/invite` and pick CoffeeBuddy")
	})
}

// An answer that Slack does not take is not worth a failure.
func TestAnswerNotShown(t *testing.T) {
	t.Parallel()
	within(t, func(w *world) {
		w.Slack = deaf{w}
		answer := w.interact(click("U0ANA", "nothing", runID, 0))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Contains(t, w.logs.String(), "answer not shown")
	})
}

// nameless is a Slack that does not tell who the bot is.
type nameless struct{ *world }

func (nameless) BotUser(context.Context) (string, error) { return "", errAway }

// deaf is a Slack that takes no answers.
type deaf struct{ *world }

func (deaf) Respond(context.Context, string, message.Message) error { return errAway }
