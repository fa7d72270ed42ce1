package slack

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	slackgo "github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// Methods that post, by Slack's names; each is limited by itself.
const (
	PostMessage   = "chat.postMessage"
	Update        = "chat.update"
	PostEphemeral = "chat.postEphemeral"
)

// Mark is put into a message's metadata, where nobody sees it, so that the message can be found again.
type Mark struct {
	Delivery uuid.UUID
	Part     int // of a delivery that takes several messages, from 0
}

const markType = "coffeebuddy_delivery"

func (m Mark) metadata() slackgo.SlackMetadata {
	return slackgo.SlackMetadata{EventType: markType, EventPayload: map[string]any{"id": m.Delivery.String(), "part": m.Part}}
}

func (m Mark) on(metadata slackgo.SlackMetadata) bool {
	part, _ := metadata.EventPayload["part"].(float64)
	return metadata.EventType == markType && metadata.EventPayload["id"] == m.Delivery.String() && int(part) == m.Part
}

func content(m message.Message) slackgo.MsgOption {
	return slackgo.MsgOptionCompose(
		slackgo.MsgOptionText(m.Text, false), slackgo.MsgOptionBlocks(m.Blocks...),
		slackgo.MsgOptionDisableLinkUnfurl(), slackgo.MsgOptionDisableMediaUnfurl())
}

// Post posts a message in a channel or direct message conversation, or in the thread below one of its messages, and
// returns its ts.
func (c *Client) Post(ctx context.Context, channelID, threadTS string, m message.Message, mark Mark) (ts string, err error) {
	options := []slackgo.MsgOption{content(m), slackgo.MsgOptionMetadata(mark.metadata())}
	if threadTS != "" {
		options = append(options, slackgo.MsgOptionTS(threadTS))
	}
	err = c.call(ctx, PostMessage, func(ctx context.Context) error {
		_, ts, err = c.api.PostMessageContext(ctx, channelID, options...)
		if err == nil && ts == "" {
			return errNoTimestamp
		}
		return err
	})
	c.forget(channelID, err)
	return ts, err
}

// Update replaces a message of ours. Repeating it is harmless.
func (c *Client) Update(ctx context.Context, channelID, ts string, m message.Message, mark Mark) error {
	return c.call(ctx, Update, func(ctx context.Context) error {
		_, _, _, err := c.api.UpdateMessageContext(ctx, channelID, ts, content(m), slackgo.MsgOptionMetadata(mark.metadata()))
		return err
	})
}

// PostEphemeral shows a message to one person in a channel, until their client forgets it.
func (c *Client) PostEphemeral(ctx context.Context, channelID, userID string, m message.Message) error {
	return c.call(ctx, PostEphemeral, func(ctx context.Context) error {
		_, err := c.api.PostEphemeralContext(ctx, channelID, userID, content(m))
		return err
	})
}

// OpenDirect returns the conversation for direct messages to a person. Repeating it is harmless.
func (c *Client) OpenDirect(ctx context.Context, userID string) (channelID string, err error) {
	c.mu.Lock()
	channelID = c.directs[userID]
	c.mu.Unlock()
	if channelID != "" {
		return channelID, nil
	}
	err = c.call(ctx, "conversations.open", func(ctx context.Context) error {
		channel, _, _, err := c.api.OpenConversationContext(ctx, &slackgo.OpenConversationParameters{Users: []string{userID}})
		if err != nil {
			return err
		}
		if channel == nil || channel.ID == "" {
			return errors.New("no channel in the answer")
		}
		channelID = channel.ID
		return nil
	})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.directs) >= mostRemembered {
		clear(c.directs)
	}
	c.directs[userID] = channelID
	return channelID, nil
}

const (
	historyPage  = 200
	historyPages = 5 // a busy channel's last thousand messages
	// clockGap is how far our clock and Slack's may be apart.
	clockGap = 2 * time.Minute
)

// Find looks for the message with mark among those posted in a conversation since then, newest first.
// Empty without an error: it is not there.
func (c *Client) Find(ctx context.Context, channelID string, since time.Time, mark Mark) (ts string, err error) {
	params := slackgo.GetConversationHistoryParameters{
		ChannelID: channelID, IncludeAllMetadata: true, Limit: historyPage,
		Oldest: strconv.FormatInt(since.Add(-clockGap).Unix(), 10),
	}
	for range historyPages {
		err = c.call(ctx, "conversations.history", func(ctx context.Context) error {
			page, err := c.api.GetConversationHistoryContext(ctx, &params)
			if err != nil {
				return err
			}
			for _, m := range page.Messages {
				if mark.on(m.Metadata) {
					ts = m.Timestamp
				}
			}
			params.Cursor = page.ResponseMetaData.NextCursor
			return nil
		})
		if err != nil || ts != "" || params.Cursor == "" {
			return ts, err
		}
	}
	return "", nil
}
