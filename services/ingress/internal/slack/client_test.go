package slack_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	slackgo "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

const token = "xoxb-secret"

func client(t *testing.T, handler http.HandlerFunc) (*slack.Client, *testkit.SpanRecorder, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	tel, spans := testkit.Telemetry(t)
	c, err := slack.New(slack.Config{Token: token, APIURL: server.URL + "/api"}, tel)
	require.NoError(t, err)
	return c, spans, server
}

func says(status int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

var mark = slack.Mark{Delivery: uuid.MustParse("0192f0c1-2345-7abc-8def-0123456789ab")}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		class   slack.Class
		code    string
	}{
		"limited":          {says(429, "Retry-After: 7", ""), slack.Limited, "ratelimited"},
		"limited, no time": {says(429, "", ""), slack.Limited, "ratelimited"},
		"limited, 200":     {says(200, "", `{"ok":false,"error":"ratelimited"}`), slack.Limited, "ratelimited"},
		"refused":          {says(200, "", `{"ok":false,"error":"not_in_channel"}`), slack.Permanent, "not_in_channel"},
		"unknown error":    {says(200, "", `{"ok":false,"error":"something_new"}`), slack.Permanent, "something_new"},
		"token refused":    {says(200, "", `{"ok":false,"error":"token_revoked"}`), slack.Unauthorized, "token_revoked"},
		"slack broke":      {says(200, "", `{"ok":false,"error":"internal_error"}`), slack.Ambiguous, "internal_error"},
		"HTTP 503":         {says(503, "", "<html>"), slack.Ambiguous, "http_503"},
		"HTTP 404":         {says(404, "", "<html>"), slack.Transient, "http_404"},
		"not JSON":         {says(200, "", "<html>"), slack.Ambiguous, "no_answer"},
		"no timestamp":     {says(200, "", `{"ok":true}`), slack.Ambiguous, "no_answer"},
		"cut off":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, slack.Ambiguous, "no_answer"},
		"redirect":         {says(302, "Location: http://example.com/", ""), slack.Transient, "http_302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, spans, _ := client(t, c.handler)
			_, err := api.Post(t.Context(), "C1", "", message.Message{Text: "private"}, mark)
			require.Error(t, err)
			require.Equal(t, c.class, slack.ClassOf(err), "%v", err)
			require.Equal(t, c.code, slack.CodeOf(err))
			require.NotContains(t, err.Error(), token)
			require.NotContains(t, err.Error(), "private")
			require.Len(t, spans.Named("slack chat.postMessage"), 1)
			require.NotContains(t, fmt.Sprint(spans.Ended()[0].Attributes(), spans.Ended()[0].Status()), "private")
			if c.class == slack.Limited {
				require.Positive(t, slack.AsError(err).RetryAfter)
			}
		})
	}
}

func TestACallThatNeverReachedSlackWasNotMade(t *testing.T) {
	t.Parallel()
	api, _, server := client(t, says(200, "", ""))
	server.Close()
	_, err := api.Post(t.Context(), "C1", "", message.Message{Text: "hi"}, mark)
	require.Equal(t, slack.Transient, slack.ClassOf(err))
	require.Equal(t, "network", slack.CodeOf(err))
}

func TestACallThatTakesTooLongMayHaveBeenMade(t *testing.T) {
	t.Parallel()
	api, _, _ := client(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := api.Post(ctx, "C1", "", message.Message{Text: "hi"}, mark)
	require.Equal(t, slack.Ambiguous, slack.ClassOf(err))
}

func TestFindTurnsThePages(t *testing.T) {
	t.Parallel()
	api, _, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("include_all_metadata") == "1" && r.FormValue("cursor") == "" {
			_, _ = io.WriteString(w, `{"ok":true,"messages":[{"ts":"2.0"},{"ts":"1.5","metadata":{"event_type":"coffeebuddy_delivery","event_payload":{"id":"other","part":0}}}],"response_metadata":{"next_cursor":"x"}}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"ok":true,"messages":[{"ts":"1.0","metadata":{"event_type":"coffeebuddy_delivery","event_payload":{"id":%q,"part":0}}}]}`, mark.Delivery)
	})
	ts, err := api.Find(t.Context(), "C1", time.Now(), mark)
	require.NoError(t, err)
	require.Equal(t, "1.0", ts)
	ts, err = api.Find(t.Context(), "C1", time.Now(), slack.Mark{Delivery: mark.Delivery, Part: 1})
	require.NoError(t, err)
	require.Empty(t, ts)
}

func TestWorkspaceIsAskedForUntilItIsKnownAndThenNeverAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	api, _, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true,"team_id":"T1","user_id":"U1"}`)
	})
	require.Error(t, api.Check(t.Context()))
	_, err := api.Workspace(t.Context())
	require.Error(t, err, "whoever asks decides whether to wait")
	for range 3 {
		id, err := api.Workspace(t.Context())
		require.NoError(t, err)
		require.Equal(t, "T1", id)
	}
	bot, err := api.BotUser(t.Context())
	require.NoError(t, err)
	require.Equal(t, "U1", bot)
	require.NoError(t, api.Check(t.Context()))
	require.EqualValues(t, 3, calls.Load())
}

func TestARefusedTokenShowsInTheReadiness(t *testing.T) {
	t.Parallel()
	var revoked atomic.Bool
	api, _, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if revoked.Load() {
			_, _ = io.WriteString(w, `{"ok":false,"error":"token_revoked"}`)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true,"team_id":"T1","user_id":"U1","ts":"1.0"}`)
	})
	require.NoError(t, api.Check(t.Context()))
	revoked.Store(true)
	require.NoError(t, api.Check(t.Context()), "nothing has called Slack since")
	_, err := api.Post(t.Context(), "C1", "", message.Message{Text: "hi"}, mark)
	require.Equal(t, slack.Unauthorized, slack.ClassOf(err))
	require.Error(t, api.Check(t.Context()))
	revoked.Store(false)
	require.NoError(t, api.Check(t.Context()))
}

