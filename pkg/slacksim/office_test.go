package slacksim_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

const (
	secret = "8f742231b10e8888abcd99yyyzzz85a5"
	token  = "xoxb-test"
	coffee = "C0COFFEE"
	ana    = "U0ANA"
	ben    = "U0BEN"
)

// office is a workspace with an app in it, both on real sockets.
type office struct {
	t      *testing.T
	sim    *slacksim.Sim
	url    string
	people *slacksim.Client
	api    *slack.Client // the real client, as a bot uses it
	app    *app
	clock  *clock
}

// clock is a time that only moves when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// app records what Slack sends and answers as told.
type app struct {
	mu       sync.Mutex
	requests []request
	answer   func(w http.ResponseWriter, r request)
}

type request struct {
	path   string
	header http.Header
	body   []byte
	form   url.Values
}

func (r request) payload(t *testing.T) slack.InteractionCallback {
	var p slack.InteractionCallback
	require.NoError(t, json.Unmarshal([]byte(r.form.Get("payload")), &p))
	return p
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	req := request{path: r.URL.Path, header: r.Header, body: body, form: form}
	a.mu.Lock()
	a.requests = append(a.requests, req)
	answer := a.answer
	a.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

func (a *app) answers(fn func(w http.ResponseWriter, r request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = fn
}

func (a *app) got(path string) []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []request
	for _, r := range a.requests {
		if r.path == path {
			out = append(out, r)
		}
	}
	return out
}

// last waits for the n-th request to path and returns it.
func (a *app) nth(t *testing.T, path string, n int) request {
	t.Helper()
	require.Eventually(t, func() bool { return len(a.got(path)) >= n }, 5*time.Second, 5*time.Millisecond, "request %d to %s", n, path)
	return a.got(path)[n-1]
}

func open(t *testing.T, change ...func(*slacksim.Config)) *office {
	t.Helper()
	o := &office{t: t, app: &app{}, clock: &clock{at: time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)}}
	appServer := httptest.NewServer(o.app)
	cfg := slacksim.Config{SigningSecret: secret, BotToken: token, AppURL: appServer.URL, Now: o.clock.now}
	for _, fn := range change {
		fn(&cfg)
	}
	sim, err := slacksim.New(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	o.sim, o.url = sim, server.URL
	o.people = slacksim.NewClient(server.URL)
	o.api = slack.New(token, slack.OptionAPIURL(server.URL+"/api/"))
	t.Cleanup(func() {
		require.NoError(t, sim.Close())
		server.Close()
		appServer.Close()
	})
	return o
}

func (o *office) ctx() context.Context { return o.t.Context() }

// post is a bot message that is not subject to a burst's limit.
func (o *office) post(channel string, options ...slack.MsgOption) string {
	o.t.Helper()
	o.clock.pass(2 * time.Second)
	_, ts, err := o.api.PostMessageContext(o.ctx(), channel, options...)
	require.NoError(o.t, err)
	return ts
}

func (o *office) command(text string) request {
	o.t.Helper()
	n := len(o.app.got("/slack/commands"))
	ack, err := o.people.Command(o.ctx(), ana, coffee, text)
	require.NoError(o.t, err)
	require.Empty(o.t, ack.Error)
	return o.app.nth(o.t, "/slack/commands", n+1)
}

func (o *office) messages(channel, user string) []slacksim.Message {
	o.t.Helper()
	all, err := o.people.Messages(o.ctx(), channel, user)
	require.NoError(o.t, err)
	return all
}

func button(id, value string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, slack.NewTextBlockObject("plain_text", "Order", false, false))
}

func section(text string) *slack.SectionBlock {
	return slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil, nil)
}

func orderModal(blockID, initial string) slack.ModalViewRequest {
	input := slack.NewPlainTextInputBlockElement(slack.NewTextBlockObject("plain_text", "Flat white", false, false), "drink")
	input.MaxLength, input.InitialValue = 280, initial
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: "order", PrivateMetadata: "run-1", NotifyOnClose: true,
		Title:  slack.NewTextBlockObject("plain_text", "Your order", false, false),
		Submit: slack.NewTextBlockObject("plain_text", "Save", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock(blockID, slack.NewTextBlockObject("plain_text", "Drink", false, false), nil, input),
		}},
	}
}
