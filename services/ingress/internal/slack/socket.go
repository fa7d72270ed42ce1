package slack

import (
	"context"
	"errors"
	"net/url"

	"github.com/coder/websocket"
	slackgo "github.com/slack-go/slack"
)

var errNoTLS = errors.New("the address of a connection is none with TLS")

// OpenSocket opens a connection of Socket Mode, with the app-level token. Its address is a secret; it is part of no error.
// https://docs.slack.dev/reference/methods/apps.connections.open
func (c *Client) OpenSocket(ctx context.Context) (conn *websocket.Conn, err error) {
	var address string
	err = c.attempt(ctx, "apps.connections.open", func(ctx context.Context) error {
		_, address, err = c.api.StartSocketModeContext(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = c.attempt(ctx, "websocket", func(ctx context.Context) error {
		u, err := url.Parse(address)
		if err != nil || c.simulator == nil && u.Scheme != "wss" {
			return errNoTLS
		}
		opened, answer, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: c.http}) //nolint:bodyclose // Dial says that it need not be
		if err != nil && answer != nil {
			return slackgo.StatusCodeError{Code: answer.StatusCode, Status: answer.Status}
		}
		conn = opened
		return err
	})
	return conn, err
}
