package message

import (
	"fmt"
	"strconv"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Names inside the order form, as they come back with a submission.
const (
	CallbackOrder = "order"
	BlockDrink    = "drink" // of the input; its block's id may have a suffix (DrinkBlock)
	BlockQuantity = "quantity"
	BlockRemember = "remember"
	ActionRecent  = "recent" // a button whose value is the drink; ids have a suffix, for they must differ
)

// OrderModal is what the order form shows.
type OrderModal struct {
	Run       *runv1.Run
	Current   *runv1.Order // the person's order in this run; nil: none
	Usual     *runv1.Usual // nil: none
	FirstTime bool         // opened by "My usual" without a usual
	Recents   []string     // drinks that the channel ordered lately, at most five
	// Tapped is a recent drink that was chosen, and how many were before it.
	Tapped string
	Taps   int
}

// OrderContext travels in the form and comes back with the submission, or with a tap on a recent drink.
type OrderContext struct {
	RunID     string `json:"run"`
	ChannelID string `json:"channel"`
	Taps      int    `json:"taps,omitempty"` // on recent drinks, so far
}

// mostRecents fit beside each other.
const mostRecents = 5

// View lays the form out.
func (o OrderModal) View() slack.ModalViewRequest {
	label, submit, quantity := "What do you drink?", "Order", 1
	drink := slack.NewPlainTextInputBlockElement(plainText("Flat white"), BlockDrink)
	drink.FocusOnLoad = true
	switch {
	case o.Current != nil:
		drink.InitialValue, submit, quantity = o.Current.GetDrink(), "Save", cupsOf(o.Current)
	case o.Usual != nil:
		drink.InitialValue, quantity = o.Usual.GetDrink(), max(1, int(o.Usual.GetQuantity()))
	case o.FirstTime:
		label = "First time here: what do you drink?"
	}
	if o.Tapped != "" {
		drink.InitialValue = o.Tapped
	}
	var hint *slack.TextBlockObject
	if o.FirstTime {
		hint = plainText("Remembered as your usual, it is one click next time.")
	}
	blocks := []slack.Block{slack.NewInputBlock(DrinkBlock(o.Taps), plainText(label), hint, drink)}
	context := OrderContext{RunID: o.Run.GetId(), ChannelID: o.Run.GetChannelId(), Taps: o.Taps}
	var taps []slack.BlockElement
	for i, recent := range o.Recents[:min(len(o.Recents), mostRecents)] {
		tap := button(fmt.Sprintf("%s_%d", ActionRecent, i), recent, cut(shown(recent), 30))
		tap.AccessibilityLabel = cut("Fill in "+shown(recent), maxLabel)
		taps = append(taps, tap)
	}
	if len(taps) > 0 {
		blocks = append(blocks, slack.NewActionBlock("recents", taps...))
	}
	blocks = append(blocks, quantityInput(quantity), rememberInput())
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackOrder, PrivateMetadata: asJSON(context),
		Title: plainText("Your order"), Submit: plainText(submit), Close: plainText("Cancel"),
		Blocks: slack.Blocks{BlockSet: blocks},
	}
}

// DrinkBlock is the id of the drink's block after a number of taps on recent drinks. Slack keeps what was typed in a
// block that keeps its id.
func DrinkBlock(taps int) string {
	if taps == 0 {
		return BlockDrink
	}
	return BlockDrink + "_" + strconv.Itoa(taps)
}

func quantityInput(n int) *slack.InputBlock {
	var options []*slack.OptionBlockObject
	for i := 1; i <= 9; i++ {
		options = append(options, slack.NewOptionBlockObject(strconv.Itoa(i), plainText(plural(i, "cup", "cups")), nil))
	}
	choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, BlockQuantity, options...)
	choice.InitialOption = options[min(max(n, 1), 9)-1]
	return slack.NewInputBlock(BlockQuantity, plainText("How many?"), nil, choice)
}

func rememberInput() *slack.InputBlock {
	remember := slack.NewOptionBlockObject("yes", plainText("Remember as my usual"), nil)
	boxes := slack.NewCheckboxGroupsBlockElement(BlockRemember, remember)
	boxes.InitialOptions = []*slack.OptionBlockObject{remember}
	return slack.NewInputBlock(BlockRemember, plainText("My usual"), nil, boxes).WithOptional(true)
}

// OldForm replaces a form that this version does not know.
func OldForm() *slack.ModalViewRequest {
	return &slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("CoffeeBuddy"), Close: plainText("Close"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{plain("This form is from an older version, so nothing was saved. Please open it again from the card.")}},
	}
}
