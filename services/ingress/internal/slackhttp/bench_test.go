package slackhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slackhttp"
)

type nothing struct{}

func (nothing) Publish(context.Context, ...bus.Message) error               { return nil }
func (nothing) Run(context.Context, string, string) (*runv1.Run, error)     { return nil, nil }
func (nothing) OpenRun(context.Context, string, string) (*runv1.Run, error) { return nil, nil }
func (nothing) Usual(context.Context, string, string, string) (*runv1.Usual, error) {
	return &runv1.Usual{Drink: "Flat white"}, nil
}
func (nothing) Person(context.Context, string, string) (people.Person, error) {
	return people.Person{Name: "Ana"}, nil
}
func (nothing) Workspace(context.Context) (string, error)                      { return "T0TEAM", nil }
func (nothing) BotUser(context.Context) (string, error)                        { return "U0BOT", nil }
func (nothing) InChannel(context.Context, string) (bool, error)                { return true, nil }
func (nothing) OpenView(context.Context, string, slack.ModalViewRequest) error { return nil }
func (nothing) Respond(context.Context, string, message.Message) error         { return nil }

func BenchmarkClick(b *testing.B) {
	const secret = "8f742231b10e8888abcd99yyyzzz85a5"
	tel, err := telemetry.New("ingress", "test", telemetry.Config{}, io.Discard)
	require.NoError(b, err)
	server := &slackhttp.Server{
		Secrets: []string{secret}, Publisher: nothing{}, Knowledge: nothing{}, People: nothing{}, Slack: nothing{},
		Telemetry: tel, Now: time.Now,
	}
	handler, err := server.Handler()
	require.NoError(b, err)
	run := &runv1.Run{Id: "0197a000-0000-7000-8000-000000000001", ChannelId: "C0COFFEE", InitiatorId: "U0ANA", Status: runv1.RunStatus_RUN_STATUS_OPEN, PickupAt: timestamppb.Now()}
	for i := range 12 {
		run.Orders = append(run.Orders, &runv1.Order{UserId: fmt.Sprintf("U0%d", i), Drink: fmt.Sprintf("Flat white number %d", i), Quantity: 1})
	}
	card := message.Card(run, func(id string) string { return "Ana " + id }, "4bf92f35")
	blocks, err := json.Marshal(card.Blocks)
	require.NoError(b, err)
	body := func(i int) []byte {
		payload := fmt.Sprintf(`{"type":"block_actions","user":{"id":"U0ANA","username":"ana","name":"ana","team_id":"T0TEAM"},"api_app_id":"A0APP","token":"Shh_its_a_seekrit","container":{"type":"message","message_ts":"1735689600.000100","channel_id":"C0COFFEE","is_ephemeral":false},"trigger_id":"12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3","team":{"id":"T0TEAM","domain":"office"},"enterprise":null,"is_enterprise_install":false,"channel":{"id":"C0COFFEE","name":"coffee"},"message":{"user":"U0BOT","type":"message","ts":"1735689600.000100","bot_id":"B0BOT","app_id":"A0APP","text":%q,"team":"T0TEAM","metadata":{"event_type":"coffeebuddy_delivery","event_payload":{"id":"x"}},"blocks":%s},"state":{"values":{}},"response_url":"https://hooks.slack.com/actions/T0TEAM/1/abc","actions":[{"action_id":"usual","block_id":"run","text":{"type":"plain_text","text":"My usual","emoji":true},"value":"0197a000-0000-7000-8000-000000000001","type":"button","action_ts":"1735689%03d.%06d"}]}`, card.Text, blocks, i%1000, i/1000)
		return []byte(url.Values{"payload": {payload}}.Encode())
	}
	at := time.Now()
	requests := make([]*http.Request, 512)
	bodies := make([][]byte, 512)
	for i := range requests {
		bodies[i] = body(i)
		r := httptest.NewRequest(http.MethodPost, "/slack/interactions", nil)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(at.Unix(), 10))
		r.Header.Set("X-Slack-Signature", slacksim.Sign(secret, at, bodies[i]))
		requests[i] = r
	}
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := requests[i%512].Clone(context.Background())
		r.Body = io.NopCloser(bytes.NewReader(bodies[i%512]))
		r.ContentLength = int64(len(bodies[i%512]))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
