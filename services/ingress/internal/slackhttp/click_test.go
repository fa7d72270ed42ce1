package slackhttp_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// startValue is what the button in an answer carries.
func startValue(t *testing.T, answer []byte) string {
	t.Helper()
	var reply struct {
		Blocks []struct {
			Elements []struct {
				ActionID string `json:"action_id"`
				Value    string
			}
		}
	}
	require.NoError(t, json.Unmarshal(answer, &reply))
	button := reply.Blocks[len(reply.Blocks)-1].Elements[0]
	require.Equal(t, "start", button.ActionID)
	return button.Value
}

func TestClicks(t *testing.T) {
	t.Parallel()
	menu := func(user, choice string) map[string]any {
		action := map[string]any{"action_id": "more", "action_ts": "1795424700.000100", "selected_option": fields{"value": choice}}
		return with(click(user, "", "", 0), map[string]any{"actions": []any{action}})
	}
	for name, c := range map[string]struct {
		payload map[string]any
		runID   func(*commandv1.Command) string
		user    string
		admin   bool
	}{
		"close":              {click("U0ANA", "close", runID, 0), func(c *commandv1.Command) string { return c.GetCloseRun().GetRunId() }, "U0ANA", false},
		"close by an admin":  {click("U0ADMIN", "close", runID, 0), func(c *commandv1.Command) string { return c.GetCloseRun().GetRunId() }, "U0ADMIN", true},
		"close by another":   {click("U0BEN", "close", runID, 0), func(c *commandv1.Command) string { return c.GetCloseRun().GetRunId() }, "U0BEN", false},
		"cancel":             {menu("U0ANA", "cancel:"+runID), func(c *commandv1.Command) string { return c.GetCancelRun().GetRunId() }, "U0ANA", false},
		"cancel by an admin": {menu("U0ADMIN", "cancel:"+runID), func(c *commandv1.Command) string { return c.GetCancelRun().GetRunId() }, "U0ADMIN", true},
		"withdraw":           {menu("U0BEN", "withdraw:"+runID), func(c *commandv1.Command) string { return c.GetWithdrawOrder().GetRunId() }, "U0BEN", false},
		"withdraw by button": {click("U0BEN", "withdraw", runID, 0), func(c *commandv1.Command) string { return c.GetWithdrawOrder().GetRunId() }, "U0BEN", false},
		"usual":              {click("U0BEN", "usual", runID, 0), func(c *commandv1.Command) string { return c.GetPlaceUsual().GetRunId() }, "U0BEN", false},
	} {
		w := newWorld(t)
		require.Empty(t, w.clicks(c.payload), name)
		cmd := w.only()
		require.Equal(t, runID, c.runID(cmd), name)
		require.Equal(t, c.user, cmd.GetActor().GetUserId(), name)
		require.Equal(t, c.admin, cmd.GetActor().GetWorkspaceAdmin(), name)
		require.Equal(t, "C0COFFEE", cmd.GetReplyTo(), name)
		require.Equal(t, runID, w.messages[0].Subject, name)
		require.Equal(t, []string{c.user}, w.expected, name)
		require.Empty(t, w.views, name)
	}
}

// The same request again, and a double click, have one id and take effect once. A later click has another.
func TestRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := func() []string {
		var all []string
		for _, cmd := range w.commands {
			all = append(all, cmd.GetId())
		}
		w.commands = nil
		return all
	}
	same := func(what string) {
		t.Helper()
		all := ids()
		require.Len(t, all, 2, what)
		require.Equal(t, all[0], all[1], what)
	}
	different := func(what string) {
		t.Helper()
		all := ids()
		require.Len(t, all, 2, what)
		require.NotEqual(t, all[0], all[1], what)
	}
	for range 2 {
		w.coffee("in 20m", nil)
	}
	same("a replayed command")
	w.coffee("in 20m", nil)
	w.coffee("in 20m", fields{"trigger_id": "another"})
	different("the same command typed again")

	for range 2 {
		w.clicks(click("U0ANA", "close", runID, 0))
	}
	same("a replayed click")
	w.clicks(click("U0ANA", "usual", runID, 10))
	w.clicks(click("U0ANA", "usual", runID, 10))
	require.Empty(t, ids(), "no usual: a form each")
	w.clicks(click("U0BEN", "usual", runID, 10))
	w.clicks(click("U0BEN", "usual", runID, 11.9))
	same("a double click")
	w.clicks(click("U0BEN", "usual", runID, 11.9))
	w.clicks(click("U0BEN", "usual", runID, 10))
	same("a replay of the second of two clicks, and of the first")
	w.clicks(click("U0BEN", "usual", runID, 20))
	w.clicks(click("U0BEN", "usual", runID, 22.1))
	different("a later click")
	w.clicks(click("U0BEN", "usual", runID, 30))
	w.clicks(click("U0BEN", "withdraw", runID, 30.5))
	different("another button")
	w.clicks(click("U0BEN", "close", runID, 40))
	w.clicks(click("U0ANA", "close", runID, 40.5))
	different("another person")
	w.clicks(click("U0BEN", "close", runID, 50))
	w.clicks(with(click("U0BEN", "close", runID, 50.5), map[string]any{"container": fields{"message_ts": "1795424799.000100"}}))
	different("another message")
	for _, ts := range []string{"soon", "NaN", "-1", "1795424700000100", "1e300"} {
		odd := func(ts string) map[string]any {
			return with(click("U0BEN", "close", runID, 0), map[string]any{"actions": []any{fields{"action_id": "close", "value": runID, "action_ts": ts}}})
		}
		w.clicks(odd(ts))
		w.clicks(odd(ts))
		same("a time that is none, replayed")
		w.clicks(odd(ts))
		w.clicks(odd(ts + "1"))
		different("another time that is none")
	}

	for range 2 {
		w.submits(order("U0BEN", " Flat  white ", true))
	}
	same("a form submitted twice")
	w.submits(order("U0BEN", "Flat white", true))
	w.submits(order("U0BEN", "Flat white", false))
	different("a form submitted with something else")
	another := order("U0BEN", "Flat white", true)
	another["view"].(map[string]any)["id"] = "V0NEXT"
	w.submits(order("U0BEN", "Flat white", true))
	w.submits(another)
	different("the same drink ordered again, in another form")
}

