package slackhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slackhttp"
)

const (
	secret      = "8f742231b10e8888abcd99yyyzzz85a5"
	runID       = "0197a000-0000-7000-8000-000000000001"
	responseURL = "https://hooks.slack.com/actions/T0TEAM/1234/capability"
)

// world is a door with fakes behind it. Its clock stands at 10:05 in Berlin.
type world struct {
	*slackhttp.Server
	t       testing.TB
	handler http.Handler
	spans   *tracetest.SpanRecorder
	logs    *log

	mu        sync.Mutex
	now       time.Time
	commands  []*commandv1.Command
	messages  []bus.Message
	said      []message.Message // to response_urls
	replaced  []string          // messages clicked on
	views     []slack.ModalViewRequest
	runs      map[string]*runv1.Run
	usuals    map[string]*runv1.Usual // by user
	latest    []*runv1.Run
	channel   *runv1.ChannelSettings
	changes   []*runv1.RunEvent
	standings []*runv1.Candidate
	updates   []string // of views
	homes     []slack.HomeTabViewRequest
	whispers  []string
	forgotten []string // channels
	revoked   bool
	greetings []delivery.Delivery
	known     map[string]people.Person
	expected  []string // people
	outside   bool     // the bot is in no channel
	kafkaAway bool     // Publish waits until it may no longer
	slackAway bool
	storeAway bool
	nobody    bool // people cannot be looked up in time
	panics    any
}

var errAway = errors.New("away")

func newWorld(t testing.TB) *world {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	w := &world{
		t: t, now: time.Date(2026, 11, 23, 9, 5, 0, 0, time.UTC), logs: &log{}, spans: tracetest.NewSpanRecorder(),
		runs: map[string]*runv1.Run{runID: openRun()}, usuals: map[string]*runv1.Usual{"U0BEN": {UserId: "U0BEN", Drink: "Cortado"}},
		known: map[string]people.Person{
			"U0ANA":   {UserID: "U0ANA", Name: "Ana", Zone: berlin},
			"U0BEN":   {UserID: "U0BEN", Name: "Ben"},
			"U0ADMIN": {UserID: "U0ADMIN", Name: "Dee", Zone: berlin, WorkspaceAdmin: true},
		},
	}
	tel, err := telemetry.New("ingress", "test", telemetry.Config{LogLevel: slog.LevelDebug}, w.logs, w.spans)
	require.NoError(t, err)
	w.Server = &slackhttp.Server{
		Secrets: []string{secret}, Publisher: w, Knowledge: w, People: w, Slack: w, Greeter: w, Telemetry: tel, Now: func() time.Time { return w.now },
		Admins: []string{"U0CEM"}, Defaults: &runv1.ChannelSettings{
			Enabled: true, Reminders: true, ReminderOffsetMinutes: 5, LastCallLeadMinutes: 10, ClosingLeadMinutes: 10,
			DefaultPickupMinutes: 30, FairnessWindow: 5, RetentionDays: 90,
		},
	}
	w.handler, err = w.Handler()
	require.NoError(t, err)
	return w
}

func openRun(orders ...*runv1.Order) *runv1.Run {
	return &runv1.Run{
		Id: runID, WorkspaceId: "T0TEAM", ChannelId: "C0COFFEE", InitiatorId: "U0ANA", Status: runv1.RunStatus_RUN_STATUS_OPEN,
		PickupAt: timestamppb.New(time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)), Orders: orders,
	}
}

