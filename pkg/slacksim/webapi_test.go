package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

func text(s string) slack.MsgOption { return slack.MsgOptionText(s, false) }

func TestBotPostsUpdatesAndDeletes(t *testing.T) {
	t.Parallel()
	o := open(t)
	ts := o.post(coffee, text("Coffee run"), slack.MsgOptionBlocks(section("*Coffee run*"), slack.NewActionBlock("", button("order", "run-1"))))

	m := o.messages(coffee, ben)[0]
	require.Equal(t, "Coffee run\n[ Order ]", slacksim.PlainText(m))
	require.True(t, m.Bot)
	require.Equal(t, "U0BUDDY", m.User)

	_, _, _, err := o.api.UpdateMessage(coffee, ts, text("only the text")) // blocks stay when they are not sent
	require.NoError(t, err)
	m = o.messages(coffee, ben)[0]
	require.Equal(t, "only the text", m.Text)
	require.True(t, m.Edited)
	require.Contains(t, string(m.Blocks), `"order"`)

	_, _, _, err = o.api.UpdateMessage(coffee, ts, text("closed"), slack.MsgOptionBlocks([]slack.Block{}...))
	require.NoError(t, err)

	_, _, err = o.api.DeleteMessage(coffee, ts)
	require.NoError(t, err)
	require.Empty(t, o.messages(coffee, ben))
	_, _, err = o.api.DeleteMessage(coffee, ts)
	require.EqualError(t, err, "message_not_found")
}

func TestTimestampsOnlyGrow(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	last := ""
	for range 20 { // the clock stands still
		_, ts, err := o.api.PostMessage(coffee, text("x"))
		require.NoError(t, err)
		require.Greater(t, ts, last)
		last = ts
	}
}

func TestEphemeralIsSeenByOnePersonAndByNoMethod(t *testing.T) {
	t.Parallel()
	o := open(t)
	ts, err := o.api.PostEphemeral(coffee, ben, text("only you"))
	require.NoError(t, err)
	require.Len(t, o.messages(coffee, ben), 1)
	require.Empty(t, o.messages(coffee, ana))

	_, _, _, err = o.api.UpdateMessage(coffee, ts, text("x"))
	require.EqualError(t, err, "message_not_found")
	history, err := o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee})
	require.NoError(t, err)
	require.Empty(t, history.Messages)
	_, err = o.api.PostEphemeral(coffee, "U0NOBODY", text("x"))
	require.EqualError(t, err, "user_not_in_channel")
}

func TestPostingToAUserOpensTheDirectMessage(t *testing.T) {
	t.Parallel()
	o := open(t)
	channel, _, err := o.api.PostMessage(ben, text("You are the runner"))
	require.NoError(t, err)
	im, _, already, err := o.api.OpenConversation(&slack.OpenConversationParameters{Users: []string{ben}, ReturnIM: true})
	require.NoError(t, err)
	require.True(t, already)
	require.Equal(t, channel, im.ID)
	require.Len(t, o.messages(channel, ben), 1)
	_, err = o.people.Messages(o.ctx(), channel, ana)
	require.Equal(t, "channel_not_found", slacksim.ErrorCode(err))
}

func TestMetadataComesBackFromHistory(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.post(coffee, text("card"), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "delivery", EventPayload: map[string]any{"id": "d-1"}}))
	for all, want := range map[bool]string{true: "delivery", false: ""} {
		history, err := o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee, IncludeAllMetadata: all})
		require.NoError(t, err)
		require.Equal(t, want, history.Messages[0].Metadata.EventType)
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	o := open(t)
	root := o.post(coffee, text("run"))
	reply := o.post(coffee, text("it's here"), slack.MsgOptionTS(root))
	o.post(coffee, text("next"))
	replies, _, _, err := o.api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: coffee, Timestamp: root})
	require.NoError(t, err)
	require.Len(t, replies, 2)
	require.Equal(t, reply, replies[1].Timestamp)
	history, err := o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee})
	require.NoError(t, err)
	require.Len(t, history.Messages, 2)
	require.Equal(t, "next", history.Messages[0].Text) // newest first
	require.Equal(t, 1, history.Messages[1].ReplyCount)

	_, _, err = o.api.DeleteMessage(coffee, root)
	require.NoError(t, err)
	require.Equal(t, "tombstone", o.messages(coffee, ana)[0].Subtype)
	_, _, err = o.api.PostMessage(coffee, text("x"), slack.MsgOptionTS("1.000001"))
	require.EqualError(t, err, "thread_not_found")
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	stamps := []string{}
	for range 7 {
		stamps = append(stamps, o.post(coffee, text("m")))
	}
	seen, cursor := 0, ""
	for {
		h, err := o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee, Limit: 3, Cursor: cursor})
		require.NoError(t, err)
		seen += len(h.Messages)
		if cursor = h.ResponseMetaData.NextCursor; cursor == "" {
			require.False(t, h.HasMore)
			break
		}
	}
	require.Equal(t, 7, seen)
	h, err := o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee, Oldest: stamps[2], Latest: stamps[4]})
	require.NoError(t, err)
	require.Len(t, h.Messages, 1)
	h, err = o.api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: coffee, Oldest: stamps[2], Latest: stamps[4], Inclusive: true})
	require.NoError(t, err)
	require.Len(t, h.Messages, 3)
}

