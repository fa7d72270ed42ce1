package slacksim_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"
)

const appToken = "xapp-test"

// linked is an office whose app opens connections.
func linked(t *testing.T, change ...func(*slacksim.Config)) *office {
	return open(t, append(change, func(c *slacksim.Config) { c.AppToken = appToken })...)
}

// link opens a connection with Slack's own client; what comes through it that people did is given to take.
func (o *office) link(take func(client *socketmode.Client, request socketmode.Request)) (leave func()) {
	o.t.Helper()
	before := o.linkIDs()
	client := socketmode.New(slack.New(token, slack.OptionAppLevelToken(appToken), slack.OptionAPIURL(o.url+"/api/")))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = client.RunContext(ctx) }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case event := <-client.Events:
				if event.Request != nil && event.Request.EnvelopeID != "" {
					take(client, *event.Request)
				}
			}
		}
	}()
	o.t.Cleanup(cancel)
	require.Eventually(o.t, func() bool { return len(o.linkIDs()) == len(before)+1 }, 10*time.Second, 5*time.Millisecond)
	return cancel
}

func (o *office) linkIDs() (ids []int) {
	all, err := o.people.Links(o.ctx())
	require.NoError(o.t, err)
	for _, l := range all {
		ids = append(ids, l.ID)
	}
	return ids
}

func TestRequestsComeInEnvelopes(t *testing.T) {
	t.Parallel()
	o := linked(t)
	kinds := make(chan string, 10)
	o.link(func(client *socketmode.Client, request socketmode.Request) {
		kinds <- request.Type
		if request.Type == "slash_commands" {
			require.NoError(t, client.Ack(request, map[string]string{"text": "only you"}))
			return
		}
		require.NoError(t, client.Ack(request))
	})
	ack, err := o.people.Command(o.ctx(), ana, coffee, "/coffee 10:30")
	require.NoError(t, err)
	require.Empty(t, ack.Error)
	require.Equal(t, "slash_commands", <-kinds)
	require.Equal(t, "only you", slacksim.PlainText(o.messages(coffee, ana)[0]))
	require.NoError(t, o.people.OpenHome(o.ctx(), ana))
	require.Equal(t, "events_api", <-kinds)
}

func TestAnEnvelopeGoesOnToAnotherConnection(t *testing.T) {
	t.Parallel()
	o := linked(t, func(c *slacksim.Config) { c.AckTimeout = 5 * time.Second })
	taken := make(chan string, 2)
	var first func()
	first = o.link(func(_ *socketmode.Client, request socketmode.Request) { taken <- request.EnvelopeID; first() })
	done := make(chan slacksim.Ack)
	go func() {
		ack, _ := o.people.Command(context.Background(), ana, coffee, "/coffee")
		done <- ack
	}()
	id := <-taken
	o.link(func(client *socketmode.Client, request socketmode.Request) {
		taken <- request.EnvelopeID
		_ = client.Ack(request)
	})
	if ack := <-done; ack.Error == "" { // else nobody was there when the first had gone
		require.Equal(t, id, <-taken, "it is the same one")
	}
}

func TestNobodyAcknowledges(t *testing.T) {
	t.Parallel()
	o := linked(t, func(c *slacksim.Config) { c.AckTimeout = 50 * time.Millisecond })
	ack, err := o.people.Command(o.ctx(), ana, coffee, "/coffee")
	require.NoError(t, err)
	require.Equal(t, "dispatch_failed", ack.Error, "no connection is open")
	o.link(func(*socketmode.Client, socketmode.Request) {})
	ack, err = o.people.Command(o.ctx(), ana, coffee, "/coffee")
	require.NoError(t, err)
	require.Equal(t, "operation_timeout", ack.Error)
}

func TestWhoMayOpenAConnection(t *testing.T) {
	t.Parallel()
	o := linked(t)
	_, _, err := o.api.StartSocketModeContext(o.ctx())
	require.Error(t, err, "it has no app-level token")
	_, _, err = slack.New(token, slack.OptionAppLevelToken(token), slack.OptionAPIURL(o.url+"/api/")).StartSocketModeContext(o.ctx())
	require.EqualError(t, err, "not_allowed_token_type")

	client := slack.New(token, slack.OptionAppLevelToken(appToken), slack.OptionAPIURL(o.url+"/api/"))
	_, address, err := client.StartSocketModeContext(o.ctx())
	require.NoError(t, err)
	conn, _, err := websocket.Dial(o.ctx(), address, nil)
	require.NoError(t, err)
	_, answer, err := websocket.Dial(o.ctx(), address, nil)
	require.Error(t, err, "a ticket is good for one connection")
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)

	require.Eventually(t, func() bool { return len(o.linkIDs()) == 1 }, 10*time.Second, 5*time.Millisecond)
	id := o.linkIDs()[0]
	require.NoError(t, o.people.Disconnect(o.ctx(), id, "warning"))
	for _, want := range []string{"hello", `"reason":"warning"`} {
		_, raw, err := conn.Read(o.ctx())
		require.NoError(t, err)
		require.Contains(t, string(raw), want)
	}
	closed := make(chan error, 1)
	go func() { _, _, err := conn.Read(context.Background()); closed <- err }()
	require.NoError(t, o.people.Disconnect(o.ctx(), id, ""))
	require.Error(t, <-closed)
	require.Empty(t, o.linkIDs())
	require.Error(t, o.people.Disconnect(o.ctx(), id, ""))
}
