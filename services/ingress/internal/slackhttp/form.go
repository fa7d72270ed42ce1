package slackhttp

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"
)

// readForm reads a form of valid UTF-8, or refuses it.
func readForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errBad
	}
	for _, values := range form {
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, errBad
			}
		}
	}
	return form, nil
}

// commandForm is command as it comes over HTTP.
func (s *Server) commandForm(ctx context.Context, body []byte) (any, error) {
	form, err := readForm(body)
	if err != nil {
		return nil, err
	}
	return s.command(ctx, form)
}

// interactionForm is interaction as it comes over HTTP.
func (s *Server) interactionForm(ctx context.Context, body []byte) (any, error) {
	form, err := readForm(body)
	if err != nil {
		return nil, err
	}
	return s.interaction(ctx, []byte(form.Get("payload")))
}

// unescaped undoes, once, what Slack does to three characters of what people type in its message field. It says so of
// messages and not of commands; if it ever leaves these alone, only someone who types "&amp;" sees a difference.
// What comes out of a form's fields is as typed.
// https://docs.slack.dev/messaging/formatting-message-text
var unescaped = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
