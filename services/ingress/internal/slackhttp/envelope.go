package slackhttp

import (
	"context"
	"encoding/json"
	"net/url"

	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// mostAnswer is the largest answer that goes with an acknowledgement, in bytes: Slack drops those of 20 KB without a word.
const mostAnswer = 19 << 10

// Envelopes returns what answers the requests of Socket Mode, where they come in envelopes: of this id and kind, with this
// payload. The answer goes with the acknowledgement; nil: there is none.
// https://docs.slack.dev/apis/events-api/using-socket-mode
func (s *Server) Envelopes() (func(ctx context.Context, id, kind string, payload []byte) any, error) {
	observer, err := newObserver(s.Telemetry)
	if err != nil {
		return nil, err
	}
	type door struct {
		kind   string // as it is called over HTTP
		handle handler
	}
	doors := map[string]door{
		"slash_commands": {"commands", s.commandFields},
		"interactive":    {"interactions", s.interaction},
		"events_api":     {"events", s.event},
	}
	return func(ctx context.Context, id, kind string, payload []byte) (answer any) {
		door, known := doors[kind]
		if !known {
			return nil // acknowledged nevertheless: Slack would only send it again
		}
		observer.watch(ctx, "socket "+door.kind, door.kind, id, func(ctx context.Context, _ trace.Span) (err error) {
			answer, err = s.decideSafely(ctx, door.handle, payload)
			if resultOf(err) == "error" {
				answer = s.excuse(ctx, err)
			}
			return err
		})
		return answer
	}, nil
}

func (s *Server) decideSafely(ctx context.Context, handle handler, payload []byte) (answer any, err error) {
	defer s.recoverTo(ctx, &err)
	return handle.decide(ctx, payload)
}

// commandFields is command as it comes in an envelope: the form's fields as JSON.
func (s *Server) commandFields(ctx context.Context, payload []byte) (any, error) {
	var fields map[string]any
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, errBad
	}
	form := url.Values{}
	for name, value := range fields {
		if text, ok := value.(string); ok {
			form.Set(name, text)
		}
	}
	answer, err := s.command(ctx, form)
	said, ok := answer.(reply)
	if err != nil || !ok {
		return nil, err
	}
	raw, err := json.Marshal(said)
	if err != nil || len(raw) <= mostAnswer {
		return json.RawMessage(raw), err
	}
	s.respond(ctx, form.Get("response_url"), message.Message{Text: said.Text, Blocks: said.Blocks})
	return nil, nil
}
