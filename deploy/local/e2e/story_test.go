package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// Stories of what people do, each played by the built services. Time is moved, not waited for.

// others are the people who are not p.
func others(p person, all ...person) (rest []person) {
	for _, q := range all {
		if q.ID != p.ID {
			rest = append(rest, q)
		}
	}
	return rest
}

func TestARunnerAcceptsAndTheCoffeeArrives(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	ana.types("/coffee in 30m Lobby")
	cem.reads("No orders yet")
	for _, p := range []person{ana, ben, cem} {
		p.orders("Earl Grey")
	}
	cem.reads("3 orders")
	ana.presses("close")
	runner := w.assigned(ana, ben, cem)
	runner.dm().reads("You're today's runner", "[ On my way ]", "[ Can't go ]")
	runner.dm().presses("accept")
	runner.dm().reads("3 × Earl Grey", "You're on your way.", "[ It's here ]")
	cem.reads("Coffee run", runner.Name+" is on the way.")
	runner.dm().presses("arrived")
	runner.dm().reads("I've told them that it's here.")
	rest := others(runner, ana, ben, cem)
	here := cem.reads("It's here!", "@"+rest[0].Name, "@"+rest[1].Name)
	require.Equal(t, cem.reads("Coffee run").TS, here.ThreadTS, "in the card's thread")
	require.NotContains(t, here.Text, runner.ID)
	cem.reads("Coffee run", "The coffee is here. Thank you, "+runner.Name)

	// Late clicks hear how things are.
	rest[0].presses("take_over")
	rest[0].reads("only visible to "+rest[0].Name, "This coffee has been brought already.")
	rest[0].presses("why")
	require.Contains(t, rest[0].form(), "Who could have gone, as it stood then")
	w.settled()
	require.Zero(t, w.deadLetters())
}

func TestWhoCannotGoIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	ana.types("/coffee in 30m")
	cem.reads("No orders yet")
	ana.orders("Earl Grey")
	ben.orders("Ristretto")
	cem.reads("2 orders")
	ana.presses("close")
	first := w.assigned(ana, ben)
	first.dm().reads("[ Can't go ]")
	first.dm().presses("decline")
	first.dm().reads("you can't go this time")
	second := others(first, ana, ben)[0]
	cem.reads("@"+second.Name+" goes", "Instead of "+first.Name)
	first.dm().reads("You're off the hook: " + second.Name + " goes.")
	second.dm().reads("You're today's runner", "1 × Earl Grey (Ana)", "1 × Ristretto (Ben)")

	// A third one, who drinks nothing, offers; the runner agrees.
	cem.presses("take_over")
	cem.reads("only visible to Cem", "I've asked "+second.Name)
	second.dm().reads("Cem offers to go instead of you.", "[ Let Cem go ]")
	second.dm().presses("relieve")
	cem.reads("@Cem goes", "Instead of "+second.Name)
	second.dm().reads("You're off the hook: Cem goes.")
	cem.dm().reads("You're today's runner", "[ Can't go ]")

	// And can't go after all. A swap is no refusal, so the other is asked again; then nobody is left, until somebody is.
	cem.dm().presses("decline")
	cem.reads("@"+second.Name+" goes", "Instead of Cem")
	w.eventually("they have the list again", func() bool { return second.dm().count("You're today's runner") == 2 })
	second.dm().presses("decline")
	cem.reads("A runner is wanted", "Nobody is left whom I could ask", "[ I'll go ]")
	first.presses("take_over")
	cem.reads("@" + first.Name + " goes")
	w.settled()
	conn := w.db.Connect()
	require.Equal(t, 1, w.number(conn, "SELECT count(*) FROM fairness.standing WHERE served = 1 AND user_id = $1", first.ID), "whoever ran is credited")
	require.Zero(t, w.number(conn, "SELECT count(*) FROM fairness.standing WHERE served > 0 AND user_id <> $1", first.ID))
	require.Zero(t, w.number(conn, "SELECT sum(balance)::bigint FROM fairness.standing"))
	require.Zero(t, w.deadLetters())
}

func TestAVolunteerGoes(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	ana.types("/coffee in 30m")
	cem.reads("No orders yet")
	ana.orders("Earl Grey")
	ben.orders("Ristretto")
	for range 2 {
		ben.presses("volunteer")
	}
	ben.reads("only visible to Ben", "You're on", "[ Take it back ]")
	cem.presses("volunteer")
	cem.reads("🙋 Ben, Cem would go.")
	ben.presses("stop_volunteering")
	ben.reads("only visible to Ben", "Taken back")
	cem.reads("🙋 Cem would go.")
	ana.presses("close")
	cem.reads("Cem is today's runner", "Cem volunteered. Thank you!")
	w.settled()
}

