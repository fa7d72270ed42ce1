package slackhttp

import (
	"context"
	"encoding/json"
)

// event answers the Events API: the challenge when the address is registered, and otherwise a quick 200.
// https://docs.slack.dev/reference/events/url_verification
func (s *Server) event(_ context.Context, body []byte) (any, error) {
	var event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(body, &event); err != nil || event.Type == "" {
		return nil, errBad
	}
	if event.Type == "url_verification" {
		return map[string]string{"challenge": event.Challenge}, nil
	}
	return nil, nil
}
