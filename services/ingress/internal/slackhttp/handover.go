package slackhttp

import (
	"context"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// handOver does what a button about an assignment says.
func (s *Server) handOver(ctx context.Context, from click, verb string, about message.AssignmentValue) message.Message {
	cmd := &commandv1.Command{}
	switch verb {
	case message.ActionAccept:
		cmd.What = &commandv1.Command_AcceptAssignment{AcceptAssignment: &commandv1.AcceptAssignment{RunId: about.RunID, AssignmentNo: about.No}}
	case message.ActionDecline:
		cmd.What = &commandv1.Command_DeclineAssignment{DeclineAssignment: &commandv1.DeclineAssignment{RunId: about.RunID, AssignmentNo: about.No}}
	case message.ActionArrived:
		cmd.What = &commandv1.Command_AnnounceArrival{AnnounceArrival: &commandv1.AnnounceArrival{RunId: about.RunID, AssignmentNo: about.No}}
	case message.ActionTakeOver, message.ActionRelieve:
		cmd.What = &commandv1.Command_TakeOver{TakeOver: &commandv1.TakeOver{RunId: about.RunID, AssignmentNo: about.No, ConfirmedUserId: about.User}}
	default:
		return message.UnknownAction()
	}
	// From a direct message the channel is not that of the click.
	run, err := s.run(ctx, about.RunID)
	switch {
	case err != nil:
		return s.unconfirmed(ctx, verb, err)
	case run == nil:
		return message.UnknownRun()
	}
	from.replyTo, from.channelID = from.channelID, run.GetChannelId()
	return s.send(ctx, from, verb, about.RunID, cmd)
}

// moveLater moves a run by what the button says.
func (s *Server) moveLater(ctx context.Context, from click, seen message.LaterValue) message.Message {
	from, err := s.asAdmin(ctx, from, seen.RunID)
	if err != nil {
		return s.unconfirmed(ctx, message.ActionLater, err)
	}
	return s.send(ctx, from, message.ActionLater, seen.RunID, &commandv1.Command{What: &commandv1.Command_MoveRun{MoveRun: &commandv1.MoveRun{
		RunId: seen.RunID, PickupAt: timestamppb.New(seen.Pickup.Add(later)), IfPickupAt: timestamppb.New(seen.Pickup),
	}}})
}

const later = 5 * time.Minute

// pressed are the buttons of direct messages that something else takes the place of. Should the command be refused, its
// author hears why.
var pressed = map[string]func(message.AssignmentValue) message.Said{
	message.ActionAccept:  message.OnTheWay,
	message.ActionDecline: func(message.AssignmentValue) message.Said { return message.CannotGo() },
	message.ActionArrived: func(message.AssignmentValue) message.Said { return message.Brought() },
	message.ActionRelieve: func(message.AssignmentValue) message.Said { return message.Relieved() },
}

// replaceButtons puts what was said in the place of the buttons of the message that was clicked on.
func (s *Server) replaceButtons(ctx context.Context, in interaction, said message.Said) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), respondBudget)
	defer cancel()
	var blocks []any
	for _, raw := range in.Message.Blocks {
		var block struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(raw, &block) == nil && block.Type != "actions" {
			blocks = append(blocks, raw)
		}
	}
	for _, block := range said {
		blocks = append(blocks, block)
	}
	if err := s.Slack.Replace(ctx, in.ResponseURL, in.Message.Text, blocks); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "buttons not replaced", "error", err)
	}
}
