package slackhttp_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func TestWhoMayOpenTheSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user string
		is   func(w *world)
		want string // empty: the form opens
	}{
		"an admin of the workspace":        {user: "U0ADMIN"},
		"one whom the installation counts": {user: "U0CEM"},
		"an admin of the channel":          {user: "U0BEN", is: func(w *world) { w.channel = &runv1.ChannelSettings{Enabled: true, AdminIds: []string{"U0BEN"}} }},
		"anyone else":                      {user: "U0BEN", want: "Only a workspace admin can change CoffeeBuddy's settings here."},
		"anyone else, with a channel admin": {
			user: "U0BEN", want: "Only Ana or a workspace admin can change",
			is: func(w *world) { w.channel = &runv1.ChannelSettings{Enabled: true, AdminIds: []string{"U0ANA"}} },
		},
		"nobody knows":              {user: "U0WHO", want: "That did not work"},
		"also in a disabled one":    {user: "U0ADMIN", is: func(w *world) { w.channel = &runv1.ChannelSettings{} }},
		"the database does not say": {user: "U0ADMIN", is: func(w *world) { w.storeAway = true }, want: "That did not work"},
	} {
		w := newWorld(t)
		if c.is != nil {
			c.is(w)
		}
		said := w.coffee("admin", fields{"user_id": c.user})
		require.Empty(t, w.commands, name)
		if c.want == "" {
			require.Empty(t, said, name)
			require.Equal(t, message.CallbackSettings, w.views[0].CallbackID, name)
			continue
		}
		require.Contains(t, said, c.want, name)
		require.Empty(t, w.views, name)
	}
}

// entered is the settings form as it was filled in.
func entered(metadata string, values fields) map[string]any {
	state := map[string]any{
		"switches": map[string]any{"switches": map[string]any{"selected_options": []any{fields{"value": "enabled"}, fields{"value": "last_call"}}}},
		"policy":   map[string]any{"policy": map[string]any{"selected_option": fields{"value": "rotation"}}},
		"admins":   map[string]any{"admins": map[string]any{"selected_users": []string{"U0BEN"}}},
	}
	for block, value := range values {
		state[block] = map[string]any{block: fields{"value": value}}
	}
	return map[string]any{
		"type": "view_submission", "user": fields{"id": "U0ADMIN"},
		"view": map[string]any{"id": "V1", "hash": "h", "callback_id": "settings", "private_metadata": metadata, "state": map[string]any{"values": state}},
	}
}

var numbers = fields{
	"reminder_offset": "7", "last_call_lead": "12", "closing_lead": "0", "default_pickup": "45", "window": "8", "retention": "30",
}

func TestSettingsAreSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.channel = proto.CloneOf(w.Defaults)
	w.channel.Version = 4
	require.Empty(t, w.coffee("admin", fields{"user_id": "U0ADMIN"}))
	require.Empty(t, w.submits(entered(w.views[0].PrivateMetadata, numbers)))
	cmd := w.only()
	require.True(t, cmd.GetActor().GetWorkspaceAdmin())
	require.EqualValues(t, 4, cmd.GetChangeSettings().GetIfVersion())
	require.True(t, proto.Equal(&runv1.ChannelSettings{
		Enabled: true, LastCall: true, ReminderOffsetMinutes: 7, LastCallLeadMinutes: 12, DefaultPickupMinutes: 45,
		Policy: runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION, FairnessWindow: 8, RetentionDays: 30, AdminIds: []string{"U0BEN"},
	}, cmd.GetChangeSettings().GetSettings()), "%v", cmd)
}

func TestSettingsOutOfBoundsAreSaidInTheirFields(t *testing.T) {
	t.Parallel()
	for block, value := range map[string]string{
		"reminder_offset": "0", "last_call_lead": "31", "closing_lead": "-1", "default_pickup": "4.5", "window": "51", "retention": "",
	} {
		w := newWorld(t)
		require.Empty(t, w.coffee("admin", fields{"user_id": "U0ADMIN"}))
		values := maps.Clone(numbers)
		values[block] = value
		answer := w.interact(entered(w.views[0].PrivateMetadata, values))
		var response struct{ Errors fields }
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &response))
		require.Len(t, response.Errors, 1, block)
		require.Contains(t, response.Errors[block], "Please enter a whole number from", block)
		require.Empty(t, w.commands, block)
	}
}

func TestResetNeedsTheChannelsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.coffee("admin", fields{"user_id": "U0ADMIN"}))
	require.Empty(t, w.clicks(map[string]any{
		"type": "block_actions", "trigger_id": "trigger", "user": fields{"id": "U0ADMIN"},
		"view":    map[string]any{"id": "V1", "callback_id": "settings", "private_metadata": w.views[0].PrivateMetadata},
		"actions": []any{fields{"action_id": "reset"}},
	}))
	confirm := func(name string) map[string]any {
		return map[string]any{
			"type": "view_submission", "user": fields{"id": "U0ADMIN"},
			"view": map[string]any{"id": "V2", "callback_id": "reset", "private_metadata": w.views[1].PrivateMetadata, "state": map[string]any{
				"values": map[string]any{"name": map[string]any{"name": fields{"value": name}}},
			}},
		}
	}
	require.Contains(t, w.interact(confirm("tea")).Body.String(), "That is not this channel's name: coffee")
	require.Empty(t, w.commands)
	require.Contains(t, w.interact(confirm(" #coffee")).Body.String(), "The reset is under way")
	require.NotNil(t, w.only().GetResetChannel())
	require.Equal(t, "C0COFFEE", w.only().GetChannelId())
}

// In a disabled channel everything but help and admin is answered at once, and nothing is published.
func TestADisabledChannelSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.channel = &runv1.ChannelSettings{AdminIds: []string{"U0ANA"}}
	for _, typed := range []string{"", "10:30", "status", "close", "usual Tea", "fairness"} {
		require.Equal(t, "CoffeeBuddy is turned off in this channel. To turn it on, ask Ana or a workspace admin: /coffee admin.", w.coffee(typed, nil), typed)
	}
	require.Contains(t, w.clicks(click("U0BEN", "start", `{"place":"Lobby"}`, 0)), "turned off in this channel")
	require.Contains(t, w.coffee("help", nil), "CoffeeBuddy organises coffee runs.")
	require.Empty(t, w.commands)
}
