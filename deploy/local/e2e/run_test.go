package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
)

func TestAWholeRun(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")

	ana.types("/coffee in 20m Lobby café")
	cem.reads("Coffee run", "started by @Ana", "Lobby café", "No orders yet", "Ordering closes at", "[ Order ]", "[ My usual ]", "[ I'll go ]", "[ Close run ]")

	ben.orders("Earl Grey")
	cem.reads("1 order", "1 × Earl Grey (Ben)")
	cem.presses("usual") // there is none yet
	require.Contains(t, cem.form(), "First time here: what do you drink?")
	cem.fillsIn("Flat white")
	ana.orders("flat  WHITE")
	cem.reads("3 orders", "1 × Earl Grey (Ben)", "2 × Flat white (Cem, Ana)")

	// A change replaces, a withdrawal removes, another order revives.
	ben.presses("order")
	require.Contains(t, ben.form(), "[ Earl Grey ]", "the form shows what was ordered")
	ben.fillsIn("Ristretto")
	cem.reads("3 orders", "1 × Ristretto (Ben)")
	require.Zero(t, cem.count("Earl Grey"))
	ben.picks("withdraw")
	cem.reads("2 orders")
	require.Zero(t, cem.count("Ristretto"))
	ben.presses("usual")
	ben.reads("only visible to Ben", "Ordered your usual: Ristretto", "[ Change ]", "[ Withdraw ]")
	cem.reads("3 orders", "1 × Ristretto (Ben)")
	require.Zero(t, cem.count("Ordered your usual"))

	ben.presses("close")
	ben.reads("only visible to Ben", "Only Ana or a channel admin can close this run.")
	ana.presses("close")
	runner := w.assigned(ana, ben, cem)
	cem.reads("is today's runner", "Lobby café", "2 × Flat white (Cem, Ana)", "1 × Ristretto (Ben)", "3 cups", "the lot decided: "+runner.Name)
	runner.dm().reads("You're today's runner", "Lobby café", "2 × Flat white (Cem, Ana)", "1 × Ristretto (Ben)", "3 cups", "I'll remind you at")
	cem.reads("Coffee run", runner.Name+" runs. Ordering is closed.")
	require.Error(t, ana.Presses(t.Context(), "close"), "the card has no buttons any more")

	w.settled()
	require.Equal(t, 1, cem.count("Coffee run"))
	require.Equal(t, 1, cem.count("is today's runner"))
	require.Equal(t, 1, runner.dm().count("You're today's runner"))
	require.Len(t, w.calls("chat.postMessage"), 3, "the card, the summary and the list")
	require.Zero(t, w.deadLetters())

	// Next time somebody else goes, and after that the third, who hears why.
	went := map[string]bool{runner.Name: true}
	for round := 2; round <= 3; round++ {
		ana.types("/coffee")
		cem.reads("No orders yet")
		for _, p := range []person{ana, ben, cem} {
			p.presses("usual")
		}
		cem.reads("3 orders", "[ Order ]")
		ana.presses("close")
		w.eventually("another summary", func() bool { return cem.count("is today's runner") == round })
		for _, p := range []person{ana, ben, cem} {
			if !went[p.Name] && cem.count(p.Name+" is today's runner") == 1 {
				went[p.Name], runner = true, p
			}
		}
		require.Len(t, went, round, "everyone's turn comes")
	}
	cem.reads("is today's runner", runner.Name+" owes 0.7 runs and has not run yet.")
}

func TestWhoMayEndARun(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")

	ben.types("/coffee")
	cem.reads("Coffee run", "started by @Ben")
	cem.picks("ask_cancel")
	cem.reads("only visible to Cem", "Cancel this run for everybody?")
	cem.presses("cancel")
	cem.reads("only visible to Cem", "Only Ben or a channel admin can cancel this run.")
	ben.presses("close")
	ben.reads("only visible to Ben", "Nobody has ordered yet. Cancel the run instead?", "[ Cancel run ]")
	ben.presses("cancel")
	cem.reads("Coffee run", "Cancelled. `/coffee` starts a new one.")
	require.Error(t, cem.Presses(t.Context(), "order"), "nobody can order any more")

	// Ana is an admin of the workspace.
	ben.types("/coffee")
	cem.reads("No orders yet")
	ana.picks("ask_cancel")
	ana.reads("only visible to Ana", "Cancel this run for everybody?")
	ana.presses("cancel")
	w.eventually("it is cancelled", func() bool { return cem.count("Coffee run", "Cancelled.") == 2 })
	ben.types("/coffee")
	cem.reads("No orders yet")
	cem.orders("Earl Grey")
	cem.reads("1 × Earl Grey (Cem)")
	ana.presses("close")
	cem.reads("Cem is today's runner", "Cem was the only one who could go.")
	w.settled()
	require.Equal(t, 1, cem.count("is today's runner"), "cancelled runs have no runner")
	require.Zero(t, w.number(w.db.Connect(), "SELECT count(*) FROM fairness.standing WHERE balance <> 0"), "going for oneself is nobody's turn")
}

