package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// request is one of Slack's, for what the simulator would not send: the same twice, in the past, forged.
type request struct {
	path, body, contentType string
	at                      time.Time // zero: now
	secret                  string    // empty: the true one
}

// sends sends r and returns what ingress answered.
func (w *world) sends(r request) (status int, answer string) {
	w.t.Helper()
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.secret == "" {
		r.secret = w.SigningSecret
	}
	if r.contentType == "" {
		r.contentType = "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.SlackRequestsURL+r.path, strings.NewReader(r.body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", r.contentType)
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(r.at.Unix(), 10))
	req.Header.Set("X-Slack-Signature", slacksim.Sign(r.secret, r.at, []byte(r.body)))
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(body)
}

// command is a slash command of p.
func command(p person, text string) request {
	return request{path: "/slack/commands", body: url.Values{
		"team_id": {"T0COFFEE"}, "channel_id": {p.Channel}, "channel_name": {"coffee"}, "user_id": {p.ID}, "command": {"/coffee"},
		"text": {text}, "trigger_id": {"1.2.abc"},
	}.Encode()}
}

// click is p's click on a button of a message.
func click(p person, ts, action, value string) request {
	return interaction(map[string]any{
		"type": "block_actions", "team": map[string]any{"id": "T0COFFEE"}, "user": map[string]any{"id": p.ID}, "channel": map[string]any{"id": p.Channel},
		"trigger_id": "1.2.abc", "container": map[string]any{"type": "message", "message_ts": ts, "channel_id": p.Channel},
		"actions": []any{map[string]any{"type": "button", "action_id": action, "value": value, "action_ts": fmt.Sprint(time.Now().UnixMicro())}},
	})
}

func interaction(payload any) request {
	raw, _ := json.Marshal(payload) // maps of strings: cannot fail
	return request{path: "/slack/interactions", body: url.Values{"payload": {string(raw)}}.Encode()}
}

// runID is the id of the run on a card.
func runID(t testing.TB, card slacksim.Message) string {
	t.Helper()
	var blocks []struct {
		Elements []struct{ Value string }
	}
	require.NoError(t, json.Unmarshal(card.Blocks, &blocks))
	for _, block := range blocks {
		for _, element := range block.Elements {
			if len(element.Value) == len("01a20880-cdc8-72ac-933c-a840d7d54cee") {
				return element.Value
			}
		}
	}
	require.Fail(t, "no run on this card")
	return ""
}
