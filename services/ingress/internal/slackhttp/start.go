package slackhttp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// start opens a run. A zero pickup: the channel's default.
func (s *Server) start(ctx context.Context, from click, pickup time.Time, place string) message.Message {
	if s.outside(ctx, from.channelID) {
		bot, _ := s.Slack.BotUser(ctx) // unknown: its name will do
		return message.NotInChannel(bot)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return s.unconfirmed(ctx, message.ActionStart, err)
	}
	start := &commandv1.StartRun{RunId: id.String(), Place: place}
	if !pickup.IsZero() {
		start.PickupAt = timestamppb.New(pickup)
	}
	return s.send(ctx, from, message.ActionStart, start.RunId, &commandv1.Command{What: &commandv1.Command_StartRun{StartRun: start}})
}

// startOffered opens the run that a button offered.
func (s *Server) startOffered(ctx context.Context, from click, value string) message.Message {
	var offer message.StartValue
	if json.Unmarshal([]byte(value), &offer) != nil {
		return message.UnknownAction()
	}
	var pickup time.Time
	if offer.PickupAt != 0 {
		pickup = time.Unix(offer.PickupAt, 0)
	}
	return s.start(ctx, from, pickup, offer.Place)
}

// outside reports whether the bot is known not to be in a channel. With Slack away it is not known; deliveries will see to it.
func (s *Server) outside(ctx context.Context, channelID string) bool {
	ctx, cancel := context.WithTimeout(ctx, askBudget)
	defer cancel()
	in, err := s.Slack.InChannel(ctx, channelID)
	return err == nil && !in
}