func TestWhatPeopleType(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")

	ana.types("/coffee help")
	ana.reads("only visible to Ana", "CoffeeBuddy organises coffee runs.", "`/coffee 10:30`")
	ana.types("/coffee 25:99")
	ana.reads("only visible to Ana", "25:99", "`/coffee 10:30`")
	require.Zero(t, ben.count("coffee"), "nobody else sees that")

	ana.types("/coffee Lobby")
	ana.reads("only visible to Ana", "[ Start a run now, at Lobby ]")
	w.settled()
	require.Zero(t, w.number(w.db.Connect(), "SELECT count(*) FROM runs.run"), "words that are none of ours start nothing")
	ana.presses("start")
	ben.reads("Coffee run", "Lobby", "No orders yet")

	ben.types("/coffee in 20m")
	ben.reads("only visible to Ben", "There is a run in this channel already: started by Ana", "[ Order ]")
	ben.orders("Earl Grey") // from there
	ana.reads("Coffee run", "1 × Earl Grey (Ben)")
	w.settled()
	require.Equal(t, 1, ben.count("Coffee run"))

	// The bot is in no other conversation.
	require.NoError(t, ben.in("C0GENERAL").Types(t.Context(), "/coffee"))
	ben.in("C0GENERAL").reads("only visible to Ben", "/invite")
	ben.dm().types("/coffee")
	ben.dm().reads("Coffee runs happen in channels.")
}

func TestWhatADrinkMayBe(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee")
	ben.reads("No orders yet")

	ben.presses("order")
	var refused *office.FormError
	require.ErrorAs(t, ben.FillsIn(t.Context(), " \t "), &refused)
	require.NotEmpty(t, refused.Errors["drink"], "the error is beside the field")
	require.ErrorAs(t, ben.FillsIn(t.Context(), strings.Repeat("é", 281)), &refused)
	require.NotEmpty(t, refused.Errors["drink"])
	longest := strings.Repeat("☕", 280) // characters, not bytes
	ben.fillsIn("  " + longest[:len(longest)-len("☕")*2])
	ana.reads("1 order", strings.Repeat("☕", 278))
	ben.orders("<!channel> *Flat white* & <@U0ANA>")
	card := ana.reads("1 × <!channel> *Flat white* & <@U0ANA> (Ben)")
	require.NotContains(t, card.Text, "<!channel>", "typed text is inert also in notifications")
}

// A time of day is that of the caller's zone, and shown to each reader in theirs.
func TestTimesAreTheCallers(t *testing.T) {
	t.Parallel()
	w := begin(t)
	played := 0
	for channel, people := range map[string][2]person{
		office.Coffee: {w.person("Ana"), w.person("Dee")},
		"C0TEA":       {w.person("Dee"), w.person("Ana")},
	} {
		caller, reader := people[0].in(channel), people[1].in(channel)
		now := time.Now().In(zoneOf(w, caller))
		pickup := now.Add(7 * time.Minute).Truncate(time.Minute)
		if pickup.Day() != now.Day() {
			continue // a minute after midnight it is over for today
		}
		caller.types("/coffee " + pickup.Format("15:04"))
		caller.reads("Coffee run", "pickup "+pickup.Format("15:04"))
		reader.reads("Coffee run", "pickup "+pickup.In(zoneOf(w, reader)).Format("15:04"))
		played++
	}
	require.NotZero(t, played, "it is never close to midnight in both Berlin and New York")
}

func zoneOf(w *world, p person) *time.Location {
	workspace, err := w.Client().Workspace(w.t.Context())
	require.NoError(w.t, err)
	for _, user := range workspace.Users {
		if user.ID == p.ID {
			return user.Zone()
		}
	}
	require.Fail(w.t, "unknown person")
	return nil
}
