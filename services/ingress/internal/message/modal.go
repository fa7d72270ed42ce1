package message

import (
	"encoding/json"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Names inside the order form, as they come back with a submission.
const (
	CallbackOrder = "order"
	BlockDrink    = "drink"
	BlockRemember = "remember"
)

// OrderModal is what the order form shows.
type OrderModal struct {
	Run       *runv1.Run
	Current   *runv1.Order // the person's order in this run; nil: none
	Usual     *runv1.Usual // nil: none
	FirstTime bool         // opened by "My usual" without a usual
}

// OrderContext travels in the form and comes back with the submission.
type OrderContext struct {
	RunID     string `json:"run"`
	ChannelID string `json:"channel"`
}

// View lays the form out.
func (o OrderModal) View() slack.ModalViewRequest {
	label, submit := "What do you drink?", "Order"
	drink := slack.NewPlainTextInputBlockElement(plainText("Flat white"), BlockDrink)
	drink.FocusOnLoad = true
	switch {
	case o.Current != nil:
		drink.InitialValue, submit = o.Current.GetDrink(), "Save"
	case o.Usual != nil:
		drink.InitialValue = o.Usual.GetDrink()
	case o.FirstTime:
		label = "First time here: what do you drink?"
	}
	var hint *slack.TextBlockObject
	if o.FirstTime {
		hint = plainText("Remembered as your usual, it is one click next time.")
	}
	remember := slack.NewOptionBlockObject("yes", plainText("Remember as my usual"), nil)
	boxes := slack.NewCheckboxGroupsBlockElement(BlockRemember, remember)
	boxes.InitialOptions = []*slack.OptionBlockObject{remember}
	private, _ := json.Marshal(OrderContext{RunID: o.Run.GetId(), ChannelID: o.Run.GetChannelId()}) // two strings: cannot fail
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackOrder, PrivateMetadata: string(private),
		Title: plainText("Your order"), Submit: plainText(submit), Close: plainText("Cancel"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock(BlockDrink, plainText(label), hint, drink),
			slack.NewInputBlock(BlockRemember, plainText("My usual"), nil, boxes).WithOptional(true),
		}},
	}
}

// OldForm replaces a form that this version does not know.
func OldForm() *slack.ModalViewRequest {
	return &slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("CoffeeBuddy"), Close: plainText("Close"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{plain("This form is from an older version, so nothing was saved. Please open it again from the card.")}},
	}
}
