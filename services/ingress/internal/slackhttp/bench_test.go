package slackhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// discard is a broker that is always there and keeps nothing.
type discard struct{}

func (discard) Publish(context.Context, ...bus.Message) error { return nil }

// BenchmarkClick acknowledges signed clicks on "My usual" below a card with a dozen orders, which Slack sends along.
func BenchmarkClick(b *testing.B) {
	w := newWorld(b)
	tel, err := telemetry.New("ingress", "bench", telemetry.Config{}, io.Discard)
	require.NoError(b, err)
	w.Telemetry, w.Publisher = tel, discard{}
	w.handler, err = w.Handler()
	require.NoError(b, err)

	var orders []*runv1.Order
	for i := range 12 {
		orders = append(orders, &runv1.Order{UserId: fmt.Sprintf("U0%d", i), Drink: fmt.Sprintf("Flat white number %d", i), Quantity: 1})
	}
	card := message.Card(openRun(orders...), func(id string) string { return "Ana " + id }, "4bf92f35")
	blocks, err := json.Marshal(card.Blocks)
	require.NoError(b, err)
	var requests []*http.Request
	var bodies [][]byte
	for i := range 512 {
		body := interactionForm(b, with(click("U0BEN", "usual", runID, float64(3*i)), map[string]any{
			"api_app_id": "A0APP", "enterprise": nil, "is_enterprise_install": false, "state": map[string]any{"values": map[string]any{}},
			"message": map[string]any{
				"user": "U0BOT", "type": "message", "ts": "1795424700.000100", "bot_id": "B0BOT", "app_id": "A0APP", "team": "T0TEAM",
				"text": card.Text, "blocks": json.RawMessage(blocks),
			},
		}))
		bodies, requests = append(bodies, body), append(requests, w.request("/slack/interactions", body))
	}
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		req := *requests[i%len(requests)]
		req.Body = io.NopCloser(bytes.NewReader(bodies[i%len(bodies)]))
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, &req)
		if answer.Code != http.StatusOK || w.said != nil {
			b.Fatal(answer.Code, w.said)
		}
	}
}
