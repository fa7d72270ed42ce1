package slackhttp_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// hears has the Events API tell of an event.
func (w *world) hears(id string, event map[string]any) {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"type": "event_callback", "event_id": id, "event": event})
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, w.post("/slack/events", body).Code)
}

func TestGreetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hears("E1", map[string]any{"type": "member_joined_channel", "user": "U0BOT", "channel": "C0NEW"})
	w.hears("E2", map[string]any{"type": "message", "channel_type": "im", "user": "U0BEN", "channel": "D0BEN"})
	require.Len(t, w.greetings, 2)
	require.Equal(t, []string{"greeting/E1", "C0NEW", "greeting/E2", "D0BEN"},
		[]string{w.greetings[0].Key, w.greetings[0].Conversation, w.greetings[1].Key, w.greetings[1].Conversation})
	w.hears("E3", map[string]any{"type": "app_mention", "user": "U0BEN", "channel": "C0COFFEE"})
	require.Len(t, w.whispers, 1)
	require.Contains(t, w.whispers[0], "C0COFFEE U0BEN Hi, type `/coffee`")

	for _, event := range []map[string]any{
		{"type": "member_joined_channel", "user": "U0BEN", "channel": "C0NEW"},
		{"type": "message", "channel_type": "im", "bot_id": "B0BOT", "channel": "D0BEN"},
		{"type": "message", "channel_type": "im", "subtype": "message_changed", "channel": "D0BEN"},
		{"type": "message", "channel_type": "channel", "user": "U0BEN", "channel": "C0COFFEE"},
		{"type": "app_mention", "bot_id": "B0OTHER", "channel": "C0COFFEE"},
		{"type": "something_new", "channel": 7},
	} {
		w.hears("E4", event)
	}
	require.Len(t, w.greetings, 2, "nobody else is greeted")
	require.Len(t, w.whispers, 1)
}

func TestWhatSlackTellsOfChannelsAndTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hears("E1", map[string]any{"type": "channel_archive", "channel": "C0COFFEE"})
	w.hears("E2", map[string]any{"type": "channel_left", "channel": map[string]any{"id": "C0TEA"}})
	require.Equal(t, []string{"C0COFFEE", "C0TEA"}, w.forgotten)
	require.False(t, w.revoked)
	w.hears("E3", map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"oauth": []string{"U0BEN"}}})
	require.False(t, w.revoked, "a person's own token")
	w.hears("E4", map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"bot": []string{"U0BOT"}}})
	require.True(t, w.revoked)
}

func TestWhoLeavesTheWorkspaceLeavesItsRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs[runID] = openRun(&runv1.Order{UserId: "U0BEN", Drink: "Cortado"})
	w.runs[runID].VolunteerIds = []string{"U0BEN"}
	w.hears("E1", map[string]any{"type": "user_change", "user": map[string]any{
		"id": "U0BEN", "tz": "Asia/Tokyo", "profile": map[string]any{"display_name": "Benedikt"},
	}})
	require.Equal(t, "Benedikt", w.known["U0BEN"].Name)
	require.Equal(t, "Asia/Tokyo", w.known["U0BEN"].Zone.String())
	require.Empty(t, w.commands)
	for range 2 {
		w.hears("E2", map[string]any{"type": "user_change", "user": map[string]any{"id": "U0BEN", "deleted": true}})
	}
	require.Len(t, w.commands, 4)
	require.Equal(t, runID, w.commands[0].GetStopVolunteering().GetRunId())
	require.Equal(t, runID, w.commands[1].GetWithdrawOrder().GetRunId())
	require.Equal(t, "U0BEN", w.commands[1].GetActor().GetUserId())
	require.Equal(t, []string{w.commands[0].GetId(), w.commands[1].GetId()}, []string{w.commands[2].GetId(), w.commands[3].GetId()}, "told again")
}

func TestAppHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hears("E1", map[string]any{"type": "app_home_opened", "user": "U0BEN", "tab": "home"})
	require.Len(t, w.homes, 1)
	raw, err := json.Marshal(w.homes[0])
	require.NoError(t, err)
	require.NoError(t, slacksim.ValidateView(raw))
	require.Contains(t, string(raw), "My usual: Cortado")
	require.Contains(t, string(raw), "There is an open run")

	_, err = w.RefreshHomes(t.Context())
	require.NoError(t, err)
	require.Len(t, w.homes, 1, "nothing changed, nothing is published")
	w.usuals["U0BEN"].Drink = "Mocha"
	_, err = w.RefreshHomes(t.Context())
	require.NoError(t, err)
	require.Len(t, w.homes, 2)
	w.now = w.now.Add(11 * time.Minute)
	w.usuals["U0BEN"].Drink = "Tea"
	_, err = w.RefreshHomes(t.Context())
	require.NoError(t, err)
	require.Len(t, w.homes, 2, "nobody looks any more")
}

func TestAUsualIsChangedAtHome(t *testing.T) {
	t.Parallel()
	submission := func(drink, metadata string) map[string]any {
		return map[string]any{
			"type": "view_submission", "user": fields{"id": "U0BEN"},
			"view": map[string]any{"id": "V1", "callback_id": "usual", "private_metadata": metadata, "state": map[string]any{"values": map[string]any{
				"drink": map[string]any{"drink": fields{"value": drink}}, "quantity": map[string]any{"quantity": map[string]any{"selected_option": fields{"value": "3"}}},
			}}},
		}
	}
	w := newWorld(t)
	require.Empty(t, w.submits(submission(" Mocha ", `{"channel":"C0COFFEE"}`)))
	saved := w.only().GetSaveUsual()
	require.Equal(t, "Mocha", saved.GetDrink())
	require.EqualValues(t, 3, saved.GetQuantity())
	require.Equal(t, "C0COFFEE", w.commands[0].GetChannelId())
	w = newWorld(t)
	require.Contains(t, w.submits(submission("", `{"channel":"C0COFFEE"}`)), "Please say what you drink.")
	require.Contains(t, w.submits(submission("Tea", `{}`)), "older version")
	require.Empty(t, w.commands)
}

func TestButtonsAtHome(t *testing.T) {
	t.Parallel()
	press := func(action, value string) map[string]any {
		return map[string]any{
			"type": "block_actions", "trigger_id": "trigger", "user": fields{"id": "U0BEN"}, "view": map[string]any{"id": "V1", "type": "home"},
			"actions": []any{fields{"action_id": action, "value": value, "action_ts": "1795424700.000100"}},
		}
	}
	w := newWorld(t)
	require.Empty(t, w.clicks(press("usual", runID)))
	require.Equal(t, []string{runID, "C0COFFEE"}, []string{w.only().GetPlaceUsual().GetRunId(), w.commands[0].GetChannelId()})
	w = newWorld(t)
	require.Empty(t, w.clicks(press("order", runID)))
	require.Equal(t, "Your order", w.views[0].Title.Text)
	w = newWorld(t)
	require.Empty(t, w.clicks(press("forget", "C0COFFEE")))
	require.NotNil(t, w.only().GetClearUsual())
	w = newWorld(t)
	require.Empty(t, w.clicks(press("edit_usual", "C0COFFEE")))
	require.Equal(t, "My usual", w.views[0].Title.Text)
	require.Empty(t, w.commands)
	w = newWorld(t)
	require.Empty(t, w.clicks(press("reminders", "off")))
	settings := w.only().GetChangePersonalSettings().GetSettings()
	require.False(t, settings.GetReminders())
	require.True(t, settings.GetNamedInLastCalls(), "the other stays")
	require.Equal(t, "T0TEAM/U0BEN", w.messages[0].Key)
	require.Empty(t, w.commands[0].GetChannelId())
	w = newWorld(t)
	require.Empty(t, w.clicks(press("erase_me", "me")))
	require.Equal(t, "U0BEN", w.only().GetErasePerson().GetUserId())
	require.Equal(t, "T0TEAM/U0BEN", w.messages[0].Key)
	require.Len(t, w.views, 1, "it says what stays")

	w = newWorld(t)
	delete(w.runs, runID)
	require.Empty(t, w.clicks(press("usual", runID)))
	require.Equal(t, "CoffeeBuddy", w.views[0].Title.Text, "there is no conversation to say it in")
}
