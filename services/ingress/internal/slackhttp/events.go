package slackhttp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	slackgo "github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
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
		Tokens      struct {
			Bot []string `json:"bot"` // users whose bot tokens were revoked
		} `json:"tokens"`
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
	case "member_left_channel", "channel_left", "group_left", "channel_archive", "channel_unarchive", "channel_deleted",
		"group_archive", "group_unarchive", "group_deleted":
		s.Slack.Forget(channelID)
	case "user_change":
		s.personChanged(ctx, c)
	case "tokens_revoked", "app_uninstalled":
		if c.Event.Type == "tokens_revoked" && len(c.Event.Tokens.Bot) == 0 {
			return // those of people, which are not used
		}
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

// personChanged learns of a new name, zone or role at once. Who has left the workspace takes no part in runs any more.
func (s *Server) personChanged(ctx context.Context, c callback) {
	user := &slackgo.User{}
	err := json.Unmarshal(c.Event.User, user)
	var workspaceID string
	if err == nil {
		workspaceID, err = s.Slack.Workspace(ctx)
	}
	if err == nil {
		err = s.People.Changed(ctx, workspaceID, slack.PersonOf(user))
	}
	if err == nil && user.Deleted {
		err = s.leaveRuns(ctx, workspaceID, user.ID, c.EventID)
	}
	if err != nil {
		s.Telemetry.Log.WarnContext(ctx, "change of a person not taken in", "error", err)
	}
}

// leaveRuns takes back what someone ordered and offered in open runs.
func (s *Server) leaveRuns(ctx context.Context, workspaceID, userID, eventID string) error {
	runs, err := s.Knowledge.RunsWith(ctx, workspaceID, userID)
	if err != nil {
		return err
	}
	for _, run := range runs {
		from := click{userID: userID, channelID: run.GetChannelId()}
		if slices.Contains(run.GetVolunteerIds(), userID) {
			from.id = derive("left", "volunteer", eventID, run.GetId())
			err = errors.Join(err, s.publish(ctx, from, run.GetId(), &commandv1.Command{
				What: &commandv1.Command_StopVolunteering{StopVolunteering: &commandv1.StopVolunteering{RunId: run.GetId()}},
			}))
		}
		if slices.ContainsFunc(run.GetOrders(), func(o *runv1.Order) bool { return o.GetUserId() == userID }) {
			from.id = derive("left", "order", eventID, run.GetId())
			err = errors.Join(err, s.publish(ctx, from, run.GetId(), &commandv1.Command{
				What: &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: run.GetId()}},
			}))
		}
	}
	return err
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