func (w *world) Publish(ctx context.Context, msgs ...bus.Message) error {
	if w.kafkaAway {
		<-ctx.Done()
		return fmt.Errorf("kafka: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range msgs {
		cmd := &commandv1.Command{}
		require.NoError(w.t, proto.Unmarshal(m.Value, cmd))
		w.messages, w.commands = append(w.messages, m), append(w.commands, cmd)
	}
	return nil
}

func (w *world) Run(ctx context.Context, workspaceID, runID string) (*runv1.Run, error) {
	require.Equal(w.t, "T0TEAM", workspaceID)
	return w.runs[runID], away(ctx, w.storeAway)
}

func (w *world) Usual(ctx context.Context, workspaceID, channelID, userID string) (*runv1.Usual, error) {
	require.Equal(w.t, "T0TEAM", workspaceID)
	return w.usuals[userID], away(ctx, w.storeAway)
}

func (w *world) OpenRun(ctx context.Context, _, channelID string) (*runv1.Run, error) {
	for _, run := range w.runs {
		if run.GetChannelId() == channelID && run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN {
			return run, away(ctx, w.storeAway)
		}
	}
	return nil, away(ctx, w.storeAway)
}

func (w *world) LatestRuns(ctx context.Context, _, _ string, limit int) ([]*runv1.Run, error) {
	return w.latest[:min(limit, len(w.latest))], away(ctx, w.storeAway)
}

func (w *world) Settings(ctx context.Context, _, _ string) (*runv1.ChannelSettings, error) {
	return w.channel, away(ctx, w.storeAway)
}

func (w *world) Usuals(ctx context.Context, _, userID string, _ int) ([]string, []*runv1.Usual, error) {
	usual := w.usuals[userID]
	if usual == nil {
		return nil, nil, away(ctx, w.storeAway)
	}
	return []string{"C0COFFEE"}, []*runv1.Usual{usual}, away(ctx, w.storeAway)
}

func (w *world) Personal(ctx context.Context, _, _ string) (*runv1.PersonalSettings, error) {
	return nil, away(ctx, w.storeAway)
}

func (w *world) PublishHome(_ context.Context, _ string, view slack.HomeTabViewRequest) error {
	w.homes = append(w.homes, view)
	return nil
}

func (w *world) PostEphemeral(_ context.Context, channelID, userID string, m message.Message) error {
	w.whispers = append(w.whispers, channelID+" "+userID+" "+m.Text)
	return nil
}

func (w *world) Forget(channelID string) { w.forgotten = append(w.forgotten, channelID) }
func (w *world) Revoked()                { w.revoked = true }

func (w *world) Greet(_ context.Context, d delivery.Delivery) error {
	w.greetings = append(w.greetings, d)
	return nil
}

func (w *world) SettingsChanges(ctx context.Context, _, _ string) ([]*runv1.RunEvent, error) {
	return w.changes, away(ctx, w.storeAway)
}

func (w *world) PushView(_ context.Context, triggerID string, view slack.ModalViewRequest) error {
	require.Equal(w.t, "trigger", triggerID)
	w.views = append(w.views, view)
	return nil
}

func (w *world) ChannelName(context.Context, string) (string, error) { return "coffee", nil }

func (w *world) Standings(ctx context.Context, _, _ string) ([]*runv1.Candidate, error) {
	return w.standings, away(ctx, w.storeAway)
}

func (w *world) UpdateView(_ context.Context, viewID, hash string, view slack.ModalViewRequest) error {
	w.updates = append(w.updates, viewID+"/"+hash)
	w.views = append(w.views, view)
	return nil
}

func (w *world) Person(ctx context.Context, workspaceID, userID string) (people.Person, error) {
	if w.panics != nil {
		panic(w.panics)
	}
	if err := away(ctx, w.slackAway || w.nobody); err != nil {
		return people.Person{}, err
	}
	person, ok := w.known[userID]
	if !ok {
		return people.Person{}, errAway
	}
	return person, nil
}

func (w *world) Names(ctx context.Context, workspaceID string, _ []string) func(userID string) string {
	require.Equal(w.t, "T0TEAM", workspaceID)
	_ = away(ctx, w.slackAway || w.nobody) // who is not known by then is someone
	return func(userID string) string {
		if person, ok := w.known[userID]; ok {
			return person.Name
		}
		return people.Someone
	}
}

func (w *world) Changed(_ context.Context, _ string, person people.Person) error {
	w.known[person.UserID] = person
	return nil
}

func (w *world) RunsWith(ctx context.Context, _, _ string) ([]*runv1.Run, error) {
	return slices.Collect(maps.Values(w.runs)), away(ctx, w.storeAway)
}

func (w *world) Expect(_ context.Context, workspaceID, userID string) {
	require.Equal(w.t, "T0TEAM", workspaceID)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, userID)
}

