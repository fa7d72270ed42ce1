package slackhttp

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// interaction is the part of Slack's interaction payloads that is used.
// https://docs.slack.dev/reference/interaction-payloads
type interaction struct {
	Type      string `json:"type"`
	TriggerID string `json:"trigger_id"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		MessageTS string `json:"message_ts"`
		ViewID    string `json:"view_id"`
	} `json:"container"`
	ResponseURL string `json:"response_url"`
	Actions     []struct {
		ActionID       string `json:"action_id"`
		Value          string `json:"value"`
		ActionTS       string `json:"action_ts"`
		SelectedOption struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
	View struct {
		ID              string `json:"id"`
		CallbackID      string `json:"callback_id"`
		PrivateMetadata string `json:"private_metadata"`
		State           struct {
			Values map[string]map[string]struct {
				Value           string `json:"value"`
				SelectedOptions []struct {
					Value string `json:"value"`
				} `json:"selected_options"`
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// interactions answers clicks and submitted forms.
func (s *Server) interactions(c echo.Context) error {
	form, err := readForm(c.Request())
	if err != nil {
		return err
	}
	var in interaction
	if err := json.Unmarshal([]byte(form.Get("payload")), &in); err != nil || in.User.ID == "" {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	switch in.Type {
	case "block_actions":
		return s.clicked(c, in)
	case "view_submission":
		return s.submitted(c, in)
	default: // shortcuts and closed views ask for nothing
		return c.NoContent(http.StatusOK)
	}
}

// clicked answers a click on a button or in a menu: an empty 200, and whatever there is to say goes to the person alone.
func (s *Server) clicked(c echo.Context, in interaction) error {
	if len(in.Actions) == 0 {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	ctx := c.Request().Context()
	action := in.Actions[0]
	verb, value := action.ActionID, action.Value
	if verb == message.ActionMore {
		verb, value, _ = strings.Cut(action.SelectedOption.Value, ":")
	}
	button := strings.Join([]string{in.User.ID, in.Channel.ID, in.Container.MessageTS, in.Container.ViewID, verb, value}, " ")
	from := click{userID: in.User.ID, channelID: in.Channel.ID, id: s.clicks.id(button, action.ActionTS, s.Now())}
	if answer := s.perform(ctx, from, in.TriggerID, verb, value); answer.Text != "" {
		if err := s.Slack.Respond(ctx, in.ResponseURL, answer); err != nil {
			s.Telemetry.Log.WarnContext(ctx, "answer not shown", "action", verb, "error", err)
		}
	}
	return c.NoContent(http.StatusOK)
}

// perform does what the button says. An empty message: the card will show it.
func (s *Server) perform(ctx context.Context, from click, triggerID, verb, value string) message.Message {
	cmd, what := &commandv1.Command{}, "that"
	switch verb {
	case message.ActionOrder:
		return s.openOrder(ctx, from, triggerID, value, false)
	case message.ActionUsual:
		workspace, err := s.Slack.Workspace(ctx)
		if err != nil {
			return s.unconfirmed(ctx, "your order", err)
		}
		// Unknown because the projection cannot be read is not unknown: runs has the last word.
		if usual, err := s.Knowledge.Usual(ctx, workspace, from.channelID, from.userID); err == nil && usual == nil {
			return s.openOrder(ctx, from, triggerID, value, true)
		}
		cmd.What, what = &commandv1.Command_PlaceUsual{PlaceUsual: &commandv1.PlaceUsual{RunId: value}}, "your order"
	case message.ActionWithdraw:
		cmd.What = &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: value}}
	case message.ActionClose:
		cmd.Actor = s.actor(ctx, from.userID)
		cmd.What = &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{RunId: value}}
	case message.ActionCancel:
		cmd.Actor = s.actor(ctx, from.userID)
		cmd.What = &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{RunId: value}}
	case message.ActionStart:
		var start message.StartValue
		if json.Unmarshal([]byte(value), &start) != nil {
			return message.UnknownAction()
		}
		var pickup time.Time
		if start.PickupAt != 0 {
			pickup = time.Unix(start.PickupAt, 0)
		}
		return s.start(ctx, from, pickup, start.Place)
	default:
		return message.UnknownAction()
	}
	if err := s.publish(ctx, from, value, cmd); err != nil {
		return s.unconfirmed(ctx, what, err)
	}
	return message.Message{}
}

// openOrder opens the order form, filled with what is known.
func (s *Server) openOrder(ctx context.Context, from click, triggerID, runID string, firstTime bool) message.Message {
	workspace, err := s.Slack.Workspace(ctx)
	if err != nil {
		return s.unconfirmed(ctx, "your order", err)
	}
	run, err := s.Knowledge.Run(ctx, workspace, runID)
	if err != nil {
		return s.unconfirmed(ctx, "your order", err)
	}
	if refused := notOpen(run); refused != nil {
		return message.Refusal(refused, run, func(userID string) string { return s.person(ctx, userID).Name })
	}
	form := message.OrderModal{Run: run, FirstTime: firstTime}
	for _, order := range run.GetOrders() {
		if order.GetUserId() == from.userID {
			form.Current = order
		}
	}
	if form.Current == nil && !firstTime {
		form.Usual, _ = s.Knowledge.Usual(ctx, workspace, run.GetChannelId(), from.userID) // an empty form will do
	}
	if err := s.Slack.OpenView(ctx, triggerID, form.View()); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "order form not opened", "error", err)
		return message.ModalFailed(telemetry.Ref(ctx))
	}
	return message.Message{}
}

// notOpen is the refusal for a run that takes no orders, nil for one that does.
func notOpen(run *runv1.Run) *runv1.CommandRejected {
	switch {
	case run == nil:
		return &runv1.CommandRejected{Reason: runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN}
	case run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN:
		return nil
	case run.GetStatus() == runv1.RunStatus_RUN_STATUS_CANCELLED, run.GetStatus() == runv1.RunStatus_RUN_STATUS_FAILED:
		return &runv1.CommandRejected{Reason: runv1.RejectReason_REJECT_REASON_RUN_CANCELLED}
	default:
		return &runv1.CommandRejected{Reason: runv1.RejectReason_REJECT_REASON_RUN_CLOSED}
	}
}

// actor is what is known of the person for commands that not everyone may give.
func (s *Server) actor(ctx context.Context, userID string) *commandv1.Actor {
	return &commandv1.Actor{WorkspaceAdmin: s.person(ctx, userID).WorkspaceAdmin}
}

// person is who someone is, as far as it is known.
func (s *Server) person(ctx context.Context, userID string) people.Person {
	workspace, err := s.Slack.Workspace(ctx)
	if err != nil {
		return people.Person{UserID: userID, Name: "someone"}
	}
	person, err := s.People.Person(ctx, workspace, userID)
	if err != nil {
		s.Telemetry.Log.WarnContext(ctx, "person not known", "error", err)
		return people.Person{UserID: userID, Name: "someone"}
	}
	return person
}