func TestLookups(t *testing.T) {
	t.Parallel()
	o := open(t)
	auth, err := o.api.AuthTest()
	require.NoError(t, err)
	require.Equal(t, []string{"T0COFFEE", "U0BUDDY", "B0BUDDY"}, []string{auth.TeamID, auth.UserID, auth.BotID})
	dee, err := o.api.GetUserInfo("U0DEE")
	require.NoError(t, err)
	require.Equal(t, "America/New_York", dee.TZ)
	require.Equal(t, -5*3600, dee.TZOffset)
	require.Equal(t, "Dee", dee.Profile.DisplayName)
	a, err := o.api.GetUserInfo(ana)
	require.NoError(t, err)
	require.True(t, a.IsAdmin && a.IsOwner)
	users, err := o.api.GetUsers()
	require.NoError(t, err)
	require.Len(t, users, 7) // five people, the bot, Slackbot
	general, err := o.api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C0GENERAL", IncludeNumMembers: true})
	require.NoError(t, err)
	require.False(t, general.IsMember)
	require.Equal(t, 5, general.NumMembers)
	members, _, err := o.api.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: coffee})
	require.NoError(t, err)
	require.Len(t, members, 6)
	channels, _, err := o.api.GetConversations(&slack.GetConversationsParameters{Types: []string{"public_channel"}})
	require.NoError(t, err)
	require.Len(t, channels, 3)
	mine, _, err := o.api.GetConversationsForUser(&slack.GetConversationsForUserParameters{})
	require.NoError(t, err)
	require.Len(t, mine, 2)
	team, err := o.api.GetTeamInfo()
	require.NoError(t, err)
	require.Equal(t, "Office", team.Name)
	ts := o.post(coffee, text("x"))
	link, err := o.api.GetPermalink(&slack.PermalinkParameters{Channel: coffee, Ts: ts})
	require.NoError(t, err)
	require.Equal(t, o.url+"/archives/C0COFFEE/p"+strings.Replace(ts, ".", "", 1), link)
}

