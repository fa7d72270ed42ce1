package message

import (
	"fmt"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Hello is what the bot says where it is new, and to whoever speaks to it.
func Hello() Message { return only("Hi, type `/coffee` to start a run. `/coffee help` for more.") }

// Buttons of App Home. Their value is a channel's id, unless it says otherwise.
const (
	ActionReminders = "reminders" // the value is what it is to be: "on" or "off"
	ActionNamed     = "named"     // the same
	ActionEraseMe   = "erase_me"  // no value

	ActionEditUsual = "edit_usual" // opens the form below
	CallbackUsual   = "usual"
)

// Home is what App Home shows to one person.
type Home struct {
	Channels []HomeChannel
	Personal *runv1.PersonalSettings // nil: never changed
}

// HomeChannel is a channel in which the person has a usual.
type HomeChannel struct {
	ID    string
	Usual *runv1.Usual
	Run   *runv1.Run // that is open; nil: none
	// Standing is the person's among the channel's Standings; nil: none yet.
	Standing  *runv1.Candidate
	Standings []*runv1.Candidate
}

// DefaultPersonal are the settings of people who never changed theirs.
func DefaultPersonal() *runv1.PersonalSettings {
	return &runv1.PersonalSettings{Reminders: true, NamedInLastCalls: true}
}

// View lays it out.
func (h Home) View() slack.HomeTabViewRequest {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plainText("☕ Coffee runs")),
		mrkdwn("Someone starts a run with `/coffee` in a channel, everybody orders with one click, and whoever's turn it is goes."),
	}
	if len(h.Channels) == 0 {
		blocks = append(blocks, mrkdwn("Once you have ordered somewhere, your usual drinks and where you stand are here."))
	}
	for _, c := range h.Channels {
		blocks = append(blocks, slack.NewDividerBlock(), mrkdwn("*%s*", channel(c.ID)))
		blocks = append(blocks, c.blocks()...)
	}
	personal := h.Personal
	if personal == nil {
		personal = DefaultPersonal()
	}
	blocks = append(blocks, slack.NewDividerBlock(), mrkdwn("*Yours, in all channels*"),
		toggle("Remind me before pickup when I'm the runner", ActionReminders, personal.GetReminders()),
		toggle("Name me in last calls when I usually am in", ActionNamed, personal.GetNamedInLastCalls()),
		slack.NewActionBlock("erase", button(ActionEraseMe, "me", "Delete my data").WithStyle(slack.StyleDanger).WithConfirm(
			slack.NewConfirmationBlockObject(plainText("Delete all that CoffeeBuddy knows of you?"),
				plainText("Your usuals, settings and open orders go, and past runs forget your name. It cannot be undone."),
				plainText("Delete"), plainText("Keep")).WithStyle(slack.StyleDanger))))
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}}
}

func (c HomeChannel) blocks() []slack.Block {
	var blocks []slack.Block
	if run := c.Run; run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN {
		blocks = append(blocks, mrkdwn("There is an open run: pickup *%s*, %s.", pickup(run), state(run)),
			slack.NewActionBlock("run_"+c.ID, button(ActionOrder, run.GetId(), "Order").WithStyle(slack.StylePrimary), button(ActionUsual, run.GetId(), "My usual")))
	}
	drink := shown(c.Usual.GetDrink())
	if n := c.Usual.GetQuantity(); n > 1 {
		drink = fmt.Sprintf("%d × %s", n, drink)
	}
	change, forget := button(ActionEditUsual, c.ID, "Change"), button(ActionForget, c.ID, "Forget")
	change.AccessibilityLabel, forget.AccessibilityLabel = "Change my usual", "Forget my usual"
	blocks = append(blocks, plain("My usual: "+drink), slack.NewActionBlock("usual_"+c.ID, change, forget))
	if c.Standing != nil {
		blocks = append(blocks, small("Where I stand: %s · %s, %s  %s", owes(c.Standing.GetBalanceMicros()), plural(int(c.Standing.GetCups()), "cup", "cups"),
			ran(c.Standing), bar(c.Standing, c.Standings)))
	}
	return blocks
}

// toggle is a setting with the button that changes it.
func toggle(what, action string, on bool) *slack.SectionBlock {
	next, label := "off", "Turn off"
	if !on {
		next, label = "on", "Turn on"
	}
	section := plain(what + ": " + onOff(on))
	press := button(action, next, label)
	press.AccessibilityLabel = label + ": " + what
	section.Accessory = slack.NewAccessory(press)
	return section
}

// ErasureBegun answers whoever had their data deleted.
func ErasureBegun() Message {
	return only("Your data is being deleted. What was posted stays in Slack, the record of changed settings keeps who made them, " +
		"and the event log forgets within days. If you order again, you are new here.")
}

// UsualModal is the form in which someone changes their usual in a channel.
func UsualModal(channelID string, usual *runv1.Usual) slack.ModalViewRequest {
	drink := slack.NewPlainTextInputBlockElement(plainText("Flat white"), BlockDrink)
	drink.FocusOnLoad, drink.InitialValue = true, usual.GetDrink()
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackUsual, PrivateMetadata: asJSON(UsualContext{ChannelID: channelID}),
		Title: plainText("My usual"), Submit: plainText("Save"), Close: plainText("Cancel"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			mrkdwn("What you get with one click on *My usual* in %s", channel(channelID)),
			slack.NewInputBlock(BlockDrink, plainText("What do you usually drink?"), nil, drink),
			quantityInput(int(usual.GetQuantity())),
		}},
	}
}

// UsualContext travels in that form.
type UsualContext struct {
	ChannelID string `json:"channel"`
}

// Note shows a message as a modal, where there is no conversation to show it in.
func Note(m Message) slack.ModalViewRequest {
	var blocks []slack.Block
	for _, block := range m.Blocks {
		if _, isRow := block.(*slack.ActionBlock); !isRow { // its buttons belong to a message
			blocks = append(blocks, block)
		}
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("CoffeeBuddy"), Close: plainText("Close"), Blocks: slack.Blocks{BlockSet: blocks},
	}
}
