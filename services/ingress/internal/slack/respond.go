package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	slackgo "github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// responseHost is where the response_urls of Slack point.
const responseHost = "hooks.slack.com"

var errNotSlack = errors.New("response_url is not Slack's")

// Respond answers to the response_url of a request, within that request: visible to its author alone.
// The URL is a secret; it is part of no error.
func (c *Client) Respond(ctx context.Context, responseURL string, m message.Message) error {
	return c.respond(ctx, responseURL, map[string]any{
		"response_type": slackgo.ResponseTypeEphemeral, "replace_original": false, "text": m.Text, "blocks": m.Blocks,
	})
}

// Replace is Respond with new content for the message that was clicked on.
func (c *Client) Replace(ctx context.Context, responseURL, text string, blocks []any) error {
	return c.respond(ctx, responseURL, map[string]any{"replace_original": true, "text": text, "blocks": blocks})
}

func (c *Client) respond(ctx context.Context, responseURL string, answer map[string]any) error {
	if !c.isResponseURL(responseURL) {
		return errNotSlack
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return c.call(ctx, "response_url", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
		if err != nil {
			return errNotSlack
		}
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		resp, err := c.http.Do(req)
		if withURL, ok := errors.AsType[*url.Error](err); ok {
			return withURL.Err
		}
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
		if resp.StatusCode != http.StatusOK {
			return slackgo.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
		}
		return nil
	})
}

// isResponseURL reports whether a URL is Slack's, or that of the simulator we were told to use instead.
func (c *Client) isResponseURL(responseURL string) bool {
	u, err := url.Parse(responseURL)
	if err != nil || u.User != nil {
		return false
	}
	if c.simulator != nil {
		return u.Scheme == c.simulator.Scheme && u.Host == c.simulator.Host
	}
	return u.Scheme == "https" && u.Host == responseHost
}
