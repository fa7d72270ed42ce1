// Package message holds every text that people read in Slack, a file per surface. It is pure: snapshots in, Block Kit out.
//
// What people typed, and what they call themselves, is shown in plain_text only, so that it is inert; mrkdwn holds our
// own words, mentions and dates. Mentions notify, so they are rare: the starter on the card, the runner in the summary,
// and the bot where people are told to invite it. Everyone else goes by name.
package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Message is what is posted: blocks, and the text that notifications and screen readers use instead.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Names returns a person's display name, "someone" for an unknown id.
type Names func(userID string) string

const someone = "someone"

// of is a person's name as it can stand on a line.
func (n Names) of(userID string) string {
	if name := shown(n(userID)); name != "" {
		return name
	}
	return someone
}

// Action ids of buttons. A button's value is the run's id, unless it says otherwise.
const (
	ActionOrder    = "order"
	ActionUsual    = "usual"
	ActionWithdraw = "withdraw"
	ActionClose    = "close"
	ActionCancel   = "cancel"
	ActionMore     = "more" // the overflow menu; the chosen option's value is "verb:value"

	ActionAskCancel = "ask_cancel" // asks before it cancels
	ActionLater     = "later"      // the value is a LaterValue
	ActionVolunteer = "volunteer"
	ActionStop      = "stop_volunteering"
	ActionWhy       = "why"
	ActionSaveUsual = "save_usual" // no button: /coffee usual
	ActionSettings  = "settings"   // no button: a form

	// Of an assignment: the value is an AssignmentValue.
	ActionAccept   = "accept"
	ActionDecline  = "decline"
	ActionArrived  = "arrived"
	ActionTakeOver = "take_over"
	ActionRelieve  = "relieve"

	ActionStart = "start" // the value is a StartValue

	ActionForget = "forget" // a usual; the value is the channel
)

// only is a message of our own words, in mrkdwn.
func only(format string, args ...any) Message {
	return Message{}.and(format, args...)
}

// say is a message of one plain text, in which what people typed is inert.
func say(format string, args ...any) Message {
	text := fmt.Sprintf(format, args...)
	return Message{Text: escape(text), Blocks: []slack.Block{plain(text)}}
}

// and adds a paragraph of our own words, in mrkdwn.
func (m Message) and(format string, args ...any) Message {
	text := fmt.Sprintf(format, args...)
	if m.Text != "" {
		m.Text += " "
	}
	m.Text += text
	m.Blocks = append(m.Blocks, mrkdwn("%s", text))
	return m
}

// with adds a row of buttons.
func (m Message) with(buttons ...slack.BlockElement) Message {
	m.Blocks = append(m.Blocks, slack.NewActionBlock("", buttons...))
	return m
}

// whileOpen adds buttons that a run only takes while it is open.
func (m Message) whileOpen(run *runv1.Run, buttons ...slack.BlockElement) Message {
	if run.GetStatus() != runv1.RunStatus_RUN_STATUS_OPEN {
		return m
	}
	return m.with(buttons...)
}

func mrkdwn(format string, args ...any) *slack.SectionBlock {
	const verbatim = true // what looks like a link or a name is none
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, fmt.Sprintf(format, args...), false, verbatim), nil, nil)
}

func plain(text string) *slack.SectionBlock { return slack.NewSectionBlock(plainText(text), nil, nil) }

func plainText(text string) *slack.TextBlockObject {
	const emoji = true // Slack hands typed emoji over as :coffee:
	return slack.NewTextBlockObject(slack.PlainTextType, text, emoji, false)
}

// small is a line in grey, for places, reasons and refs.
func small(format string, args ...any) *slack.ContextBlock {
	return slack.NewContextBlock("", plainText(fmt.Sprintf(format, args...)))
}

// smallPrint is a line in grey of our own words, in mrkdwn.
func smallPrint(format string, args ...any) *slack.ContextBlock {
	return slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, fmt.Sprintf(format, args...), false, true))
}

func button(action, value, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, plainText(cut(label, maxLabel)))
}

// mention names someone. Who is nobody in Slack, an erased person or a client of the admin API, is named in words.
func mention(userID string) string {
	switch {
	case isErased(userID):
		return "someone"
	case strings.HasPrefix(userID, "api:"):
		return "the admin API"
	}
	return "<@" + userID + ">"
}

// isErased tells what stands in the place of people whose data was deleted from ids of Slack.
func isErased(userID string) bool { return strings.HasPrefix(userID, "erased-") }

func channel(channelID string) string { return "<#" + channelID + ">" }

// pickup shows when a run's coffee is fetched: a time of day, and which day where that could be misread.
func pickup(run *runv1.Run) string {
	at := run.GetPickupAt()
	if at.AsTime().Sub(run.GetStartedAt().AsTime()) < 12*time.Hour {
		return clock(at)
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s UTC>", at.GetSeconds(), at.AsTime().Format("Mon 15:04"))
}

// clock shows an instant as a time of day in each reader's own zone; clients too old for that read UTC.
func clock(at *timestamppb.Timestamp) string {
	return fmt.Sprintf("<!date^%d^{time}|%s UTC>", at.GetSeconds(), at.AsTime().Format("15:04"))
}

// fromNow is how far away something is, in words.
func fromNow(d time.Duration) string {
	if d < 30*time.Second {
		return "right now"
	}
	return plural(int(d.Round(time.Minute)/time.Minute), "minute", "minutes") + " from now"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