func (w *world) Workspace(context.Context) (string, error)   { return "T0TEAM", nil }
func (w *world) BotUser(ctx context.Context) (string, error) { return "U0BOT", away(ctx, w.slackAway) }

func (w *world) InChannel(ctx context.Context, _ string) (bool, error) {
	return !w.outside, away(ctx, w.slackAway)
}

func (w *world) OpenView(ctx context.Context, triggerID string, view slack.ModalViewRequest) error {
	require.Equal(w.t, "trigger", triggerID)
	if err := away(ctx, w.slackAway); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.views = append(w.views, view)
	return nil
}

func (w *world) Respond(ctx context.Context, to string, m message.Message) error {
	require.Equal(w.t, responseURL, to)
	require.NoError(w.t, ctx.Err(), "an answer needs time of its own")
	w.said = append(w.said, m)
	return nil
}

func (w *world) Replace(_ context.Context, to, text string, blocks []any) error {
	require.Equal(w.t, responseURL, to)
	raw, err := json.Marshal(blocks)
	require.NoError(w.t, err)
	w.replaced = append(w.replaced, text+" "+string(raw))
	return nil
}

// away is what a service does that is not there: nothing, for as long as one waits.
func away(ctx context.Context, isAway bool) error {
	if !isAway {
		return nil
	}
	<-ctx.Done()
	return errAway
}

// request signs a request as Slack does.
func (w *world) request(path string, body []byte) *http.Request {
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(w.now.Unix(), 10))
	req.Header.Set("X-Slack-Signature", slacksim.Sign(secret, w.now, body))
	return req
}

func (w *world) do(req *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, req)
	return answer
}

func (w *world) post(path string, body []byte) *httptest.ResponseRecorder {
	return w.do(w.request(path, body))
}

type fields = map[string]string

// coffeeForm is what Slack sends when Ana types /coffee text; more fields replace its own, empty ones remove them.
func coffeeForm(text string, more fields) []byte {
	form := url.Values{
		"team_id": {"T0TEAM"}, "team_domain": {"office"}, "channel_id": {"C0COFFEE"}, "channel_name": {"coffee"}, "user_id": {"U0ANA"},
		"command": {"/coffee"}, "text": {text}, "response_url": {responseURL}, "trigger_id": {"trigger"}, "token": {"verification-token"},
	}
	for name, value := range more {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	return []byte(form.Encode())
}

// coffee types /coffee text and returns what the caller reads: empty, nothing.
func (w *world) coffee(text string, more fields) string {
	w.t.Helper()
	return w.read(w.post("/slack/commands", coffeeForm(text, more)))
}

// read is an answer's text, from an ephemeral message.
func (w *world) read(answer *httptest.ResponseRecorder) string {
	w.t.Helper()
	require.Equal(w.t, http.StatusOK, answer.Code)
	if answer.Body.Len() == 0 {
		return ""
	}
	var reply struct {
		ResponseType string          `json:"response_type"`
		Text         string          `json:"text"`
		Blocks       json.RawMessage `json:"blocks"`
	}
	require.NoError(w.t, json.Unmarshal(answer.Body.Bytes(), &reply))
	require.Equal(w.t, "ephemeral", reply.ResponseType)
	require.NoError(w.t, slacksim.ValidateMessage(reply.Text, reply.Blocks))
	return slacksim.PlainText(slacksim.Message{Blocks: reply.Blocks})
}

// click is the payload of a click on a card's button, at the given second.
func click(user, verb, value string, at float64) map[string]any {
	return map[string]any{
		"type": "block_actions", "trigger_id": "trigger", "response_url": responseURL, "token": "verification-token",
		"user": fields{"id": user}, "team": fields{"id": "T0TEAM"}, "channel": fields{"id": "C0COFFEE", "name": "coffee"},
		"container": fields{"type": "message", "message_ts": "1795424700.000100"},
		"actions":   []any{fields{"type": "button", "action_id": verb, "value": value, "action_ts": fmt.Sprintf("%.6f", 1795424700+at)}},
	}
}

// with replaces parts of a payload; nil removes them.
func with(payload map[string]any, more map[string]any) map[string]any {
	payload = maps.Clone(payload)
	for key, value := range more {
		payload[key] = value
		if value == nil {
			delete(payload, key)
		}
	}
	return payload
}

func interactionForm(t testing.TB, payload any) []byte {
	raw, err := json.Marshal(payload)
	require.NoError(t, err)
	return []byte(url.Values{"payload": {string(raw)}}.Encode())
}

func (w *world) interact(payload any) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.post("/slack/interactions", interactionForm(w.t, payload))
}

