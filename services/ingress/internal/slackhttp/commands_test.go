package slackhttp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

func TestStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.coffee("10:30 Lobby café", nil), "the card will say it")
	cmd := w.only()
	start := cmd.GetStartRun()
	require.Equal(t, "10:30", start.GetPickupAt().AsTime().In(w.known["U0ANA"].Zone).Format("15:04"), "in the caller's zone")
	require.Equal(t, "Lobby café", start.GetPlace())
	require.Equal(t, uuid.Version(7), uuid.MustParse(start.GetRunId()).Version())
	require.NoError(t, uuid.Validate(cmd.GetId()))
	require.NotEmpty(t, cmd.GetCorrelationId())
	require.Equal(t, []string{"T0TEAM", "C0COFFEE", "C0COFFEE", "U0ANA"},
		[]string{cmd.GetWorkspaceId(), cmd.GetChannelId(), cmd.GetReplyTo(), cmd.GetActor().GetUserId()})
	require.Equal(t, w.now, cmd.GetIssuedAt().AsTime())
	require.Equal(t, w.now.Add(10*time.Minute), cmd.GetExpiresAt().AsTime())
	require.Equal(t, bus.Message{
		Topic: topic.Commands, Key: "T0TEAM/C0COFFEE", ID: cmd.GetId(), Subject: start.GetRunId(), Time: w.now,
		Type: bus.TypeOf(&commandv1.StartRun{}), Value: w.messages[0].Value,
	}, w.messages[0])
}

func TestStartForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		in    time.Duration
		place string
	}{
		"":                           {0, ""}, // the channel's default
		"in 20m":                     {20 * time.Minute, ""},
		"+20 Bar":                    {20 * time.Minute, "Bar"},
		`note="Lobby"`:               {0, "Lobby"},
		"\u200e10:30\u200f":          {25 * time.Minute, ""}, // as copied from a calendar
		"in 20m \u200b":              {20 * time.Minute, ""},
		"in 20m a\tb\n":              {20 * time.Minute, "a b"},
		"in 20m R&amp;D &lt;3":       {20 * time.Minute, "R&D <3"}, // Slack escapes what is typed, once
		"in 20m &amp;lt;b&amp;gt;":   {20 * time.Minute, "&lt;b&gt;"},
		"in 20m R&D <3 &quot;x&#39;": {20 * time.Minute, "R&D <3 &quot;x&#39;"}, // and these three characters alone
	} {
		w := newWorld(t)
		require.Empty(t, w.coffee(text, nil), text)
		start := w.only().GetStartRun()
		require.Equal(t, want.place, start.GetPlace(), text)
		if want.in == 0 {
			require.Nil(t, start.GetPickupAt(), text)
		} else {
			require.Equal(t, w.now.Add(want.in), start.GetPickupAt().AsTime(), text)
		}
	}
}

// A place goes round through a button unharmed: escaped by Slack when typed, by nobody afterwards.
func TestOfferedPlaceComesBackAsTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.post("/slack/commands", coffeeForm("Tom &amp; Jerry's &lt;bar&gt; \"x\"", nil))
	require.Contains(t, w.read(answer), `[ Start a run now, at Tom & Jerry's <bar> "x" ]`)
	value := startValue(t, answer.Body.Bytes())
	require.NotContains(t, value, "&", "Slack may escape what it hands back")
	require.Empty(t, w.clicks(click("U0ANA", "start", value, 0)))
	require.Equal(t, `Tom & Jerry's <bar> "x"`, w.only().GetStartRun().GetPlace())
	require.Nil(t, w.only().GetStartRun().GetPickupAt())
}

func TestPastTimeOffersAButtonThatWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = w.now.Add(6 * time.Hour) // 16:05 in Berlin
	answer := w.post("/slack/commands", coffeeForm("10:30 Lobby", nil))
	require.Contains(t, w.read(answer), "10:30 is over for today. Did you mean 22:30?")
	require.Contains(t, w.read(answer), "[ Start for 22:30 ]")
	require.Empty(t, w.commands)

	require.Empty(t, w.clicks(click("U0ANA", "start", startValue(t, answer.Body.Bytes()), 0)))
	start := w.only().GetStartRun()
	require.Equal(t, "22:30", start.GetPickupAt().AsTime().In(w.known["U0ANA"].Zone).Format("15:04"))
	require.Equal(t, "Lobby", start.GetPlace())
	require.Equal(t, "C0COFFEE", w.only().GetChannelId())
}

// Everything that starts no run says why and shows the way; nothing is published.
func TestCommandsThatStartNoRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		form fields
		is   func(w *world)
		want string
	}{
		"help":                       {"help", nil, nil, "`/coffee 3pm Lobby café` — with a place, after the time"},
		"unknown words":              {"Lobby", nil, nil, "[ Start a run now, at Lobby ]"},
		"words that are no place":    {"close the run", nil, nil, "I'm not sure what you mean.\nCoffeeBuddy organises"},
		"a number":                   {"10", nil, nil, "A number alone could be a time or minutes. Example: `/coffee 10:00` or `/coffee in 10m`. `/coffee help` shows more."},
		"no such time":               {"25:00", nil, nil, "There is no 25:00."},
		"long place":                 {"10:30 " + strings.Repeat("é", 81), nil, nil, "A place has at most 80 characters, this one has 81."},
		"too far":                    {"in 25h", nil, nil, "Pickup can be at most 24 hours ahead. Example: `/coffee in 20m`"},
		"zone not told":              {"10:30", fields{"user_id": "U0BEN"}, nil, "I don't know your time zone right now, so I can't read a time of day. Example: `/coffee in 20m`."},
		"caller unknown":             {"10:30", fields{"user_id": "U0WHO"}, nil, "I don't know your time zone right now"},
		"direct message":             {"10:30", fields{"channel_id": "D0ANA", "channel_name": "directmessage"}, nil, "Coffee runs happen in channels."},
		"group message":              {"", fields{"channel_id": "G0GROUP", "channel_name": "mpdm-ana--ben-1"}, nil, "Coffee runs happen in channels."},
		"help in a direct message":   {"help", fields{"channel_id": "D0ANA"}, nil, "CoffeeBuddy organises coffee runs."},
		"bot not in the channel":     {"in 20m", nil, func(w *world) { w.outside = true }, "I'm not in this channel yet. Type `/invite` and pick @U0BOT, then try `/coffee` again."},
		"bot not in, usage is first": {"10", nil, func(w *world) { w.outside = true }, "A number alone"},
	} {
		w := newWorld(t)
		if c.is != nil {
			c.is(w)
		}
		require.Contains(t, w.coffee(c.text, c.form), c.want, name)
		require.Empty(t, w.commands, name)
	}
}