// raw calls a method as given and returns Slack's error code.
func (o *office) raw(method, contentType, bearer, body string) (code string, answer map[string]any, resp *http.Response) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.ctx(), http.MethodPost, o.url+"/api/"+method, strings.NewReader(body))
	require.NoError(o.t, err)
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err = http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	defer resp.Body.Close()
	require.NoError(o.t, json.NewDecoder(resp.Body).Decode(&answer))
	code, _ = answer["error"].(string)
	return code, answer, resp
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	_, err := o.people.AddChannel(o.ctx(), slacksim.Channel{ID: "C0SECRET", Name: "secret", IsPrivate: true})
	require.NoError(t, err)
	_, err = o.people.AddChannel(o.ctx(), slacksim.Channel{ID: "C0OLD", Name: "old", IsArchived: true, Members: []string{"U0BUDDY"}})
	require.NoError(t, err)
	theirs, err := o.people.Say(o.ctx(), ana, coffee, "hello")
	require.NoError(t, err)

	const form, js = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	for _, test := range []struct{ name, method, kind, body, want string }{
		{"unknown method", "chat.shout", form, "", "unknown_method"},
		{"no channel", "chat.postMessage", form, "text=x", "invalid_arguments"},
		{"unknown channel", "chat.postMessage", form, "channel=C0NONE&text=x", "channel_not_found"},
		{"channel by name", "chat.postMessage", form, "channel=%23coffee&text=x", ""},
		{"channel in json", "chat.postMessage", js, `{"channel":"C0COFFEE","text":"x"}`, ""},
		{"bot not in channel", "chat.postMessage", form, "channel=C0GENERAL&text=x", "not_in_channel"},
		{"private channel unseen", "chat.postMessage", form, "channel=C0SECRET&text=x", "channel_not_found"},
		{"archived", "chat.postMessage", form, "channel=C0OLD&text=x", "is_archived"},
		{"nothing to say", "chat.postMessage", form, "channel=C0COFFEE", "no_text"},
		{"blank", "chat.postMessage", form, "channel=C0COFFEE&text=%20", "no_text"},
		{"too long", "chat.postMessage", form, "channel=C0COFFEE&text=" + strings.Repeat("x", 40_001), "msg_too_long"},
		{"blocks not json", "chat.postMessage", form, "channel=C0COFFEE&text=x&blocks=%5B", "invalid_blocks_format"},
		{"blocks wrong", "chat.postMessage", form, "channel=C0COFFEE&text=x&blocks=" + url.QueryEscape(`[{"type":"nonsense"}]`), "invalid_blocks"},
		{"metadata not json", "chat.postMessage", form, "channel=C0COFFEE&text=x&metadata=%7B", "invalid_metadata_format"},
		{"metadata without type", "chat.postMessage", form, "channel=C0COFFEE&text=x&metadata=" + url.QueryEscape(`{"event_payload":{}}`), "invalid_metadata_schema"},
		{"update too long", "chat.update", form, "channel=C0COFFEE&ts=1.000000&text=x", "message_not_found"},
		{"update another's", "chat.update", form, "channel=C0COFFEE&text=x&ts=" + theirs, "cant_update_message"},
		{"delete another's", "chat.delete", form, "channel=C0COFFEE&ts=" + theirs, "cant_delete_message"},
		{"ephemeral without user", "chat.postEphemeral", form, "channel=C0COFFEE&text=x", "invalid_arguments"},
		{"permalink of nothing", "chat.getPermalink", form, "channel=C0COFFEE&message_ts=1.000000", "message_not_found"},
		{"json where slack reads forms", "users.info", js, `{"user":"U0ANA"}`, "invalid_arguments"},
		{"user unknown", "users.info", form, "user=U0NONE", "user_not_found"},
		{"open with nobody", "conversations.open", form, "", "users_list_not_supplied"},
		{"open with the bot", "conversations.open", form, "users=U0BUDDY", "cannot_dm_bot"},
		{"history of others", "conversations.history", form, "channel=C0GENERAL", "not_in_channel"},
		{"history bad limit", "conversations.history", form, "channel=C0COFFEE&limit=x", "invalid_limit"},
		{"history bad cursor", "conversations.history", form, "channel=C0COFFEE&cursor=x", "invalid_cursor"},
		{"history bad time", "conversations.history", form, "channel=C0COFFEE&oldest=x", "invalid_ts_oldest"},
		{"thread unknown", "conversations.replies", form, "channel=C0COFFEE&ts=1.000000", "thread_not_found"},
		{"list bad types", "conversations.list", form, "types=square", "invalid_types"},
		{"view without trigger", "views.open", js, `{"view":{"type":"modal","title":{"type":"plain_text","text":"t"},"blocks":[]}}`, "invalid_arguments"},
		{"view with nonsense trigger", "views.open", js, `{"trigger_id":"x","view":{"type":"modal","title":{"type":"plain_text","text":"t"},"blocks":[]}}`, "invalid_trigger_id"},
		{"update of no view", "views.update", js, `{"view_id":"V0","view":{"type":"modal"}}`, "not_found"},
		{"publish to nobody", "views.publish", js, `{"user_id":"U0NONE","view":{"type":"home","blocks":[]}}`, "user_not_found"},
		{"publish a modal", "views.publish", js, `{"user_id":"U0ANA","view":{"type":"modal","title":{"type":"plain_text","text":"t"},"blocks":[]}}`, "invalid_arguments"},
		{"bad json", "chat.postMessage", js, `{`, "invalid_json"},
		{"json array", "chat.postMessage", js, `[]`, "json_not_object"},
		{"bad form", "chat.postMessage", form, "%zz", "invalid_form_data"},
		{"bad type", "chat.postMessage", "image/png", "x", "invalid_post_type"},
		{"api.test", "api.test", form, "error=my_error", "my_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, resp := o.raw(test.method, test.kind, token, test.body)
			require.Equal(t, test.want, code)
			require.Equal(t, http.StatusOK, resp.StatusCode)
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	o := open(t)
	const form = "application/x-www-form-urlencoded"
	code, _, _ := o.raw("auth.test", form, "", "")
	require.Equal(t, "not_authed", code)
	code, _, _ = o.raw("auth.test", form, "xoxb-other", "")
	require.Equal(t, "invalid_auth", code)
	code, _, _ = o.raw("auth.test", form, "", "token="+token)
	require.Empty(t, code)
	code, _, _ = o.raw("auth.test", "application/json", "", `{"token":"`+token+`"}`)
	require.Equal(t, "not_authed", code)
}

func TestScopes(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Scopes = []string{"chat:write", "channels:read"} })
	const form = "application/x-www-form-urlencoded"
	code, answer, resp := o.raw("users.info", form, token, "user=U0ANA")
	require.Equal(t, "missing_scope", code)
	require.Equal(t, "users:read", answer["needed"])
	require.Equal(t, "chat:write,channels:read", answer["provided"])
	require.Equal(t, "chat:write,channels:read", resp.Header.Get("X-OAuth-Scopes"))
	code, answer, _ = o.raw("conversations.history", form, token, "channel="+coffee) // what is needed depends on the channel
	require.Equal(t, "missing_scope", code)
	require.Equal(t, "channels:history", answer["needed"])
	code, _, _ = o.raw("conversations.info", form, token, "channel="+coffee)
	require.Empty(t, code)
	code, answer, _ = o.raw("conversations.info", form, token, "channel=D0ANA")
	require.Equal(t, "missing_scope", code)
	require.Equal(t, "im:read", answer["needed"])

	public := open(t, func(c *slacksim.Config) { c.Scopes = []string{"chat:write", "chat:write.public"} })
	_, _, err := public.api.PostMessage("C0GENERAL", text("not a member"))
	require.NoError(t, err)
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	o := open(t)
	post := func(channel string) error {
		_, _, err := o.api.PostMessage(channel, text("x"))
		return err
	}
	for range 3 { // a short burst
		require.NoError(t, post(coffee))
	}
	var limited *slack.RateLimitedError
	require.ErrorAs(t, post(coffee), &limited)
	require.Equal(t, time.Second, limited.RetryAfter)
	require.NoError(t, post("C0TEA")) // per channel
	o.clock.pass(time.Second)
	require.NoError(t, post(coffee))
	require.Error(t, post(coffee))

	ts := o.messages(coffee, ana)[0].TS
	updates := 0
	for range 60 {
		if _, _, _, err := o.api.UpdateMessage(coffee, ts, text("y")); err != nil {
			require.ErrorAs(t, err, &limited)
			break
		}
		updates++
	}
	require.Equal(t, 50, updates) // tier 3
	require.Equal(t, 2*time.Second, limited.RetryAfter)

	off := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	for range 100 {
		_, _, err := off.api.PostMessage(coffee, text("x"))
		require.NoError(t, err)
	}
	own := open(t, func(c *slacksim.Config) { c.Limits.PerMinute = map[string]int{"users.info": 1} })
	_, err := own.api.GetUserInfo(ana)
	require.NoError(t, err)
	_, err = own.api.GetUserInfo(ana)
	require.ErrorAs(t, err, &limited)
	require.Equal(t, time.Minute, limited.RetryAfter)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	post := func() error {
		_, _, err := o.api.PostMessage(coffee, text("x"))
		return err
	}
	set := func(f slacksim.Fault) { require.NoError(t, o.people.Fault(o.ctx(), f)) }

	set(slacksim.Fault{Method: "chat.postMessage", Kind: "ratelimited", Count: 2, RetryAfter: 7})
	var limited *slack.RateLimitedError
	for range 2 {
		require.ErrorAs(t, post(), &limited)
		require.Equal(t, 7*time.Second, limited.RetryAfter)
	}
	require.NoError(t, post())

	set(slacksim.Fault{Method: "*", Kind: "internal_error"}) // until cleared
	require.EqualError(t, post(), "internal_error")
	require.EqualError(t, post(), "internal_error")
	require.NoError(t, o.people.ClearFaults(o.ctx()))
	require.NoError(t, post())

	set(slacksim.Fault{Method: "chat.postMessage", Kind: "http_500", Count: 1})
	require.ErrorContains(t, post(), "500")

	before := len(o.messages(coffee, ana))
	set(slacksim.Fault{Method: "chat.postMessage", Kind: "timeout", DelayMS: 1, Count: 1})
	require.ErrorIs(t, post(), io.EOF)
	require.Len(t, o.messages(coffee, ana), before)
	set(slacksim.Fault{Method: "chat.postMessage", Kind: "timeout", DelayMS: 1, Count: 1, Applied: true}) // posted, but nobody heard
	require.ErrorIs(t, post(), io.EOF)
	require.Len(t, o.messages(coffee, ana), before+1)

	set(slacksim.Fault{Method: "chat.postMessage", Kind: "slow", DelayMS: 30, Count: 1})
	start := time.Now()
	require.NoError(t, post())
	require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)

	set(slacksim.Fault{Method: "chat.postMessage", Channel: "D0BEN", Kind: "channel_not_found"}) // one conversation only
	require.NoError(t, post())
	_, _, err := o.api.PostMessage("D0BEN", text("x"))
	require.EqualError(t, err, "channel_not_found")
	set(slacksim.Fault{Method: "users.info", Kind: "missing_scope", Count: 1})
	code, answer, _ := o.raw("users.info", "application/x-www-form-urlencoded", token, "user=U0ANA")
	require.Equal(t, []any{"missing_scope", "users:read"}, []any{code, answer["needed"]})
	require.Equal(t, "unknown_method", slacksim.ErrorCode(o.people.Fault(o.ctx(), slacksim.Fault{Method: "chat.shout", Kind: "x"})))
}

