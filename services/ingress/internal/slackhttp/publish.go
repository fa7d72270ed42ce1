package slackhttp

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// expiry is how long a click is worth acting on: after an outage an older one is refused with a word to its author.
const expiry = 10 * time.Minute

// send hands a command about a run over. An empty message: it has arrived. Otherwise the honest answer to who asked for
// action: it may have arrived or not.
func (s *Server) send(ctx context.Context, from click, action, runID string, cmd *commandv1.Command) message.Message {
	if err := s.publish(ctx, from, runID, cmd); err != nil {
		return s.unconfirmed(ctx, action, err)
	}
	return message.Message{}
}

func (s *Server) unconfirmed(ctx context.Context, action string, err error) message.Message {
	s.Telemetry.Log.WarnContext(ctx, "command not confirmed", "action", action, "error", err)
	return message.CouldNotConfirm(action, telemetry.Ref(ctx))
}

func (s *Server) publish(ctx context.Context, from click, runID string, cmd *commandv1.Command) error {
	workspaceID, err := s.Slack.Workspace(ctx)
	if err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	s.People.Expect(ctx, workspaceID, from.userID)
	now := s.Now()
	cmd.Id, cmd.CorrelationId = from.id, telemetry.Correlation(ctx)
	cmd.WorkspaceId, cmd.ChannelId, cmd.ReplyTo = workspaceID, from.channelID, cmp.Or(from.replyTo, from.channelID)
	cmd.Actor = &commandv1.Actor{UserId: from.userID, WorkspaceAdmin: from.admin}
	cmd.IssuedAt, cmd.ExpiresAt = timestamppb.New(now), timestamppb.New(now.Add(expiry))
	about := from.channelID
	if about == "" { // a personal command
		about = from.userID
	}
	msg, err := bus.Encode(topic.Commands, topic.Key(workspaceID, about), cmd.Id, runID, now, cmd)
	if err != nil {
		return err
	}
	return s.Publisher.Publish(ctx, msg)
}