func TestARunClosesByItself(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 60m")
	ben.reads("Ordering closes at")
	ben.orders("Earl Grey")
	ana.reads("1 order")
	ben.picks("later") // who ordered may
	conn := w.db.Connect()
	w.eventually("it is five minutes later", func() bool {
		return w.number(conn, "SELECT count(*) FROM runs.run WHERE pickup_at > started_at + interval '64 minutes'") == 1
	})
	w.later(50*time.Minute + 30*time.Second)
	w.settled()
	require.Zero(t, ben.count("is today's runner"), "the time before the move has passed")
	w.later(5 * time.Minute)
	ben.reads("Ben is today's runner")
	ben.dm().reads("You're today's runner", "I'll remind you at")
	w.later(5 * time.Minute)
	ben.dm().reads("⏰ Pickup at", "1 cup")
	w.settled()
	require.Equal(t, 1, ben.dm().count("⏰"))

	// Without orders it is cancelled kindly.
	ana.types("/coffee in 30m")
	ben.reads("No orders yet")
	w.later(21 * time.Minute)
	ben.reads("Coffee run", "Cancelled: nobody ordered this time.")
	w.settled()
	require.Zero(t, w.deadLetters())
}

func TestAdminsChangeAChannel(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ben.types("/coffee admin")
	ben.reads("only visible to Ben", "Only a workspace admin can change CoffeeBuddy's settings here.")
	ana.types("/coffee admin") // she is one
	require.Contains(t, ana.form(), "Settings of CoffeeBuddy in #")
	ana.enters(map[string]string{"reminder_offset": "61"}, "reminder_offset")
	ana.enters(map[string]string{"reminder_offset": "7", "default_pickup": "60", "closing_lead": "20"}, "")
	ana.reads("only visible to Ana", "Saved:", "reminder minutes 5 → 7", "default pickup minutes 30 → 60", "closing minutes 10 → 20")

	// Disabled: the open run ends, and the next is not started.
	ben.types("/coffee")
	ana.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 × Earl Grey (Ben)")
	ana.types("/coffee admin")
	require.Contains(t, ana.form(), "reminder minutes 5 → 7", "the last changes")
	ana.enters(map[string]string{"switches": "reminders"}, "")
	ben.reads("Coffee run", "Cancelled: CoffeeBuddy was turned off in this channel.")
	w.settled()
	conn := w.db.Connect()
	commands := w.number(conn, "SELECT count(*) FROM runs.inbox")
	ben.types("/coffee")
	ben.reads("only visible to Ben", "CoffeeBuddy is turned off in this channel. To turn it on, ask a workspace admin")
	w.settled()
	require.Equal(t, commands, w.number(conn, "SELECT count(*) FROM runs.inbox"), "nothing was asked of anyone")
	ana.types("/coffee admin")
	ana.enters(map[string]string{"switches": "enabled,reminders"}, "")
	ana.reads("Saved: runs off → on")
	require.Equal(t, 3, w.number(conn, "SELECT count(*) FROM runs.audit"))
	require.Zero(t, w.deadLetters())
}

func TestResetForgetsOneChannel(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	elsewhere, err := w.Found(t.Context(), "elsewhere")
	require.NoError(t, err)
	for _, channel := range []string{office.Coffee, elsewhere} {
		ana.in(channel).types("/coffee in 30m")
		ben.in(channel).reads("No orders yet")
		ben.in(channel).orders("Earl Grey")
		ana.in(channel).orders("Ristretto")
		ben.in(channel).reads("2 orders")
		ana.in(channel).presses("close")
		w.assigned(ana.in(channel), ben.in(channel))
	}
	w.settled()
	ana.types("/coffee admin")
	ana.resets("coffee")
	ana.reads("only visible to Ana", "Purged 1 run, 2 orders, 2 usuals, 1 ledger entry, 1 reminder.")
	w.settled()
	conn := w.db.Connect()
	for _, table := range []string{"runs.run", "runs.usual", "fairness.entry", "fairness.standing", "reminder.run", "ingress.run", "ingress.usual"} {
		require.Zero(t, w.number(conn, "SELECT count(*) FROM "+table+" WHERE channel_id = $1", office.Coffee), table)
		require.NotZero(t, w.number(conn, "SELECT count(*) FROM "+table+" WHERE channel_id = $1", elsewhere), table)
	}
	ben.presses("why")
	ben.reads("only visible to Ben", "I don't know this run any more.")
	ben.types("/coffee fairness")
	ben.reads("Nobody owes anything here yet")
	ana.types("/coffee in 20m")
	ben.reads("No orders yet")
	require.Zero(t, w.deadLetters())
}