func TestHistoryHoldsNoToken(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.post(coffee, text("x"), slack.MsgOptionBlocks(section("y")))
	code, _, _ := o.raw("chat.postMessage", "application/x-www-form-urlencoded", "", "channel=C0NONE&text=x&token="+token)
	require.Equal(t, "channel_not_found", code)
	calls, err := o.people.History(o.ctx(), "chat.postMessage", 0)
	require.NoError(t, err)
	require.Len(t, calls, 2)
	require.True(t, calls[0].OK)
	require.Equal(t, o.messages(coffee, ana)[0].TS, calls[0].TS)
	require.Equal(t, coffee, calls[0].Channel)
	require.JSONEq(t, `"x"`, string(calls[0].Args["text"]))
	require.Contains(t, string(calls[0].Args["blocks"]), `"section"`)
	require.Equal(t, "channel_not_found", calls[1].Error)
	all, err := json.Marshal(calls)
	require.NoError(t, err)
	require.NotContains(t, string(all), token)
	later, err := o.people.History(o.ctx(), "", calls[0].N)
	require.NoError(t, err)
	require.Len(t, later, 1)
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	r := httptest.NewRequest(http.MethodPost, "/api/auth.test", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for range 20_010 {
		o.sim.ServeHTTP(httptest.NewRecorder(), r)
	}
	calls, err := o.people.History(o.ctx(), "", 0)
	require.NoError(t, err)
	require.Len(t, calls, 20_000)
	require.EqualValues(t, 11, calls[0].N)
}

// BenchmarkUpdate is what a card costs: decoded, validated, stored, recorded.
func BenchmarkUpdate(b *testing.B) {
	sim, err := slacksim.New(slacksim.Config{SigningSecret: secret, BotToken: token, Limits: slacksim.Limits{Off: true}})
	require.NoError(b, err)
	defer sim.Close()
	blocks := "[" + sectionText("*Coffee run*") + "," + sectionText(long(400)) + "," +
		actions(numbered(4, `{"type":"button","action_id":"a%d","text":`+pt("Order")+`}`)[1:])[1:]
	blocks = strings.Replace(blocks, "]]}]", "]}]", 1)
	post := func(method, rest string) *httptest.ResponseRecorder {
		form := "channel=C0COFFEE&text=card&blocks=" + url.QueryEscape(blocks) + rest
		r := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		require.Contains(b, w.Body.String(), `"ok":true`)
		return w
	}
	var posted struct{ TS string }
	require.NoError(b, json.Unmarshal(post("chat.postMessage", "").Body.Bytes(), &posted))
	for b.Loop() {
		post("chat.update", "&ts="+posted.TS)
	}
}