// clicks clicks and returns what the person reads: empty, nothing.
func (w *world) clicks(payload map[string]any) string {
	w.t.Helper()
	w.said = nil
	answer := w.interact(payload)
	require.Equal(w.t, http.StatusOK, answer.Code)
	require.Empty(w.t, answer.Body.String(), "Slack wants an empty answer to a click")
	if len(w.said) == 0 {
		return ""
	}
	require.Len(w.t, w.said, 1)
	blocks, err := json.Marshal(w.said[0].Blocks)
	require.NoError(w.t, err)
	require.NoError(w.t, slacksim.ValidateMessage(w.said[0].Text, blocks))
	return slacksim.PlainText(slacksim.Message{Blocks: blocks})
}

// order is the payload of the order form's submission.
func order(user, drink string, remember bool) map[string]any {
	ticked := []any{}
	if remember {
		ticked = []any{fields{"value": "yes"}}
	}
	return map[string]any{
		"type": "view_submission", "trigger_id": "trigger", "token": "verification-token",
		"user": fields{"id": user}, "team": fields{"id": "T0TEAM"},
		"view": map[string]any{
			"id": "V0VIEW", "callback_id": "order", "private_metadata": `{"run":"` + runID + `","channel":"C0COFFEE"}`,
			"state": map[string]any{"values": map[string]any{
				"drink":    map[string]any{"drink": map[string]any{"type": "plain_text_input", "value": drink}},
				"remember": map[string]any{"remember": map[string]any{"type": "checkboxes", "selected_options": ticked}},
			}},
		},
	}
}

// submits submits the form and returns the error that stays in it: empty, it closed.
func (w *world) submits(payload map[string]any) string {
	w.t.Helper()
	answer := w.interact(payload)
	require.Equal(w.t, http.StatusOK, answer.Code)
	if answer.Body.Len() == 0 {
		return ""
	}
	var response struct {
		Action string `json:"response_action"`
		Errors fields `json:"errors"`
		View   json.RawMessage
	}
	require.NoError(w.t, json.Unmarshal(answer.Body.Bytes(), &response))
	if response.Action == "update" {
		require.NoError(w.t, slacksim.ValidateView(response.View))
		return string(response.View)
	}
	require.Equal(w.t, "errors", response.Action)
	require.Len(w.t, response.Errors, 1)
	require.NotEmpty(w.t, response.Errors["drink"])
	return response.Errors["drink"]
}

// only is the one command that was published.
func (w *world) only() *commandv1.Command {
	w.t.Helper()
	require.Len(w.t, w.commands, 1)
	return w.commands[0]
}

// log is what was logged.
type log struct {
	mu  sync.Mutex
	out strings.Builder
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// anywhere is a Slack that takes any trigger and any response_url.
type anywhere struct{ *world }

func (a anywhere) OpenView(_ context.Context, _ string, view slack.ModalViewRequest) error {
	a.views = append(a.views, view)
	return nil
}

func (a anywhere) Replace(_ context.Context, _, text string, _ []any) error {
	a.replaced = append(a.replaced, text)
	return nil
}

func (a anywhere) Respond(_ context.Context, _ string, m message.Message) error {
	a.said = append(a.said, m)
	return nil
}
