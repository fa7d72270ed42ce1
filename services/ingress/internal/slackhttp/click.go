package slackhttp

import (
	"context"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// click is who asks for something, and where.
type click struct {
	id        string // of the command it becomes: the same for a replayed request
	userID    string
	channelID string
	replyTo   string // where an answer goes; empty: the channel
	triggerID string // exchanged for a form, within 3 s
	admin     bool   // the workspace's; looked up only where it matters
}

func (from click) context(ctx context.Context) context.Context {
	return telemetry.WithIDs(ctx, slog.String("channel_id", from.channelID))
}

// clicked obeys a button or a menu. What there is to say goes to the person alone.
func (s *Server) clicked(ctx context.Context, in interaction) error {
	if len(in.Actions) == 0 || in.Channel.ID == "" || in.Actions[0].ActionTS == "" {
		return errBad
	}
	action := in.Actions[0]
	verb, value := action.ActionID, action.Value
	if verb == message.ActionMore {
		verb, value, _ = strings.Cut(action.SelectedOption.Value, ":")
	}
	from := click{
		id:     s.clicks.id(derive("click", in.User.ID, in.Channel.ID, in.Container.MessageTS, verb, value), action.ActionTS),
		userID: in.User.ID, channelID: in.Channel.ID, triggerID: in.TriggerID,
	}
	ctx = from.context(ctx)
	said := s.perform(ctx, from, verb, value)
	switch {
	case said.Text != "":
		s.respond(ctx, in.ResponseURL, said)
	case pressed[verb] != nil && direct(in.Channel.ID, ""): // in a channel others see the message, too
		if v, ok := message.ParseAssignmentValue(value); ok {
			s.replaceButtons(ctx, in, pressed[verb](v))
		}
	}
	return nil
}

// clickedInView obeys a button in a form.
func (s *Server) clickedInView(ctx context.Context, in interaction) error {
	if len(in.Actions) == 0 {
		return errBad
	}
	if in.View.Type == "home" {
		return s.clickedAtHome(ctx, in)
	}
	if in.Actions[0].ActionID == message.ActionReset {
		return s.askReset(ctx, in)
	}
	return s.tapped(ctx, in)
}

func (s *Server) respond(ctx context.Context, responseURL string, said message.Message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), respondBudget)
	defer cancel()
	if err := s.Slack.Respond(ctx, responseURL, said); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "answer not shown", "error", err)
	}
}

// perform does what the button says. An empty message: the card will show it.
func (s *Server) perform(ctx context.Context, from click, verb, value string) message.Message {
	if verb == message.ActionStart {
		if said := s.disabled(ctx, from.channelID); said.Text != "" {
			return said
		}
		return s.startOffered(ctx, from, value)
	}
	runID, cmd := value, &commandv1.Command{}
	if about, ok := message.ParseAssignmentValue(value); ok {
		return s.handOver(ctx, from, verb, about)
	}
	if later, ok := message.ParseLaterValue(value); ok && verb == message.ActionLater {
		return s.moveLater(ctx, from, later)
	}
	if uuid.Validate(runID) != nil {
		return message.UnknownAction()
	}
	switch verb {
	case message.ActionWhy:
		return s.why(ctx, from, runID)
	case message.ActionAskCancel:
		return message.AskCancel(runID)
	case message.ActionVolunteer:
		cmd.What = &commandv1.Command_Volunteer{Volunteer: &commandv1.Volunteer{RunId: runID}}
	case message.ActionStop:
		cmd.What = &commandv1.Command_StopVolunteering{StopVolunteering: &commandv1.StopVolunteering{RunId: runID}}
	case message.ActionOrder:
		return s.openOrder(ctx, from, runID, false)
	case message.ActionUsual:
		// Not known because it cannot be read is not none: runs has the last word.
		if usual, err := s.usual(ctx, from); err == nil && usual == nil {
			return s.openOrder(ctx, from, runID, true)
		}
		cmd.What = &commandv1.Command_PlaceUsual{PlaceUsual: &commandv1.PlaceUsual{RunId: runID}}
	case message.ActionWithdraw:
		cmd.What = &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: runID}}
	case message.ActionClose:
		cmd.What = &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{RunId: runID}}
	case message.ActionCancel:
		cmd.What = &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{RunId: runID}}
	default:
		return message.UnknownAction()
	}
	if verb == message.ActionClose || verb == message.ActionCancel {
		var err error
		if from, err = s.asAdmin(ctx, from, runID); err != nil {
			return s.unconfirmed(ctx, verb, err)
		}
	}
	return s.send(ctx, from, verb, runID, cmd)
}

// asAdmin finds out whether someone is an admin, where it matters. That it cannot be known is an error, unless the run is
// their own: they may be one, whom runs must not refuse.
func (s *Server) asAdmin(ctx context.Context, from click, runID string) (click, error) {
	person, err := s.person(ctx, from.userID)
	if err != nil && !s.started(ctx, runID, from.userID) {
		return from, err
	}
	from.admin = person.WorkspaceAdmin
	return from, nil
}