func TestMembershipIsRememberedAsLongAsItIsAYes(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	answer := `{"ok":false,"error":"channel_not_found"}`
	api, _, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, answer)
	})
	in, err := api.InChannel(t.Context(), "C1")
	require.NoError(t, err)
	require.False(t, in, "a private channel we are not in")
	answer = `{"ok":true,"channel":{"id":"C1","is_member":true}}`
	for range 3 {
		in, err = api.InChannel(t.Context(), "C1")
		require.NoError(t, err)
		require.True(t, in)
	}
	require.EqualValues(t, 2, calls.Load())
	answer = `{"ok":false,"error":"not_in_channel"}`
	_, err = api.Post(t.Context(), "C1", "", message.Message{Text: "hi"}, mark)
	require.Error(t, err)
	answer = `{"ok":true,"channel":{"id":"C1","is_member":false}}`
	in, err = api.InChannel(t.Context(), "C1")
	require.NoError(t, err)
	require.False(t, in)
	answer = `{"ok":false,"error":"missing_scope"}`
	_, err = api.InChannel(t.Context(), "C1")
	require.Error(t, err)
}

func TestPersonHasTheBestNameThereIs(t *testing.T) {
	t.Parallel()
	for body, name := range map[string]string{
		`"name":"ana","real_name":"Ana Real","profile":{"display_name":"Ana"}`: "Ana",
		`"name":"ana","real_name":"Ana Real","profile":{}`:                     "Ana Real",
		`"name":"ana","profile":{}`:                                            "ana",
		`"profile":{}`:                                                         "someone",
	} {
		api, _, _ := client(t, says(200, "", `{"ok":true,"user":{"id":"U1","tz":"Europe/Berlin","is_owner":true,`+body+`}}`))
		p, err := api.Person(t.Context(), "U1")
		require.NoError(t, err)
		require.Equal(t, name, p.Name)
		require.Equal(t, "Europe/Berlin", p.Zone.String())
		require.True(t, p.WorkspaceAdmin)
	}
	api, _, _ := client(t, says(200, "", `{"ok":true,"user":{"id":"U1","tz":"Mars/Olympus","name":"x"}}`))
	p, err := api.Person(t.Context(), "U1")
	require.NoError(t, err)
	require.Nil(t, p.Zone)
}

func TestRespondGoesToSlackAlone(t *testing.T) {
	t.Parallel()
	var got string
	api, _, server := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Header.Get("Authorization") + string(body)
	})
	require.NoError(t, api.Respond(t.Context(), server.URL+"/hooks/1", message.Message{Text: "hi"}))
	require.Contains(t, got, `"response_type":"ephemeral"`)
	require.NotContains(t, got, token)
	for _, url := range []string{
		"https://hooks.slack.com/commands/1", // not while a simulator is configured
		"http://example.com/hooks/1", "file:///etc/passwd", "", "::",
		strings.Replace(server.URL, "http://", "http://user@", 1) + "/hooks/1",
	} {
		require.Error(t, api.Respond(t.Context(), url, message.Message{Text: "hi"}), url)
	}

	tel, _ := testkit.Telemetry(t)
	real, err := slack.New(slack.Config{Token: token}, tel)
	require.NoError(t, err)
	for _, url := range []string{
		server.URL + "/hooks/1", "http://hooks.slack.com/x", "https://hooks.slack.com:8443/x", "https://hooks.slack.com.example.com/x",
		"https://evil@hooks.slack.com/x", "https://example.com/hooks.slack.com",
	} {
		require.Error(t, real.Respond(t.Context(), url, message.Message{Text: "hi"}), url)
	}
}

func TestOpenViewAndDirect(t *testing.T) {
	t.Parallel()
	calls := map[string]int{}
	api, _, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		calls[r.URL.Path]++
		if strings.HasPrefix(r.URL.Path, "/api/chat.") {
			_, _ = io.WriteString(w, `{"ok":true,"channel":"D1","ts":"1.0","message_ts":"1.0"}`)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true,"channel":{"id":"D1"},"view":{"id":"V1"}}`)
	})
	require.NoError(t, api.OpenView(t.Context(), "trigger", slackgo.ModalViewRequest{Type: slackgo.VTModal}))
	for range 2 {
		id, err := api.OpenDirect(t.Context(), "U1")
		require.NoError(t, err)
		require.Equal(t, "D1", id)
	}
	require.Equal(t, 1, calls["/api/conversations.open"])
	require.NoError(t, api.Update(t.Context(), "C1", "1.0", message.Message{Text: "hi"}, mark))
	require.NoError(t, api.PostEphemeral(t.Context(), "C1", "U1", message.Message{Text: "hi"}))
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.Empty(t, slack.Config{APIURL: "https://slack.com/api/"}.Validate())
	require.Len(t, slack.Config{APIURL: "slack.com"}.Validate(), 1)
}
