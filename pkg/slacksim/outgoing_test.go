package slacksim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"
)

func TestSignatureIsSlacks(t *testing.T) {
	t.Parallel()
	body := []byte("token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands" +
		"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c")
	// the worked example of Slack's documentation
	require.Equal(t, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		slacksim.Sign("8f742231b10e8888abcd99yyyzzz85a5", time.Unix(1531420618, 0), body))
}

func TestCommandIsSignedAndComplete(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Now = time.Now }) // slack-go's verifier looks at the real clock
	r := o.command("/coffee   10:30 Lobby  café ")

	verifier, err := slack.NewSecretsVerifier(r.header, secret)
	require.NoError(t, err)
	_, err = verifier.Write(r.body)
	require.NoError(t, err)
	require.NoError(t, verifier.Ensure())

	req, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(r.body))
	require.NoError(t, err)
	req.Header = r.header
	cmd, err := slack.SlashCommandParse(req)
	require.NoError(t, err)
	require.Equal(t, "10:30 Lobby  café", cmd.Text)
	require.Equal(t, []string{"/coffee", "T0COFFEE", "office", coffee, "coffee", ana, "ana", "A0BUDDY"},
		[]string{cmd.Command, cmd.TeamID, cmd.TeamDomain, cmd.ChannelID, cmd.ChannelName, cmd.UserID, cmd.UserName, cmd.APIAppID})
	require.NotEmpty(t, cmd.TriggerID)
	require.True(t, strings.HasPrefix(cmd.ResponseURL, o.url+"/hooks/"))
	require.NotContains(t, r.form, "enterprise_id")
}

func TestCommandAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, kind, body string
		status           int
		want             string // what Ana reads; empty: nothing
		everyone         bool
	}{
		{"silent", "", "", 200, "", false},
		{"plain", "text/plain", "hi *you*", 200, "hi you", false},
		{"ephemeral", "application/json", `{"text":"only you"}`, 200, "only you", false},
		{"in channel", "application/json; charset=utf-8", `{"response_type":"in_channel","text":"all"}`, 200, "all", true},
		{"nothing in it", "application/json", `{"ok":true}`, 200, "", false},
		{"broken", "application/json", `{`, 200, `/coffee failed with the error "dispatch_failed"`, false},
		{"invalid blocks", "application/json", `{"blocks":[{"type":"x"}]}`, 200, `/coffee failed with the error "dispatch_failed"`, false},
		{"error", "", "", 500, `/coffee failed with the error "dispatch_failed"`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.app.answers(func(w http.ResponseWriter, _ request) {
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			ack, err := o.people.Command(o.ctx(), ana, coffee, "/coffee")
			require.NoError(t, err)
			require.Equal(t, test.status, ack.Status)
			require.Equal(t, strings.Contains(test.want, "failed"), ack.Error == "dispatch_failed")
			messages := o.messages(coffee, ana)
			if test.want == "" {
				require.Empty(t, messages)
				return
			}
			require.Equal(t, test.want, slacksim.PlainText(messages[0]))
			require.Equal(t, !test.everyone, messages[0].Ephemeral)
			require.Len(t, o.messages(coffee, ben), map[bool]int{true: 1}[test.everyone])
		})
	}
}

func TestAppAwayOrTooLate(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.AckTimeout = 50 * time.Millisecond })
	release := make(chan struct{})
	o.app.answers(func(http.ResponseWriter, request) { <-release })
	ack, err := o.people.Command(o.ctx(), ana, coffee, "/coffee")
	close(release)
	require.NoError(t, err)
	require.Equal(t, "operation_timeout", ack.Error)
	require.Zero(t, ack.Status)
	require.Equal(t, `/coffee failed with the error "operation_timeout"`, o.messages(coffee, ana)[0].Text)
	require.Equal(t, slacksim.Slackbot, o.messages(coffee, ana)[0].User)

	o.sim.SetAppURL("http://127.0.0.1:1")
	ack, err = o.people.Command(o.ctx(), ana, coffee, "/coffee")
	require.NoError(t, err)
	require.Equal(t, "dispatch_failed", ack.Error)
}