func TestOrderButtonOpensTheForm(t *testing.T) {
	t.Parallel()
	ordered := &runv1.Order{UserId: "U0BEN", Drink: "Earl Grey", Quantity: 1}
	for name, c := range map[string]struct {
		user, verb string
		run        *runv1.Run
		want       []string
	}{
		"new":                   {"U0ANA", "order", openRun(ordered), []string{"What do you drink?", "", "Order"}},
		"with a usual":          {"U0BEN", "order", openRun(), []string{"What do you drink?", "Cortado", "Order"}},
		"ordered already":       {"U0BEN", "order", openRun(ordered), []string{"What do you drink?", "Earl Grey", "Save"}},
		"no usual":              {"U0ANA", "usual", openRun(), []string{"First time here: what do you drink?", "", "Order"}},
		"no usual, but ordered": {"U0ANA", "usual", openRun(&runv1.Order{UserId: "U0ANA", Drink: "Tea"}), []string{"What do you drink?", "Tea", "Save"}},
	} {
		w := newWorld(t)
		w.runs[runID] = c.run
		require.Empty(t, w.clicks(click(c.user, c.verb, runID, 0)), name)
		require.Empty(t, w.commands, name)
		require.Equal(t, []string{c.user}, w.expected, "they will order: "+name)
		require.Len(t, w.views, 1, name)
		raw, err := json.Marshal(w.views[0])
		require.NoError(t, err)
		var view struct {
			Submit   struct{ Text string }
			Metadata string `json:"private_metadata"`
			Blocks   []struct {
				Label   struct{ Text string }
				Element struct {
					InitialValue string `json:"initial_value"`
				}
			}
		}
		require.NoError(t, json.Unmarshal(raw, &view))
		require.Equal(t, c.want, []string{view.Blocks[0].Label.Text, view.Blocks[0].Element.InitialValue, view.Submit.Text}, name)
		require.JSONEq(t, `{"run":"`+runID+`","channel":"C0COFFEE"}`, view.Metadata, name)
	}
}

// The form does not open for a run that takes no orders; the person hears why.
func TestOrderForARunThatIsNotOpen(t *testing.T) {
	t.Parallel()
	ended := func(status runv1.RunStatus) *runv1.Run {
		run := openRun()
		run.Status, run.Assignment = status, &runv1.Assignment{RunnerId: "U0BEN"}
		return run
	}
	for want, run := range map[string]*runv1.Run{
		"This run is already closed. A runner is being chosen.":       ended(runv1.RunStatus_RUN_STATUS_CLOSING),
		"This run is already closed: Ben runs.":                       ended(runv1.RunStatus_RUN_STATUS_CLOSED),
		"This run was cancelled. `/coffee` starts a new one.":         ended(runv1.RunStatus_RUN_STATUS_CANCELLED),
		"I don't know this run any more. `/coffee` starts a new one.": nil,
	} {
		for _, verb := range []string{"order", "usual"} {
			w := newWorld(t)
			w.runs[runID] = run
			require.Contains(t, w.clicks(click("U0ANA", verb, runID, 0)), want)
			require.Empty(t, w.views)
			require.Empty(t, w.commands)
		}
	}
}
