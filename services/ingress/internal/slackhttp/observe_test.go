package slackhttp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func TestCorrelation(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	for name, c := range map[string]struct {
		header fields
		want   string // empty: the trace's id
	}{
		"all three":       {fields{"X-Correlation-ID": "a", "X-Slack-Request-Id": "b", "X-Request-Id": "c"}, "a"},
		"the second":      {fields{"X-Slack-Request-Id": "b", "X-Request-Id": "c"}, "b"},
		"the third":       {fields{"X-Request-Id": "c"}, "c"},
		"none":            {nil, ""},
		"too long":        {fields{"X-Correlation-ID": long, "X-Request-Id": "c"}, "c"},
		"not an id":       {fields{"X-Correlation-ID": "a\tb {} \"", "X-Slack-Request-Id": "b"}, "b"},
		"a uuid":          {fields{"X-Request-Id": runID}, runID},
		"the longest one": {fields{"X-Request-Id": long[1:]}, long[1:]},
	} {
		w := newWorld(t)
		req := w.request("/slack/commands", coffeeForm("in 20m", nil))
		for key, value := range c.header {
			req.Header.Set(key, value)
		}
		require.Equal(t, http.StatusOK, w.do(req).Code)
		if c.want == "" {
			c.want = w.spans.Ended()[0].SpanContext().TraceID().String()
		}
		require.Equal(t, c.want, w.only().GetCorrelationId(), name)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request("/slack/commands", coffeeForm("in 20m", nil))
	req.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	w.do(req)
	w.do(httptest.NewRequest(http.MethodPost, "/slack/interactions", nil))
	spans := w.spans.Ended()
	require.Len(t, spans, 2)
	require.Equal(t, "POST /slack/commands", spans[0].Name())
	require.Equal(t, trace.SpanKindServer, spans[0].SpanKind())
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", spans[0].SpanContext().TraceID().String(), "of whoever called")
	require.Equal(t, "00f067aa0ba902b7", spans[0].Parent().SpanID().String())
	require.Contains(t, spans[0].Attributes(), attribute.Int("http.response.status_code", http.StatusOK))
	require.Contains(t, spans[1].Attributes(), attribute.Int("http.response.status_code", http.StatusUnauthorized))
	require.Equal(t, codes.Unset, spans[1].Status().Code, "that is their mistake")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.coffee("in 20m", nil)
	w.coffee("help", nil)
	w.clicks(click("U0ANA", "close", runID, 0))
	w.post("/slack/events", []byte(`{}`))
	w.panics = "at the disco"
	w.coffee("10:30", nil)
	scraped := httptest.NewRecorder()
	w.Telemetry.MetricsHandler.ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`coffeebuddy_requests_total{result="ok",type="commands"} 2`,
		`coffeebuddy_requests_total{result="error",type="commands"} 1`,
		`coffeebuddy_requests_total{result="ok",type="interactions"} 1`,
		`coffeebuddy_requests_total{result="refused",type="events"} 1`,
		`coffeebuddy_request_latency_seconds_count{type="commands"} 3`,
	} {
		require.Contains(t, scraped.Body.String(), line)
	}
}

// Even a bug of ours is answered with a friendly 200, and its log line quotes nobody.
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"someone typed this", errors.New("someone typed this"), fmt.Sprintf, struct{ Text string }{"someone typed this"}} {
		w := newWorld(t)
		w.panics = value
		said := w.coffee("10:30", nil)
		require.Equal(t, "That did not work, and it is not your fault. Please try again in a moment. ref "+w.ref(), said)
		require.Empty(t, w.commands)
		require.Equal(t, codes.Error, w.spans.Ended()[0].Status().Code)
		require.Equal(t, 1, strings.Count(w.logs.String(), `"level":"ERROR"`))
		require.Contains(t, w.logs.String(), `"stack":`)
		require.NotContains(t, w.logs.String(), "someone typed this")
	}
	w := newWorld(t)
	w.People = nil // a nil pointer is the runtime's own word
	w.coffee("10:30", nil)
	require.Contains(t, w.logs.String(), "nil pointer")
}

// No secret, no token, no response_url and nothing that people typed is in any log line or span.
func TestNothingPrivateIsRecorded(t *testing.T) {
	t.Parallel()
	const typed = "private-words"
	within(t, func(w *world) {
		w.Slack = deaf{w}
		for _, away := range []bool{false, true} {
			w.kafkaAway, w.slackAway, w.storeAway = away, away, away
			w.do(w.request("/slack/commands", coffeeForm("in 20m "+typed, nil)))
			if away { // one of each is enough to wait for
				break
			}
			w.do(w.request("/slack/commands", coffeeForm(typed, nil)))
			w.do(w.request("/slack/commands", coffeeForm("25:00 "+typed, nil)))
			w.interact(order("U0BEN", typed, true))
			w.interact(order("U0BEN", strings.Repeat(typed, 30), true))
			w.interact(click("U0ANA", typed, typed, 0))
			w.interact(click("U0WHO", "close", runID, 1))
			w.interact(click("U0ANA", "start", `{"place":"`+typed+`"}`, 2))
			w.interact(map[string]any{"type": typed, "user": fields{"id": "U0ANA"}})
			w.post("/slack/interactions", []byte("payload="+typed))
			w.post("/slack/events", []byte(`{"type":"event_callback","event":{"text":"`+typed+`"}}`))
			unsigned := w.request("/slack/commands", coffeeForm(typed, nil))
			unsigned.Header.Set("X-Slack-Signature", "v0=00")
			w.do(unsigned)
		}
		require.Contains(t, w.logs.String(), "command not confirmed")
		require.Contains(t, w.logs.String(), `"channel_id":"C0COFFEE"`)
		require.Contains(t, w.logs.String(), `"correlation_id":`)
		recorded := w.logs.String()
		for _, span := range w.spans.Ended() {
			raw, err := json.Marshal([]any{span.Name(), span.Attributes(), span.Events(), span.Status()})
			require.NoError(t, err)
			recorded += string(raw)
		}
		for _, private := range []string{typed, secret, responseURL, "hooks.slack.com", "verification-token", "v0=", `"trigger"`} {
			require.NotContains(t, recorded, private)
		}
	})
}

// The ref that people see finds the log lines.
func TestRefFindsTheLog(t *testing.T) {
	t.Parallel()
	within(t, func(w *world) {
		w.kafkaAway = true
		said := w.clicks(click("U0ANA", "close", runID, 0))
		_, ref, _ := strings.Cut(said, " ref ")
		require.Len(t, ref, 8)
		require.Contains(t, w.logs.String(), `"trace_id":"`+ref)
	})
}
