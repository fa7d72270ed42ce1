package slack

import (
	"context"
	"errors"
	"time"

	slackgo "github.com/slack-go/slack"
)

const (
	membershipFresh = 5 * time.Minute
	mostRemembered  = 50_000
)

// identity is who the token belongs to.
type identity struct{ workspaceID, botUserID string }

// Workspace returns the id of the workspace the app is installed in. Slack is asked until it answered once.
func (c *Client) Workspace(ctx context.Context) (string, error) {
	us, err := c.whoAmI(ctx)
	return us.workspaceID, err
}

// BotUser returns the user id of the bot, asked for like the workspace.
func (c *Client) BotUser(ctx context.Context) (string, error) {
	us, err := c.whoAmI(ctx)
	return us.botUserID, err
}

func (c *Client) whoAmI(ctx context.Context) (identity, error) {
	if us := c.us.Load(); us != nil {
		return *us, nil
	}
	return c.authTest(ctx)
}

func (c *Client) authTest(ctx context.Context) (us identity, err error) {
	err = c.call(ctx, "auth.test", func(ctx context.Context) error {
		answer, err := c.api.AuthTestContext(ctx)
		if err != nil {
			return err
		}
		if answer.TeamID == "" {
			return errors.New("no team in the answer")
		}
		us = identity{answer.TeamID, answer.UserID}
		c.us.Store(&us)
		return nil
	})
	return us, err
}

// Check is ingress's readiness towards Slack: the workspace is known, and the token was not refused lately.
// Slack being slow or away for a while is no reason to be taken out of service.
func (c *Client) Check(ctx context.Context) error {
	if c.us.Load() != nil && !c.refused.Load() {
		return nil
	}
	_, err := c.authTest(ctx)
	return err
}

// InChannel reports whether the bot can post in a channel. A yes is remembered for a while; a no is not,
// for the next thing that happens is that someone invites it.
func (c *Client) InChannel(ctx context.Context, channelID string) (bool, error) {
	c.mu.Lock()
	learned, known := c.channels[channelID]
	c.mu.Unlock()
	if known && time.Since(learned) < membershipFresh {
		return true, nil
	}
	var in bool
	err := c.call(ctx, "conversations.info", func(ctx context.Context) error {
		channel, err := c.api.GetConversationInfoContext(ctx, &slackgo.GetConversationInfoInput{ChannelID: channelID})
		if err != nil {
			return err
		}
		in = (channel.IsMember || channel.IsIM) && !channel.IsArchived
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if code := CodeOf(err); err != nil && code != "channel_not_found" && code != "not_in_channel" { // those: we are not in it
		return false, err
	}
	delete(c.channels, channelID)
	if in {
		if len(c.channels) >= mostRemembered {
			clear(c.channels)
		}
		c.channels[channelID] = time.Now()
	}
	return in, nil
}

// Forget has the next InChannel ask again.
func (c *Client) Forget(channelID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.channels, channelID)
}

// Revoked notes that the token is of no use any more: readiness says so until a call goes well again.
func (c *Client) Revoked() { c.refused.Store(true) }

// Refused reports whether the token was of no use when it was last used, or since Revoked.
func (c *Client) Refused() bool { return c.refused.Load() }

// PublishHome shows someone their App Home.
func (c *Client) PublishHome(ctx context.Context, userID string, view slackgo.HomeTabViewRequest) error {
	return c.call(ctx, "views.publish", func(ctx context.Context) error {
		_, err := c.api.PublishViewContext(ctx, slackgo.PublishViewContextRequest{UserID: userID, View: view})
		return err
	})
}

// forget has the next InChannel ask again, after a call that would not have failed in a channel we are in.
func (c *Client) forget(channelID string, err error) {
	if code := CodeOf(err); code != "not_in_channel" && code != "channel_not_found" {
		return
	}
	c.Forget(channelID)
}

// ChannelName returns a channel's name, without a number sign.
func (c *Client) ChannelName(ctx context.Context, channelID string) (name string, err error) {
	err = c.call(ctx, "conversations.info", func(ctx context.Context) error {
		channel, err := c.api.GetConversationInfoContext(ctx, &slackgo.GetConversationInfoInput{ChannelID: channelID})
		if err == nil {
			name = channel.Name
		}
		return err
	})
	return name, err
}

// PushView puts a modal on top of another, for whoever's click triggerID came with, at most 3 s ago.
func (c *Client) PushView(ctx context.Context, triggerID string, view slackgo.ModalViewRequest) error {
	return c.call(ctx, "views.push", func(ctx context.Context) error {
		_, err := c.api.PushViewContext(ctx, triggerID, view)
		return err
	})
}

// UpdateView changes an open modal, unless it is no longer the version that hash names.
func (c *Client) UpdateView(ctx context.Context, viewID, hash string, view slackgo.ModalViewRequest) error {
	return c.call(ctx, "views.update", func(ctx context.Context) error {
		_, err := c.api.UpdateViewContext(ctx, view, "", hash, viewID)
		return err
	})
}

// OpenView opens a modal for whoever's click triggerID came with, at most 3 s ago.
func (c *Client) OpenView(ctx context.Context, triggerID string, view slackgo.ModalViewRequest) error {
	return c.call(ctx, "views.open", func(ctx context.Context) error {
		_, err := c.api.OpenViewContext(ctx, triggerID, view)
		return err
	})
}
