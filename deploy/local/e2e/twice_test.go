package e2e_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// events is how many events runs has published.
func (w *world) events() int {
	n := 0
	for _, p := range w.broker.Cluster.PartitionInfos(topic.RunEvents) {
		n += int(p.HighWatermark)
	}
	return n
}

// sendsTwice sends the very same request at the same instant, and once more.
func (w *world) sendsTwice(r request) {
	w.t.Helper()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if status, answer := w.sends(r); status != http.StatusOK {
				w.t.Errorf("%d %s", status, answer)
			}
		})
	}
	both.Wait()
	w.settled()
	status, _ := w.sends(r)
	require.Equal(w.t, http.StatusOK, status)
	w.settled()
}

func TestAReplayedRequestTakesEffectOnce(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")

	w.sendsTwice(command(ana, "in 20m Lobby"))
	require.Equal(t, 1, w.events(), "one run was started, and nobody hears that there is one already")
	card := ben.reads("Coffee run")
	require.Len(t, w.calls("chat.postMessage"), 1)

	ben.presses("order")
	view, err := ben.Modal(t.Context(), ben.ID)
	require.NoError(t, err)
	w.sendsTwice(interaction(map[string]any{
		"type": "view_submission", "team": map[string]any{"id": "T0COFFEE"}, "user": map[string]any{"id": ben.ID},
		"view": map[string]any{
			"id": view.ID, "callback_id": view.CallbackID, "private_metadata": view.PrivateMetadata,
			"state": map[string]any{"values": map[string]any{"drink": map[string]any{"drink": map[string]any{"type": "plain_text_input", "value": "Earl Grey"}}}},
		},
	}))
	ben.reads("1 order", "1 × Earl Grey (Ben)")
	require.Equal(t, 2, w.events(), "one order was placed")

	w.sendsTwice(click(ana, card.TS, "close", runID(t, card)))
	ben.reads("is today's runner")
	require.Equal(t, 4, w.events(), "it was closed once, and one runner was assigned")
	require.Equal(t, 1, ben.count("is today's runner"))
	require.Zero(t, ana.count("only visible to Ana"), "a repetition is not answered")
	require.Zero(t, w.deadLetters())
}

func TestADoubleClickIsOneClick(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ben.reads("1 order")
	before := w.events()
	ben.presses("usual")
	ben.presses("usual")
	ana.presses("close")
	ana.presses("close")
	ben.reads("is today's runner")
	w.settled()
	require.Equal(t, before+3, w.events(), "the usual, the close, the runner")
	require.Equal(t, 1, ben.count("Ordered your usual"))
	require.Zero(t, ana.count("only visible to Ana"))
}

func TestWhoClosesSecondHearsThatItIsClosed(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ben.types("/coffee")
	card := ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ben.reads("1 order")
	ben.presses("close")
	ben.reads("Ben is today's runner")
	w.settled()
	status, _ := w.sends(click(ana, card.TS, "close", runID(t, card))) // her card still has the button
	require.Equal(t, http.StatusOK, status)
	ana.reads("only visible to Ana", "This run is already closed: Ben runs")
	w.settled()
	require.Equal(t, 1, ben.count("is today's runner"))
}