func TestCommandsSlackRefuses(t *testing.T) {
	t.Parallel()
	o := open(t)
	_, err := o.people.Command(o.ctx(), ana, coffee, "/tea")
	require.NoError(t, err)
	require.Equal(t, "`/tea` is not a valid command.", o.messages(coffee, ana)[0].Text)
	require.Empty(t, o.app.got("/slack/commands"))
	for code, try := range map[string][3]string{
		"not_a_command":     {ana, coffee, "coffee"},
		"user_not_found":    {"U0BUDDY", coffee, "/coffee"},
		"channel_not_found": {ana, "C0NONE", "/coffee"},
		"not_in_channel":    {ana, "D0BEN", "/coffee"},
	} {
		_, err := o.people.Command(o.ctx(), try[0], try[1], try[2])
		require.Equal(t, code, slacksim.ErrorCode(err))
	}
}

func (o *office) hook(url, body string) (status int, code string) {
	o.t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(o.t, err)
	defer resp.Body.Close()
	var answer struct{ Error string }
	require.NoError(o.t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer.Error
}

func TestResponseURLWorksFiveTimesInThirtyMinutes(t *testing.T) {
	t.Parallel()
	o := open(t)
	url := o.command("/coffee").form.Get("response_url")
	for i := range 5 {
		require.NoError(t, slack.PostWebhookContext(o.ctx(), url, &slack.WebhookMessage{Text: fmt.Sprint(i)}))
	}
	require.Len(t, o.messages(coffee, ana), 5)
	require.Empty(t, o.messages(coffee, ben))
	status, code := o.hook(url, `{"text":"6"}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "used_url", code)

	url = o.command("/coffee").form.Get("response_url")
	o.clock.pass(30*time.Minute + time.Second)
	_, code = o.hook(url, `{"text":"late"}`)
	require.Equal(t, "expired_url", code)
	_, code = o.hook(o.url+"/hooks/none", `{"text":"x"}`)
	require.Equal(t, "no_service", code)

	url = o.command("/coffee").form.Get("response_url")
	for body, want := range map[string]string{`{`: "invalid_payload", `{}`: "no_text", `{"blocks":[{"type":"x"}]}`: "invalid_blocks"} {
		status, code = o.hook(url, body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, want, code)
	}
}

func TestResponseURLChangesTheOriginal(t *testing.T) {
	t.Parallel()
	o := open(t)
	_, err := o.api.PostEphemeral(coffee, ana, text("sure?"), slack.MsgOptionBlocks(section("sure?"), slack.NewActionBlock("b", button("yes", "1"))))
	require.NoError(t, err)
	_, err = o.people.Click(o.ctx(), ana, coffee, "", "yes")
	require.NoError(t, err)
	p := o.app.nth(t, "/slack/interactions", 1).payload(t)
	require.True(t, p.Container.IsEphemeral)
	require.Empty(t, p.Message.Timestamp) // Slack does not show it

	require.NoError(t, slack.PostWebhook(p.ResponseURL, &slack.WebhookMessage{Text: "done", ReplaceOriginal: true}))
	require.Equal(t, "done", slacksim.PlainText(o.messages(coffee, ana)[0]))
	require.NoError(t, slack.PostWebhook(p.ResponseURL, &slack.WebhookMessage{Text: "for all", ResponseType: "in_channel"}))
	require.NoError(t, slack.PostWebhook(p.ResponseURL, &slack.WebhookMessage{DeleteOriginal: true}))
	require.Len(t, o.messages(coffee, ana), 1)
	require.Equal(t, "for all", o.messages(coffee, ben)[0].Text)
}

func TestClickSendsBlockActions(t *testing.T) {
	t.Parallel()
	o := open(t)
	more := slack.NewOverflowBlockElement("more", slack.NewOptionBlockObject("cancel", slack.NewTextBlockObject("plain_text", "Cancel run", false, false), nil))
	size := slack.NewOptionsSelectBlockElement("static_select", nil, "size",
		slack.NewOptionBlockObject("s", slack.NewTextBlockObject("plain_text", "Small", false, false), nil),
		slack.NewOptionBlockObject("l", slack.NewTextBlockObject("plain_text", "Large", false, false), nil))
	ts := o.post(coffee, text("card"), slack.MsgOptionBlocks(section("card"), slack.NewActionBlock("row", button("order", "run-1"), more, size)))

	ack, err := o.people.Click(o.ctx(), ben, coffee, ts, "order")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, ack.Status)
	p := o.app.nth(t, "/slack/interactions", 1).payload(t)
	require.Equal(t, slack.InteractionTypeBlockActions, p.Type)
	require.Equal(t, []string{ben, "T0COFFEE", coffee, ts, "A0BUDDY", "message"},
		[]string{p.User.ID, p.Team.ID, p.Channel.ID, p.Container.MessageTs, p.APIAppID, p.Container.Type})
	require.Equal(t, "card", p.Message.Text)
	require.NotEmpty(t, p.TriggerID)
	require.NotEmpty(t, p.ResponseURL)
	action := p.ActionCallback.BlockActions[0]
	require.Equal(t, []string{"order", "row", "run-1", "Order"}, []string{action.ActionID, action.BlockID, action.Value, action.Text.Text})

	_, err = o.people.Choose(o.ctx(), ben, coffee, ts, "more", "cancel")
	require.NoError(t, err)
	p = o.app.nth(t, "/slack/interactions", 2).payload(t)
	require.Equal(t, "cancel", p.ActionCallback.BlockActions[0].SelectedOption.Value)

	_, err = o.people.Choose(o.ctx(), ben, coffee, ts, "size", "l")
	require.NoError(t, err)
	_, err = o.people.Click(o.ctx(), ben, coffee, ts, "order") // what was selected before is in the state
	require.NoError(t, err)
	p = o.app.nth(t, "/slack/interactions", 4).payload(t)
	require.Equal(t, "l", p.BlockActionState.Values["row"]["size"].SelectedOption.Value)

	for code, a := range map[string]slacksim.Action{
		"action_not_found":  {User: ben, Channel: coffee, TS: ts, ActionID: "nothing"},
		"message_not_found": {User: ben, Channel: coffee, TS: "1.000001", ActionID: "order"},
		"view_not_found":    {User: ben, ViewID: "V0", ActionID: "order"},
		"user_not_found":    {User: "U0NONE", Channel: coffee, TS: ts, ActionID: "order"},
		"option_not_found":  {User: ben, Channel: coffee, TS: ts, ActionID: "more", SelectedOption: map[string]any{"value": "x"}},
	} {
		_, err := o.people.Act(o.ctx(), a)
		require.Equal(t, code, slacksim.ErrorCode(err))
	}
}

func TestTriggerWorksOnceAndThreeSeconds(t *testing.T) {
	t.Parallel()
	o := open(t)
	trigger := o.command("/coffee").form.Get("trigger_id")
	_, err := o.api.OpenView(trigger, orderModal("drink", ""))
	require.NoError(t, err)
	_, err = o.api.OpenView(trigger, orderModal("drink", ""))
	require.EqualError(t, err, "exchanged_trigger_id")

	trigger = o.command("/coffee").form.Get("trigger_id")
	o.clock.pass(3*time.Second + time.Millisecond)
	_, err = o.api.OpenView(trigger, orderModal("drink", ""))
	require.EqualError(t, err, "expired_trigger_id")
}

// events collects what arrives at /slack/events.
func eventTypes(rs []request) (types []string) {
	for _, r := range rs {
		var e struct{ Event struct{ Type string } }
		_ = json.Unmarshal(r.body, &e)
		types = append(types, e.Event.Type)
	}
	return types
}

func TestEvents(t *testing.T) {
	t.Parallel()
	o := open(t)
	ctx := o.ctx()
	say := func(user, channel, text string) {
		_, err := o.people.Say(ctx, user, channel, text)
		require.NoError(t, err)
	}
	next := 0
	event := func() slackevents.EventsAPIEvent {
		next++
		r := o.app.nth(t, "/slack/events", next)
		require.Equal(t, slacksim.Sign(secret, o.clock.now(), r.body), r.header.Get("X-Slack-Signature"))
		e, err := slackevents.ParseEvent(r.body, slackevents.OptionNoVerifyToken())
		require.NoError(t, err)
		require.Equal(t, "T0COFFEE", e.TeamID)
		return e
	}

	say(ana, coffee, "no event: message.channels is not subscribed")
	say(ana, coffee, "hey @CoffeeBuddy & <friends>, see #tea-corner")
	mention := event().InnerEvent.Data.(*slackevents.AppMentionEvent)
	require.Equal(t, "hey <@U0BUDDY> &amp; &lt;friends&gt;, see <#C0TEA|tea-corner>", mention.Text)
	require.Equal(t, "hey @U0BUDDY & <friends>, see #tea-corner", slacksim.PlainText(o.messages(coffee, ana)[1]))

	say(ana, "D0ANA", "hello")
	dm := event().InnerEvent.Data.(*slackevents.MessageEvent)
	require.Equal(t, []string{"im", "hello", ana, "D0ANA"}, []string{dm.ChannelType, dm.Text, dm.User, dm.Channel})

	require.NoError(t, o.people.Member(ctx, "C0GENERAL", "U0BUDDY", true))
	joined := event().InnerEvent.Data.(*slackevents.MemberJoinedChannelEvent)
	require.Equal(t, []string{"U0BUDDY", "C0GENERAL"}, []string{joined.User, joined.Channel})
	require.NoError(t, o.people.Member(ctx, "C0GENERAL", ben, false))
	left := event().InnerEvent.Data.(*slackevents.MemberLeftChannelEvent)
	require.Equal(t, ben, left.User)
	require.NoError(t, o.people.Member(ctx, "C0GENERAL", "U0BUDDY", false)) // the bot itself hears it differently
	gone := event().InnerEvent.Data.(*slackevents.ChannelLeftEvent)
	require.Equal(t, "C0GENERAL", gone.Channel)
	require.NoError(t, o.people.Member(ctx, "C0GENERAL", ben, true)) // not a member any more: hears nothing

	require.NoError(t, o.people.OpenHome(ctx, ana))
	home := event().InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
	require.Equal(t, []string{ana, "home", "D0ANA"}, []string{home.User, home.Tab, home.Channel})
	require.Len(t, eventTypes(o.app.got("/slack/events")), next)

	for code, try := range map[string][2]string{"is_command": {coffee, "/coffee"}, "no_text": {coffee, " "}, "not_in_channel": {"D0BEN", "x"}} {
		_, err := o.people.Say(ctx, ana, try[0], try[1])
		require.Equal(t, code, slacksim.ErrorCode(err))
	}
}

func TestEventsAreRepeated(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.EventRetries = []time.Duration{0, 0, 0} })
	o.app.answers(func(w http.ResponseWriter, r request) { w.WriteHeader(http.StatusInternalServerError) })
	_, err := o.people.Say(o.ctx(), ana, "D0ANA", "hello")
	require.NoError(t, err)
	o.app.nth(t, "/slack/events", 4)
	got := o.app.got("/slack/events")
	for i, want := range []string{"", "1", "2", "3"} {
		require.Equal(t, want, got[i].header.Get("X-Slack-Retry-Num"))
		require.Equal(t, string(got[0].body), string(got[i].body)) // the same event_id
	}
	require.Equal(t, "http_error", got[1].header.Get("X-Slack-Retry-Reason"))

	o.app.answers(func(w http.ResponseWriter, r request) {
		w.Header().Set("X-Slack-No-Retry", "1")
		w.WriteHeader(http.StatusInternalServerError)
	})
	_, err = o.people.Say(o.ctx(), ana, "D0ANA", "again")
	require.NoError(t, err)
	o.app.nth(t, "/slack/events", 5)
	require.Never(t, func() bool { return len(o.app.got("/slack/events")) > 5 }, 50*time.Millisecond, 5*time.Millisecond)
}

func TestURLVerification(t *testing.T) {
	t.Parallel()
	o := open(t)
	verify := func() string {
		resp, err := http.Post(o.url+"/sim/url_verification", "application/json", nil)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	require.Contains(t, verify(), `"ok":false`)
	o.app.answers(func(w http.ResponseWriter, r request) {
		var in struct{ Type, Challenge string }
		_ = json.Unmarshal(r.body, &in)
		_, _ = io.WriteString(w, in.Challenge)
	})
	require.Contains(t, verify(), `"ok":true`)
}

func TestOtherPagesCannotPlayPeople(t *testing.T) {
	t.Parallel()
	o := open(t)
	say := func(origin string) int {
		req, err := http.NewRequest(http.MethodPost, o.url+"/sim/message", strings.NewReader(`{"user":"U0ANA","channel":"C0COFFEE","text":"x"}`))
		require.NoError(t, err)
		req.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, http.StatusForbidden, say("https://elsewhere.example"))
	require.Equal(t, http.StatusForbidden, say("null"))
	require.Equal(t, http.StatusOK, say(o.url))
}
