package slackhttp_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/command"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func TestQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.coffee("status", nil), "[ My usual ] [ I'll go ] [ Close run ]", "the card again, with its buttons")
	require.Contains(t, w.coffee("fairness", nil), "Nobody owes anything here yet")
	w.standings = []*runv1.Candidate{{UserId: "U0BEN", Cups: 3, BalanceMicros: -1_000_000}}
	require.Contains(t, w.coffee("fairness", nil), "Ben: owes 1 run · 3 cups")
	require.Contains(t, w.coffee("history", nil), "No run has ended")
	require.Contains(t, w.coffee("usual", nil), "You have no usual here yet")
	require.Empty(t, w.commands, "questions change nothing")
	w.runs = nil
	require.Contains(t, w.coffee("status", nil), "There is no open run")
}

func TestQuestionsWithNobodyToAnswer(t *testing.T) {
	t.Parallel()
	for _, asked := range []string{"status", "fairness", "history", "usual"} {
		w := newWorld(t)
		w.storeAway = true
		require.Contains(t, w.coffee(asked, nil), "That did not work, and it is not your fault.", asked)
	}
}

func TestTypedCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.coffee("close", nil))
	require.NotNil(t, w.only().GetCloseRun())
	require.Empty(t, w.commands[0].GetCloseRun().GetRunId(), "the open run is meant, whichever that is then")
	w = newWorld(t)
	require.Empty(t, w.coffee("cancel", nil))
	require.NotNil(t, w.only().GetCancelRun())
	w = newWorld(t)
	require.Contains(t, w.coffee("usual Flat white &amp; &lt;b&gt;", nil), "Your usual here is now: Flat white & <b>.")
	require.Equal(t, "Flat white & <b>", w.only().GetSaveUsual().GetDrink())
	w = newWorld(t)
	require.Contains(t, w.coffee("usual clear", nil), "Forgotten")
	require.NotNil(t, w.only().GetClearUsual())
}

func TestARecentDrinkIsOneTap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.latest = []*runv1.Run{{Orders: []*runv1.Order{{UserId: "U0ANA", Drink: "Cortado"}}}}
	require.Empty(t, w.clicks(click("U0CEM", "order", runID, 0)))
	form := w.views[0]
	tap := map[string]any{
		"type": "block_actions", "user": fields{"id": "U0CEM"},
		"view":    map[string]any{"id": "V1", "hash": "h1", "callback_id": form.CallbackID, "private_metadata": form.PrivateMetadata},
		"actions": []any{fields{"action_id": "recent_0", "value": "Cortado"}},
	}
	require.Empty(t, w.clicks(tap))
	require.Equal(t, []string{"V1/h1"}, w.updates)
	again := order("U0CEM", "Cortado, large", true)
	view := again["view"].(map[string]any)
	view["private_metadata"] = w.views[1].PrivateMetadata
	values := view["state"].(map[string]any)["values"].(map[string]any)
	values["drink_1"] = values["drink"]
	delete(values, "drink")
	values["quantity"] = map[string]any{"quantity": map[string]any{"selected_option": fields{"value": "3"}}}
	require.Empty(t, w.submits(again))
	require.Equal(t, "Cortado, large", w.only().GetPlaceOrder().GetDrink())
	require.EqualValues(t, 3, w.only().GetPlaceOrder().GetQuantity())
}

func TestWhyOpensTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.clicks(click("U0CEM", "why", runID, 0)))
	require.Equal(t, "Why this runner?", w.views[0].Title.Text)
	delete(w.runs, runID)
	require.Contains(t, w.clicks(click("U0CEM", "why", runID, 0)), "I don't know this run any more")
}

// Many names must not cost the moment in which Slack takes a form.
func TestManyNamesAreLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	var many []*runv1.Candidate
	for i := range 50 {
		many = append(many, &runv1.Candidate{UserId: fmt.Sprintf("U0N%d", i), Cups: 1})
	}
	within(t, func(w *world) {
		w.nobody = true
		w.runs[runID].Assignment = &runv1.Assignment{RunnerId: "U0BEN", Explanation: &runv1.Explanation{Rule: runv1.Rule_RULE_LOWEST_BALANCE, Ranking: many}}
		require.Empty(t, w.clicks(click("U0CEM", "why", runID, 0)))
		require.Len(t, w.views, 1)
	})
	within(t, func(w *world) {
		w.nobody, w.standings = true, many
		require.Contains(t, w.coffee("fairness", nil), "someone: is even")
	})
}

func TestHelpIsTrue(t *testing.T) {
	t.Parallel()
	typed := regexp.MustCompile("`[^`]+`").FindAllString(message.Help().Text, -1)
	require.Contains(t, typed, "`/coffee pickup=10:30 note=\"Lobby café\"`", "every form is there")
	for _, quoted := range typed {
		text := strings.TrimSpace(strings.TrimPrefix(strings.Trim(quoted, "`"), "/coffee"))
		cmd, err := command.Parse(text)
		require.NoError(t, err, text)
		require.NotEqual(t, command.Unknown{}, cmd, text)
		require.NotEqual(t, command.Unknown{Place: text}, cmd, text)
	}
}
