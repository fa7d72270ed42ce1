package slackhttp_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slackhttp"
)

const next = "the-secret-that-comes-next"

func TestSignature(t *testing.T) {
	t.Parallel()
	body := coffeeForm("10:30", nil)
	for name, c := range map[string]struct {
		sign func(w *world, header http.Header)
		want int
	}{
		"signed":             {func(*world, http.Header) {}, http.StatusOK},
		"by the next secret": {func(w *world, h http.Header) { h.Set("X-Slack-Signature", slacksim.Sign(next, w.now, body)) }, http.StatusOK},
		"by another": {func(w *world, h http.Header) {
			h.Set("X-Slack-Signature", slacksim.Sign("not ours", w.now, body))
		}, http.StatusUnauthorized},
		"by nobody": {func(w *world, h http.Header) {
			h.Set("X-Slack-Signature", slacksim.Sign("", w.now, body))
		}, http.StatusUnauthorized},
		"another body": {func(w *world, h http.Header) {
			h.Set("X-Slack-Signature", slacksim.Sign(secret, w.now, append(body, 'x')))
		}, http.StatusUnauthorized},
		"another time": {func(w *world, h http.Header) {
			h.Set("X-Slack-Request-Timestamp", strconv.FormatInt(w.now.Unix()+1, 10))
		}, http.StatusUnauthorized},
		"no signature":     {func(_ *world, h http.Header) { h.Del("X-Slack-Signature") }, http.StatusUnauthorized},
		"no time":          {func(_ *world, h http.Header) { h.Del("X-Slack-Request-Timestamp") }, http.StatusUnauthorized},
		"time is no time":  {func(_ *world, h http.Header) { h.Set("X-Slack-Request-Timestamp", "now") }, http.StatusUnauthorized},
		"time is huge":     {func(_ *world, h http.Header) { h.Set("X-Slack-Request-Timestamp", "9223372036854775807") }, http.StatusUnauthorized},
		"time is tiny":     {func(_ *world, h http.Header) { h.Set("X-Slack-Request-Timestamp", "-9223372036854775808") }, http.StatusUnauthorized},
		"another version":  {func(_ *world, h http.Header) { h.Set("X-Slack-Signature", "v1"+h.Get("X-Slack-Signature")[2:]) }, http.StatusUnauthorized},
		"no version":       {func(_ *world, h http.Header) { h.Set("X-Slack-Signature", h.Get("X-Slack-Signature")[3:]) }, http.StatusUnauthorized},
		"not hexadecimal":  {func(_ *world, h http.Header) { h.Set("X-Slack-Signature", "v0=zz") }, http.StatusUnauthorized},
		"the beginning":    {func(_ *world, h http.Header) { h.Set("X-Slack-Signature", h.Get("X-Slack-Signature")[:35]) }, http.StatusUnauthorized},
		"signature empty":  {func(_ *world, h http.Header) { h.Set("X-Slack-Signature", "v0=") }, http.StatusUnauthorized},
		"five minutes old": {func(w *world, _ http.Header) { w.now = w.now.Add(5 * time.Minute) }, http.StatusOK},
		"older":            {func(w *world, _ http.Header) { w.now = w.now.Add(5*time.Minute + time.Second) }, http.StatusUnauthorized},
		"from the future":  {func(w *world, _ http.Header) { w.now = w.now.Add(-5*time.Minute - time.Second) }, http.StatusUnauthorized},
	} {
		w := newWorld(t)
		w.Secrets = []string{secret, next, ""}
		req := w.request("/slack/commands", body)
		c.sign(w, req.Header)
		answer := w.do(req)
		require.Equal(t, c.want, answer.Code, name)
		if c.want == http.StatusOK {
			require.Len(t, w.commands, 1, name)
			continue
		}
		require.Empty(t, w.commands, name)
		require.JSONEq(t, `{"error":"Unauthorized","ref":"`+w.ref()+`"}`, answer.Body.String(), name)
	}
}

// ref is what the only request so far tells people to quote.
func (w *world) ref() string {
	w.t.Helper()
	spans := w.spans.Ended()
	require.Len(w.t, spans, 1)
	return spans[0].SpanContext().TraceID().String()[:8]
}

// Whatever the body says of its own length, over a real connection.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	send := func(size int, announced bool) int {
		body := coffeeForm("", fields{"padding": "x"})
		body = append(body, bytes.Repeat([]byte("x"), size-len(body))...)
		req, err := http.NewRequest(http.MethodPost, server.URL+"/slack/commands", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header = w.request("/", body).Header
		if !announced {
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
		}
		answer, err := server.Client().Do(req)
		require.NoError(t, err)
		defer answer.Body.Close()
		return answer.StatusCode
	}
	for _, announced := range []bool{true, false} {
		require.Equal(t, http.StatusOK, send(slackhttp.MaxBody, announced))
		require.Equal(t, http.StatusRequestEntityTooLarge, send(slackhttp.MaxBody+1, announced))
		require.Equal(t, http.StatusRequestEntityTooLarge, send(1<<20, announced))
	}
	require.Len(t, w.commands, 2)
}

// A body that breaks off is no request.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request("/slack/commands", coffeeForm("", nil))
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader("team_id=T0"), brokenOff{}))
	require.Equal(t, http.StatusBadRequest, w.do(req).Code)
	require.Empty(t, w.commands)
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
