package slackhttp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slackhttp"
)

// Nobody gets in but by a signature over this body at this time, whatever the headers look like.
func FuzzSignature(f *testing.F) {
	w := newWorld(f)
	body := coffeeForm("help", nil)
	good, stamp := slacksim.Sign(secret, w.now, body), strconv.FormatInt(w.now.Unix(), 10)
	for _, seed := range [][2]string{
		{good, stamp},
		{strings.ToUpper(good), stamp},
		{good[3:], stamp},
		{good + "00", stamp},
		{good, " " + stamp},
		{good, "+" + stamp},
		{"", ""},
		{"v0=", "0"},
		{"v0=zz", "9223372036854775808"},
		{good, "-1"},
		{good, "1e9"},
		{"v0=" + good, stamp},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, signature, timestamp string) {
		req := w.request("/slack/commands", body)
		req.Header["X-Slack-Signature"] = []string{signature}
		req.Header["X-Slack-Request-Timestamp"] = []string{timestamp}
		answer := w.do(req)
		if timestamp == stamp && strings.HasPrefix(signature, "v0=") && strings.EqualFold(signature, good) {
			require.Equal(t, http.StatusOK, answer.Code)
			return
		}
		require.Equal(t, http.StatusUnauthorized, answer.Code, "%q %q", signature, timestamp)
	})
}

// Any body is answered with a 200 or a 4xx, and a command that gets through is complete.
func FuzzForm(f *testing.F) {
	for _, seed := range [][]byte{
		coffeeForm("", nil), coffeeForm("10:30 Lobby &amp; bar", nil), coffeeForm("help", nil), []byte("a=%"), []byte("a;b"), []byte("text=\xff"),
		[]byte("user_id=U0ANA&channel_id=C0COFFEE&trigger_id=1&text=in+20m+%00%E2%80%AE"), []byte("user_id=U&user_id=V&channel_id=D&trigger_id=1"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorld(t)
		answer := w.post("/slack/commands", body)
		sane(t, w, answer.Code, len(body))
		if answer.Code != http.StatusOK {
			return
		}
		w.read(answer)
		for _, cmd := range w.commands {
			place := cmd.GetStartRun().GetPlace()
			require.LessOrEqual(t, utf8.RuneCountInString(place), 80)
			require.Equal(t, strings.TrimSpace(place), place)
			require.NotContains(t, place, "\x00")
		}
	})
}

func FuzzPayload(f *testing.F) {
	add := func(payload any) {
		raw, err := json.Marshal(payload)
		require.NoError(f, err)
		f.Add(string(raw))
	}
	for _, verb := range []string{"order", "usual", "withdraw", "close", "cancel", "start", "more", "?"} {
		add(click("U0ANA", verb, runID, 0))
	}
	add(click("U0BEN", "start", `{"at":1795424700,"place":"Lobby"}`, 0))
	add(click("U0BEN", "start", `{"at":-9223372036854775808}`, 0))
	add(order("U0BEN", "Flat white", true))
	add(order("U0BEN", "\u0000\u202e", false))
	f.Add(`{"type":"block_actions","user":{"id":"U"},"channel":{"id":"C"},"actions":[{"action_id":"more","action_ts":"NaN","selected_option":{"value":"cancel:` + runID + `"}}]}`)
	f.Add(`{"type":"view_submission","user":{"id":"U"},"view":{"id":"V","state":{"values":{"drink":{"drink":null}}}}}`)
	f.Add(`{"type":"view_submission","user":{"id":"U"},"view":null}`)
	f.Add(strings.Repeat(`{"user":`, 500))
	f.Add(`{"type":"\ud800"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		w := newWorld(t)
		w.Slack = anywhere{w}
		body := []byte(url.Values{"payload": {payload}}.Encode())
		answer := w.post("/slack/interactions", body)
		sane(t, w, answer.Code, len(body))
		if answer.Body.Len() > 0 {
			require.True(t, json.Valid(answer.Body.Bytes()))
		}
		for _, m := range w.said {
			blocks, err := json.Marshal(m.Blocks)
			require.NoError(t, err)
			require.NoError(t, slacksim.ValidateMessage(m.Text, blocks))
		}
		for _, view := range w.views {
			raw, err := json.Marshal(view)
			require.NoError(t, err)
			require.NoError(t, slacksim.ValidateView(raw))
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type":"url_verification","challenge":"x"}`))
	f.Add([]byte(`{"type":"event_callback","event":{}}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorld(t)
		sane(t, w, w.post("/slack/events", body).Code, len(body))
		require.Empty(t, w.commands)
	})
}

// sane checks what holds for every answer, and for every command whatever led to it.
func sane(t *testing.T, w *world, status, size int) {
	t.Helper()
	switch {
	case size > slackhttp.MaxBody:
		require.Equal(t, http.StatusRequestEntityTooLarge, status)
	case status != http.StatusOK:
		require.Equal(t, http.StatusBadRequest, status)
	}
	require.NotContains(t, w.logs.String(), `"level":"ERROR"`)
	if status != http.StatusOK {
		require.Empty(t, w.commands)
	}
	require.LessOrEqual(t, len(w.commands), 1)
	for _, cmd := range w.commands {
		require.NotEmpty(t, cmd.GetId())
		require.NotEmpty(t, cmd.GetChannelId())
		require.NotEmpty(t, cmd.GetActor().GetUserId())
		require.NotNil(t, cmd.GetWhat())
		require.True(t, utf8.ValidString(cmd.String()))
	}
}
