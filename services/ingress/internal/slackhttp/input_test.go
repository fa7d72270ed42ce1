package slackhttp_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// What Slack would never send is refused with a 4xx; nothing is published, nobody is told anything.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	form := func(payload string) string { return url.Values{"payload": {payload}}.Encode() }
	of := func(payload any) string { return string(interactionForm(t, payload)) }
	good, submission := click("U0ANA", "close", runID, 0), order("U0ANA", "Tea", true)
	noTime := fields{"action_id": "close", "value": runID}
	noID := with(submission["view"].(map[string]any), map[string]any{"id": nil})
	for name, c := range map[string]struct{ path, body string }{
		"no form":                {"commands", ""},
		"malformed form":         {"commands", "text=%zz&user_id=U0ANA"},
		"semicolons":             {"commands", "text=10:30;user_id=U0ANA"},
		"JSON for a form":        {"commands", `{"text":"10:30"}`},
		"invalid UTF-8":          {"commands", string(coffeeForm("10:30 \xff", nil))},
		"no user":                {"commands", string(coffeeForm("", fields{"user_id": ""}))},
		"no channel":             {"commands", string(coffeeForm("", fields{"channel_id": ""}))},
		"no trigger":             {"commands", string(coffeeForm("", fields{"trigger_id": ""}))},
		"no payload":             {"interactions", "x=y"},
		"empty payload":          {"interactions", "payload="},
		"malformed payload":      {"interactions", form(`{"type":`)},
		"payload and more":       {"interactions", form(`{"type":"block_actions","user":{"id":"U0ANA"}} {}`)},
		"payload of another":     {"interactions", form(`{"type":1}`)},
		"payload is a list":      {"interactions", form(`[]`)},
		"payload is nothing":     {"interactions", form(`null`)},
		"deeply nested list":     {"interactions", form(strings.Repeat("[", 60_000/3))},
		"deeply nested object":   {"interactions", form(strings.Repeat(`{"a":`, 12_000/3))},
		"deep where unknown":     {"interactions", form(`{"type":"block_actions","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`)},
		"payload invalid UTF-8":  {"interactions", form("{\"type\":\"block_actions\",\"user\":{\"id\":\"U0\xff\"}}")},
		"click of no type":       {"interactions", of(with(good, map[string]any{"type": nil}))},
		"click by nobody":        {"interactions", of(with(good, map[string]any{"user": nil}))},
		"click nowhere":          {"interactions", of(with(good, map[string]any{"channel": nil}))},
		"click on nothing":       {"interactions", of(with(good, map[string]any{"actions": nil}))},
		"click on an empty list": {"interactions", of(with(good, map[string]any{"actions": []any{}}))},
		"click at no time":       {"interactions", of(with(good, map[string]any{"actions": []any{noTime}}))},
		"form without id":        {"interactions", of(with(submission, map[string]any{"view": noID}))},
		"form without view":      {"interactions", of(with(submission, map[string]any{"view": nil}))},
		"no event":               {"events", ""},
		"malformed event":        {"events", `{"type":`},
		"event of no type":       {"events", `{}`},
		"event is a form":        {"events", "type=url_verification"},
		"event and more":         {"events", `{"type":"event_callback"} x`},
		"deeply nested event":    {"events", strings.Repeat("[", 60_000)},
	} {
		w := newWorld(t)
		answer := w.post("/slack/"+c.path, []byte(c.body))
		require.Equal(t, http.StatusBadRequest, answer.Code, "%s: %s", name, answer.Body)
		require.JSONEq(t, `{"error":"Bad Request","ref":"`+w.ref()+`"}`, answer.Body.String(), name)
		require.Empty(t, w.commands, name)
		require.Empty(t, w.said, name)
	}
}

func TestNoSuchDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/slack/", "/slack/nowhere", "/", "/slack/commands/more"} {
		require.Equal(t, http.StatusNotFound, w.post(path, coffeeForm("", nil)).Code, path)
	}
	get := httptest.NewRequest(http.MethodGet, "/slack/commands", nil)
	require.Equal(t, http.StatusNotFound, w.do(get).Code)
	require.Empty(t, w.commands)
}

// What another version of us may have put into Slack is answered in words, and nothing is guessed.
func TestUnknownInteractions(t *testing.T) {
	t.Parallel()
	menu := func(value string) map[string]any {
		choice := map[string]any{"action_id": "more", "action_ts": "1795424700.000100", "selected_option": fields{"value": value}}
		return with(click("U0ANA", "", "", 0), map[string]any{"actions": []any{choice}})
	}
	for name, payload := range map[string]map[string]any{
		"unknown action":     click("U0ANA", "im_off", runID, 0),
		"no action":          click("U0ANA", "", runID, 0),
		"unknown choice":     menu("swap:" + runID),
		"choice without run": menu("cancel"),
		"no choice":          menu(""),
		"no run":             click("U0ANA", "close", "", 0),
		"run is no run":      click("U0ANA", "order", "../../etc", 0),
		"start of no JSON":   click("U0ANA", "start", "{", 0),
		"start of a list":    click("U0ANA", "start", "[]", 0),
	} {
		w := newWorld(t)
		require.Contains(t, w.clicks(payload), "That button is from an older version of me.", name)
		require.Empty(t, w.commands, name)
		require.Empty(t, w.views, name)
	}
	view := order("U0ANA", "Tea", true)["view"].(map[string]any)
	for name, change := range map[string]map[string]any{
		"unknown view":       {"callback_id": "lottery"},
		"no view":            {"callback_id": nil},
		"no metadata":        {"private_metadata": nil},
		"malformed metadata": {"private_metadata": "{"},
		"no run":             {"private_metadata": `{"channel":"C0COFFEE"}`},
		"no channel":         {"private_metadata": `{"run":"` + runID + `"}`},
		"run is no run":      {"private_metadata": `{"run":"x","channel":"C0COFFEE"}`},
	} {
		w := newWorld(t)
		require.Contains(t, w.submits(with(order("U0ANA", "Tea", true), map[string]any{"view": with(view, change)})), "This form is from an older version", name)
		require.Empty(t, w.commands, name)
	}
	w := newWorld(t)
	for _, kind := range []string{"view_closed", "shortcut", "message_action", "something new"} {
		answer := w.interact(map[string]any{"type": kind, "user": fields{"id": "U0ANA"}})
		require.Equal(t, http.StatusOK, answer.Code, kind)
		require.Empty(t, answer.Body.String(), kind)
	}
	require.Empty(t, w.commands)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.post("/slack/events", []byte(`{"type":"url_verification","token":"x","challenge":"3eZbrw1a<B>"}`))
	require.Equal(t, http.StatusOK, answer.Code)
	var challenge fields
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &challenge))
	require.Equal(t, fields{"challenge": "3eZbrw1a<B>"}, challenge)

	answer = w.post("/slack/events", []byte(`{"type":"event_callback","event":{"type":"app_mention","text":"hi"}}`))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Empty(t, answer.Body.String())
	require.Empty(t, w.commands)
}

// The names in the payloads above are the ones on the buttons.
func TestNamesOnButtons(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"order", "usual", "withdraw", "close", "cancel", "more", "start", "order", "drink", "remember"}, []string{
		message.ActionOrder, message.ActionUsual, message.ActionWithdraw, message.ActionClose, message.ActionCancel, message.ActionMore,
		message.ActionStart, message.CallbackOrder, message.BlockDrink, message.BlockRemember,
	})
}
