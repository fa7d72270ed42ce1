package slackhttp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// maxDrink is the longest drink, in Unicode characters. runs enforces it; here it becomes an error inside the form.
const maxDrink = 280

// maxQuantity is the most cups of an order.
const maxQuantity = 9

// openOrder opens the order form, filled with what is known. Where nothing can be known right now, an empty one will do:
// to wait for each answer would cost the moment in which Slack opens it.
func (s *Server) openOrder(ctx context.Context, from click, runID string, firstTime bool) message.Message {
	form := message.OrderModal{Run: &runv1.Run{Id: runID, ChannelId: from.channelID}, FirstTime: firstTime}
	run, err := s.run(ctx, runID)
	if err == nil {
		s.expect(ctx, from.userID)
		if reason := closedFor(run); reason != runv1.RejectReason_REJECT_REASON_UNSPECIFIED {
			return message.Refusal(&runv1.CommandRejected{Reason: reason}, run, s.names(ctx))
		}
		form.Run = run
		for _, order := range run.GetOrders() {
			if order.GetUserId() == from.userID {
				form.Current = order
			}
		}
		if form.Current == nil && !firstTime {
			form.Usual, _ = s.usual(ctx, from)
		}
		form.Recents = s.recents(ctx, run.GetChannelId())
	}
	if err := s.Slack.OpenView(ctx, from.triggerID, form.View()); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "order form not opened", "error", err)
		return message.ModalFailed(telemetry.Ref(ctx))
	}
	return message.Message{}
}

const (
	mostRecents  = 5
	recentLooked = 10 // runs
)

// recents are the drinks that the channel ordered lately. Unknown: none, it is a convenience.
func (s *Server) recents(ctx context.Context, channelID string) []string {
	runs, _ := s.latestRuns(ctx, channelID, recentLooked)
	return message.Recents(runs, mostRecents)
}

// tapped puts a recent drink into the open order form.
func (s *Server) tapped(ctx context.Context, in interaction) error {
	about, known := orderOf(in.View)
	if !known || !strings.HasPrefix(in.Actions[0].ActionID, message.ActionRecent) {
		return nil // nothing in a form is worth an error
	}
	form := message.OrderModal{
		Run: &runv1.Run{Id: about.RunID, ChannelId: about.ChannelID}, Recents: s.recents(ctx, about.ChannelID),
		Tapped: in.Actions[0].Value, Taps: about.Taps + 1,
	}
	if err := s.Slack.UpdateView(ctx, in.View.ID, in.View.Hash, form.View()); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "recent drink not filled in", "error", err)
	}
	return nil
}

// closedFor is why a run takes no orders; unspecified: it does.
func closedFor(run *runv1.Run) runv1.RejectReason {
	switch {
	case run == nil:
		return runv1.RejectReason_REJECT_REASON_UNKNOWN_RUN
	case run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN:
		return runv1.RejectReason_REJECT_REASON_UNSPECIFIED
	case run.GetStatus() == runv1.RunStatus_RUN_STATUS_CANCELLED, run.GetStatus() == runv1.RunStatus_RUN_STATUS_FAILED:
		return runv1.RejectReason_REJECT_REASON_RUN_CANCELLED
	default:
		return runv1.RejectReason_REJECT_REASON_RUN_CLOSED
	}
}

// ordered answers a submitted order form.
func (s *Server) ordered(ctx context.Context, in interaction) (any, error) {
	about, known := orderOf(in.View)
	if !known {
		return slack.NewUpdateViewSubmissionResponse(message.OldForm()), nil
	}
	entered, block := in.View.State.Values, message.DrinkBlock(about.Taps)
	drink, quantity, err := drinkOf(in.View, block)
	if err != nil {
		return nil, err
	}
	if problem := drinkProblem(drink); problem != "" {
		return drinkError(block, problem), nil
	}
	remember := len(entered[message.BlockRemember][message.BlockRemember].SelectedOptions) > 0
	from := click{
		id:     derive("order", in.View.ID, in.User.ID, drink, strconv.Itoa(int(quantity)), strconv.FormatBool(remember)),
		userID: in.User.ID, channelID: about.ChannelID,
	}
	said := s.send(from.context(ctx), from, message.ActionOrder, about.RunID, &commandv1.Command{
		What: &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{
			RunId: about.RunID, Drink: drink, Quantity: quantity, RememberAsUsual: remember,
		}},
	})
	if said.Text != "" { // the form stays open, so what was typed is not lost
		return drinkError(block, said.Text), nil
	}
	return nil, nil
}

// drinkOf is what was entered as drink, and how many cups of it.
func drinkOf(form view, block string) (drink string, quantity uint32, err error) {
	entered := form.State.Values
	n, err := strconv.ParseUint(cmp.Or(entered[message.BlockQuantity][message.BlockQuantity].SelectedOption.Value, "1"), 10, 8)
	if err != nil || n < 1 || n > maxQuantity {
		return "", 0, errBad
	}
	return message.OneLine(entered[block][message.BlockDrink].Value), uint32(n), nil
}

// orderOf is what an order form is about. False: it is another form, or from another version.
func orderOf(form view) (about message.OrderContext, known bool) {
	err := json.Unmarshal([]byte(form.PrivateMetadata), &about)
	return about, form.CallbackID == message.CallbackOrder && err == nil && uuid.Validate(about.RunID) == nil && about.ChannelID != ""
}

func drinkProblem(drink string) string {
	switch n := utf8.RuneCountInString(drink); {
	case n == 0:
		return "Please say what you drink."
	case n > maxDrink:
		return fmt.Sprintf("That is %d characters, %d is the most.", n, maxDrink)
	default:
		return ""
	}
}

func drinkError(block, problem string) any {
	return slack.NewErrorsViewSubmissionResponse(map[string]string{block: problem})
}