// A service that was down during a reset learns of it later, and events from before change nothing.
func TestResetWhileFairnessIsDown(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	require.NoError(t, w.Hold("fairness"))
	ana.types("/coffee in 30m")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 order")
	ana.presses("close")
	ben.reads("Choosing a runner")
	ana.types("/coffee admin")
	ana.resets("coffee")
	conn := w.db.Connect()
	w.eventually("runs has purged its part", func() bool { return w.number(conn, "SELECT count(*) FROM runs.reset") == 1 })
	w.later(11 * time.Second)
	ana.reads("only visible to Ana", "Purged 1 run, 1 order, 1 usual, 0 ledger entries", "The ledger will follow.")
	w.later(time.Hour)
	ana.types("/coffee in 30m")
	ben.reads("No orders yet")
	w.Release("fairness")
	w.eventually("fairness has heard of it", func() bool { return w.number(conn, "SELECT coalesce(max(epoch), 0) FROM fairness.channel") == 2 })
	w.settled()
	require.Zero(t, w.number(conn, "SELECT count(*) FROM fairness.entry"), "what was asked before the reset is void")
	require.Zero(t, ben.count("is today's runner"))
	ben.orders("Earl Grey")
	ana.reads("1 order")
	ana.presses("close")
	ben.reads("Ben is today's runner")
	require.Zero(t, w.deadLetters())
}

func TestQuestionsByCommand(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ben.types("/coffee status")
	ben.reads("only visible to Ben", "There is no open run in this channel.")
	ben.types("/coffee usual Oat milk")
	ben.reads("only visible to Ben", "Your usual here is now: Oat milk.")
	ana.types("/coffee")
	ben.reads("No orders yet")
	ben.presses("usual")
	ana.reads("1 × Oat milk (Ben)")
	ben.types("/coffee status")
	ben.reads("only visible to Ben", "1 × Oat milk (Ben)", "[ Order ]")
	ana.types("/coffee close")
	ben.reads("Ben is today's runner")
	ben.types("/coffee history")
	ben.reads("only visible to Ben", "The latest 1 run", "Ben went · 1 cup")
	ben.types("/coffee usual clear")
	ben.reads("Forgotten")
	w.settled()
	ben.types("/coffee usual")
	ben.reads("You have no usual here yet.")
}

func TestWhoLeavesTheWorkspaceIsNoCandidate(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 30m")
	ben.reads("No orders yet")
	ana.orders("Earl Grey")
	ben.orders("Ristretto")
	ben.presses("volunteer")
	ana.reads("2 orders", "Ben would go")
	_, err := w.Client().SetUser(t.Context(), slacksim.User{ID: ben.ID, Name: "ben", DisplayName: "Ben", Deleted: true})
	require.NoError(t, err)
	ana.reads("Coffee run", "1 order", "1 × Earl Grey (Ana)")
	w.settled()
	require.NotContains(t, ana.reads("Coffee run").Text, "would go")
	ana.presses("close")
	ana.reads("Ana is today's runner")
	w.settled()
	require.Zero(t, w.deadLetters())
}

// All services forget a person, and nobody else owes more or less for it.
func TestAPersonIsErasedEverywhere(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 30m")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.orders("Ristretto")
	ben.reads("2 orders")
	ana.presses("close")
	w.assigned(ana, ben)
	w.later(time.Hour)
	ben.types("/coffee in 30m")
	ana.reads("No orders yet")
	ben.presses("usual")
	ana.reads("1 × Earl Grey (Ben)")
	w.settled()
	conn := w.db.Connect()
	owed := w.number(conn, "SELECT sum(owed) FROM fairness.standing")

	require.NoError(t, w.Client().OpenHome(t.Context(), ben.ID))
	var home *slacksim.View
	w.eventually("Ben's Home is there", func() bool {
		views, err := w.Client().Views(t.Context(), ben.ID)
		require.NoError(t, err)
		home = views.Home
		return home != nil
	})
	_, err := w.Client().ClickView(t.Context(), ben.ID, home.ID, "erase_me", nil)
	require.NoError(t, err)
	ana.reads("Coffee run", "No orders yet")
	w.settled()
	for table, columns := range map[string]string{
		"runs.run": "initiator_id, runner_id", "runs.drink_order": "user_id", "runs.usual": "user_id", "runs.personal_settings": "user_id",
		"fairness.standing": "user_id", "fairness.share": "user_id", "fairness.entry": "runner_id",
		"reminder.timer": "user_id", "reminder.person": "user_id", "ingress.usual": "user_id", "ingress.personal_settings": "user_id",
	} {
		require.Zero(t, w.number(conn, "SELECT count(*) FROM "+table+" WHERE $1 IN ("+columns+")", ben.ID), table)
	}
	for table, column := range map[string]string{"ingress.run": "snapshot", "runs.run": "explanation", "fairness.entry": "explanation"} {
		require.Zero(t, w.number(conn, "SELECT count(*) FROM "+table+" WHERE position(convert_to($1, 'UTF8') IN "+column+") > 0", ben.ID), table)
	}
	require.Equal(t, owed, w.number(conn, "SELECT sum(owed) FROM fairness.standing"))
	require.Zero(t, w.deadLetters())
}
