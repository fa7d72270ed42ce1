package slackhttp

import (
	"context"
	"encoding/json"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// callback is the part of the Events API's requests that is used.
// https://docs.slack.dev/apis/events-api/#event-type-structure
type callback struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
	EventID   string `json:"event_id"`
	Event     struct {
		Type        string          `json:"type"`
		Subtype     string          `json:"subtype"`
		User        json.RawMessage `json:"user"` // an id, or the whole person
		BotID       string          `json:"bot_id"`
		Channel     json.RawMessage `json:"channel"` // an id, or the whole channel
		ChannelType string          `json:"channel_type"`
		Tab         string          `json:"tab"`
	} `json:"event"`
}

// event answers the Events API: the challenge when the address is registered, and otherwise a quick 200 whatever comes of it.
// https://docs.slack.dev/reference/events/url_verification
func (s *Server) event(ctx context.Context, body []byte) (any, error) {
	var c callback
	if err := json.Unmarshal(body, &c); err != nil || c.Type == "" {
		return nil, errBad
	}
	switch c.Type {
	case "url_verification":
		return map[string]string{"challenge": c.Challenge}, nil
	case "event_callback":
		s.happened(ctx, c)
	}
	return nil, nil
}

// happened reacts to what Slack says has happened. Slack may say it again: greetings have the event's id for a key, and the
// rest is harmless.
func (s *Server) happened(ctx context.Context, c callback) {
	userID, channelID := idOf(c.Event.User), idOf(c.Event.Channel)
	switch c.Event.Type {
	case "member_joined_channel":
		s.Slack.Forget(channelID)
		if bot, err := s.Slack.BotUser(ctx); err == nil && userID == bot {
			s.greet(ctx, channelID, c.EventID)
		}
	case "message": // only those to the bot itself are subscribed to
		if c.Event.ChannelType == "im" && c.Event.BotID == "" && c.Event.Subtype == "" {
			s.greet(ctx, channelID, c.EventID)
		}
	case "app_mention":
		if c.Event.BotID == "" {
			if err := s.Slack.PostEphemeral(ctx, channelID, userID, message.Hello()); err != nil {
				s.Telemetry.Log.WarnContext(ctx, "mention not answered", "error", err)
			}
		}
	case "app_home_opened":
		if c.Event.Tab == "home" || c.Event.Tab == "" {
			s.openHome(ctx, userID)
		}
	case "member_left_channel", "channel_left", "group_left", "channel_archive", "channel_unarchive", "channel_deleted", "group_archive", "group_unarchive":
		s.Slack.Forget(channelID)
	case "tokens_revoked", "app_uninstalled":
		s.Slack.Revoked()
		s.Telemetry.Log.ErrorContext(ctx, "the app may do nothing in Slack any more: install it again, or give it its new token", "event", c.Event.Type)
	}
}

func (s *Server) greet(ctx context.Context, channelID, eventID string) {
	workspaceID, err := s.Slack.Workspace(ctx)
	if err == nil {
		err = s.Greeter.Greet(ctx, delivery.OfGreeting(workspaceID, channelID, eventID, s.Now(), delivery.Cause{
			CorrelationID: telemetry.Correlation(ctx), Traceparent: telemetry.Inject(ctx)["traceparent"], Ref: telemetry.Ref(ctx),
		}))
	}
	if err != nil {
		s.Telemetry.Log.WarnContext(ctx, "greeting not recorded", "error", err)
	}
}

// idOf reads an id that stands alone, or in the thing that it is of.
func idOf(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var thing struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &thing) // neither: there is none
	return thing.ID
}
