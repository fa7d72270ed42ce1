package slacksim_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

// hints opens a stream and returns its hints as they come.
func (o *office) hints(user string) <-chan slacksim.Hint {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.ctx(), http.MethodGet, o.url+"/sim/stream?user="+user, nil)
	require.NoError(o.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	require.Equal(o.t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	require.True(o.t, lines.Scan()) // ": ping": subscribed from here on
	require.Equal(o.t, ": ping", lines.Text())
	out := make(chan slacksim.Hint, 1000)
	go func() {
		defer resp.Body.Close()
		defer close(out)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var h slacksim.Hint
				_ = json.Unmarshal([]byte(data), &h)
				out <- h
			}
		}
	}()
	return out
}

func next(t *testing.T, hints <-chan slacksim.Hint) slacksim.Hint {
	t.Helper()
	select {
	case h := <-hints:
		return h
	case <-time.After(5 * time.Second):
		t.Fatal("no hint came")
		return slacksim.Hint{}
	}
}

func TestStreamTellsOnlyWhatOneMaySee(t *testing.T) {
	t.Parallel()
	o := open(t)
	anas, bens := o.hints(ana), o.hints(ben)

	_, err := o.api.PostEphemeral(coffee, ana, text("only Ana"))
	require.NoError(t, err)
	_, _, err = o.api.PostMessage(ana, text("DM to Ana"))
	require.NoError(t, err)
	ts := o.post(coffee, text("for all"))
	_, _, _, err = o.api.UpdateMessage(coffee, ts, text("changed"))
	require.NoError(t, err)
	_, _, err = o.api.DeleteMessage(coffee, ts)
	require.NoError(t, err)
	modal := o.openModal(orderModal("drink", "Tea"))

	require.Equal(t, coffee, next(t, anas).Channel)
	require.Equal(t, "D0ANA", next(t, anas).Channel)
	for _, kind := range []string{"message", "message_changed", "message_deleted"} {
		want := slacksim.Hint{Kind: kind, Channel: coffee, TS: ts}
		require.Equal(t, want, next(t, anas))
		require.Equal(t, want, next(t, bens)) // and nothing before
	}
	require.Equal(t, slacksim.Hint{Kind: "view", ViewID: modal.ID}, next(t, anas))
	_, err = o.people.SetUser(o.ctx(), slacksim.User{DisplayName: "Fay"})
	require.NoError(t, err)
	require.Equal(t, "workspace", next(t, bens).Kind)
}

func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	o := open(t)
	hints := o.hints(ana)
	require.NoError(t, o.sim.Close())
	for range hints {
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "slack.json")
	keep := func(c *slacksim.Config) { c.StatePath = path }
	o := open(t, keep)
	ts := o.post(coffee, text("card"), slack.MsgOptionBlocks(section("card"), slack.NewActionBlock("b", button("order", "1"))),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "delivery", EventPayload: map[string]any{"id": "d-1"}}))
	modal := o.openModal(orderModal("drink", "Tea"))
	fay, err := o.people.SetUser(o.ctx(), slacksim.User{DisplayName: "Fay", TZ: "Europe/Paris"})
	require.NoError(t, err)
	require.NoError(t, o.sim.Close())

	again := open(t, keep)
	require.Equal(t, ts, again.messages(coffee, fay.ID)[0].TS)
	_, _, _, err = again.api.UpdateMessage(coffee, ts, text("still here"))
	require.NoError(t, err)
	require.JSONEq(t, `{"event_type":"delivery","event_payload":{"id":"d-1"}}`, string(again.messages(coffee, ana)[0].Metadata))
	require.Greater(t, again.post(coffee, text("later")), ts)
	open, err := again.people.Modal(again.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, modal.ID, open.ID)
	require.NoError(t, again.sim.Close())
	require.NoError(t, again.sim.Close()) // twice is fine

	_, err = slacksim.New(slacksim.Config{SigningSecret: secret, BotToken: token, StatePath: filepath.Join(t.TempDir(), "no", "dir")})
	require.Error(t, err)
	require.NoError(t, writeFile(path, "{"))
	_, err = slacksim.New(slacksim.Config{SigningSecret: secret, BotToken: token, StatePath: path})
	require.ErrorContains(t, err, path)
	_, err = slacksim.New(slacksim.Config{})
	require.Error(t, err)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true; c.Now = time.Now })
	hints := o.hints(ana)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				_, ts, err := o.api.PostMessage(coffee, text("x"))
				if err == nil {
					_, _, _, err = o.api.UpdateMessage(coffee, ts, text("y"))
				}
				if err == nil {
					_, err = o.people.Command(o.ctx(), ana, coffee, "/coffee")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	messages := o.messages(coffee, ana)
	require.Len(t, messages, 200)
	for i, m := range messages {
		require.Equal(t, "y", m.Text)
		require.True(t, i == 0 || m.TS > messages[i-1].TS)
	}
	require.Len(t, o.app.got("/slack/commands"), 200)
	require.NotEmpty(t, hints)
}

func TestConversationsAreBounded(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) { c.Limits.Off = true })
	last := ""
	for range 1010 {
		_, last, _ = o.api.PostMessage(coffee, text("x"))
	}
	messages := o.messages(coffee, ana)
	require.Len(t, messages, 1000)
	require.Equal(t, last, messages[999].TS)
}

func TestAwait(t *testing.T) {
	t.Parallel()
	o := open(t)
	go func() {
		_, _, _ = o.api.PostMessage(coffee, text("here"))
	}()
	m, err := o.people.Await(o.ctx(), coffee, ana, func(m slacksim.Message) bool { return m.Text == "here" })
	require.NoError(t, err)
	require.Equal(t, coffee, m.Channel)
	ctx, cancel := context.WithTimeout(o.ctx(), 30*time.Millisecond)
	defer cancel()
	_, err = o.people.Await(ctx, coffee, ana, func(slacksim.Message) bool { return false })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
