package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// messagesPerChannel bounds the memory of a conversation; the oldest go first.
const messagesPerChannel = 1000

// Message is a message as the control API shows it.
type Message struct {
	TS         string          `json:"ts"`
	Channel    string          `json:"channel"`
	User       string          `json:"user"` // the author; the bot's user for the bot
	Bot        bool            `json:"bot"`
	Subtype    string          `json:"subtype,omitempty"` // channel_join, channel_leave, tombstone, thread_broadcast
	Text       string          `json:"text"`
	Blocks     json.RawMessage `json:"blocks"` // Block Kit array or null
	Ephemeral  bool            `json:"ephemeral"`
	To         string          `json:"to,omitempty"` // who sees an ephemeral message
	Edited     bool            `json:"edited"`
	ThreadTS   string          `json:"thread_ts,omitempty"`
	ReplyCount int             `json:"reply_count"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

// message is what is kept of a message beyond what people see. It is replaced,
// never changed, once stored: readers may hold it without the lock.
type message struct {
	Message
	EditedTS    string            `json:"edited_ts,omitempty"`
	Attachments json.RawMessage   `json:"attachments,omitempty"`
	States      map[string]Values `json:"states,omitempty"` // what each person selected in it
}

func (m *message) visibleTo(user string) bool { return !m.Ephemeral || m.To == user }

// state is everything that survives a restart. Its methods expect Sim.mu held.
type state struct {
	Workspace Workspace             `json:"workspace"`
	Messages  map[string][]*message `json:"messages"` // by channel, oldest first
	Modals    map[string][]*view    `json:"modals"`   // by user, the top of the stack last
	Homes     map[string]*view      `json:"homes"`    // by user
	LastTS    int64                 `json:"last_ts"`  // µs since 1970
	LastID    int64                 `json:"last_id"`
}

// nextTS is the id of a new message: its time in microseconds, later than any before.
func (st *state) nextTS(now time.Time) string {
	st.LastTS = max(now.UnixMicro(), st.LastTS+1)
	return fmt.Sprintf("%d.%06d", st.LastTS/1e6, st.LastTS%1e6)
}

// nextID returns an id nobody else has, in Slack's alphabet.
func (st *state) nextID(prefix string) string {
	st.LastID++
	return fmt.Sprintf("%sSIM%07d", prefix, st.LastID)
}

func (st *state) add(now time.Time, m message) *message {
	m.TS = st.nextTS(now)
	list := append(st.Messages[m.Channel], &m)
	if len(list) > messagesPerChannel {
		list = slices.Clone(list[len(list)-messagesPerChannel:])
	}
	st.Messages[m.Channel] = list
	if m.ThreadTS != "" && !m.Ephemeral {
		st.countReplies(m.Channel, m.ThreadTS, 1)
	}
	return &m
}

func (st *state) countReplies(channel, ts string, change int) {
	if parent := st.message(channel, ts); parent != nil {
		counted := *parent
		counted.ReplyCount += change
		st.replace(&counted)
	}
}

func (st *state) index(channel, ts string) (int, bool) {
	return slices.BinarySearchFunc(st.Messages[channel], ts, func(m *message, ts string) int {
		return strings.Compare(m.TS, ts) // fixed width until the year 2286
	})
}

func (st *state) message(channel, ts string) *message {
	if i, ok := st.index(channel, ts); ok {
		return st.Messages[channel][i]
	}
	return nil
}

func (st *state) replace(m *message) {
	if i, ok := st.index(m.Channel, m.TS); ok {
		st.Messages[m.Channel][i] = m
	}
}

// remove deletes a message, leaving a tombstone where a thread hangs on it.
func (st *state) remove(m *message) {
	if m.ReplyCount > 0 {
		st.replace(&message{Message: Message{
			TS: m.TS, Channel: m.Channel, User: Slackbot, Bot: true, Subtype: "tombstone",
			Text: "This message was deleted.", ThreadTS: m.ThreadTS, ReplyCount: m.ReplyCount,
		}})
		return
	}
	if i, ok := st.index(m.Channel, m.TS); ok {
		st.Messages[m.Channel] = slices.Delete(st.Messages[m.Channel], i, i+1)
	}
	if m.ThreadTS != "" && !m.Ephemeral {
		st.countReplies(m.Channel, m.ThreadTS, -1)
	}
}
