// Package message holds every text that people read in Slack, a file per surface. It is pure: snapshots in, Block Kit out.
//
// What people typed is shown in plain_text only, so that it is inert; mrkdwn holds our own words, mentions and dates.
// Mentions notify, so they are rare: the starter on the card, the runner in the summary. Everyone else goes by name.
package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Message is what is posted: blocks, and the text that notifications and screen readers use instead.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Names returns a person's display name, "someone" for an unknown id.
type Names func(userID string) string

// Action ids of buttons. Every button's value is the run's id.
const (
	ActionOrder    = "order"
	ActionUsual    = "usual"
	ActionWithdraw = "withdraw"
	ActionClose    = "close"
	ActionCancel   = "cancel"
	ActionMore     = "more"  // the overflow menu; the chosen option's value is "verb:run id"
	ActionStart    = "start" // value: what /coffee would be given
)

// Slack's limits (characters), with room to spare for what surrounds the text.
const (
	maxSection = 2900
	maxMessage = 9000
)

func mrkdwn(format string, args ...any) *slack.SectionBlock {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, fmt.Sprintf(format, args...), false, true), nil, nil)
}

func plain(text string) *slack.SectionBlock { return slack.NewSectionBlock(plainText(text), nil, nil) }

func plainText(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

// small is a line in grey, for reasons and refs.
func small(text string) *slack.ContextBlock { return slack.NewContextBlock("", plainText(text)) }

func button(action, value, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, plainText(label))
}

// only is a message of a single mrkdwn text, the same for eyes and screen readers.
func only(format string, args ...any) Message {
	text := fmt.Sprintf(format, args...)
	return Message{Text: text, Blocks: []slack.Block{mrkdwn("%s", text)}}
}

// with adds a row of buttons.
func (m Message) with(buttons ...slack.BlockElement) Message {
	m.Blocks = append(m.Blocks, slack.NewActionBlock("", buttons...))
	return m
}

func mention(userID string) string { return "<@" + userID + ">" }

// clock shows an instant as a time of day in each reader's own zone; clients too old for that read UTC.
func clock(at *timestamppb.Timestamp) string {
	return fmt.Sprintf("<!date^%d^{time}|%s UTC>", at.GetSeconds(), at.AsTime().Format("15:04"))
}

// escape makes text that people typed harmless in mrkdwn and in a message's top-level text.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// cut shortens text to at most limit characters, at a character, with an ellipsis.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}

func minutes(d time.Duration) string {
	return plural(int(d.Round(time.Minute)/time.Minute), "minute", "minutes")
}
