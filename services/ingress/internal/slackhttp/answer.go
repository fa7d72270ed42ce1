package slackhttp

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
	"github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// handler decides on the body of a request that Slack signed. Its answer becomes the JSON of a 200; nil: an empty one.
type handler func(ctx context.Context, body []byte) (answer any, err error)

// decide gives the handler its time.
func (handle handler) decide(ctx context.Context, body []byte) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, decideBudget)
	defer cancel()
	return handle(ctx, body)
}

// errBad refuses what no Slack would send.
var errBad = echo.NewHTTPError(http.StatusBadRequest)

func (s *Server) answer(handle handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, err := s.read(c.Response(), c.Request())
		if err != nil {
			return err
		}
		answer, err := handle.decide(c.Request().Context(), body)
		switch {
		case err != nil:
			return err
		case answer == nil:
			return c.NoContent(http.StatusOK)
		default:
			return c.JSON(http.StatusOK, answer)
		}
	}
}

// reply is a message as the answer to a slash command, seen by the caller alone.
type reply struct {
	ResponseType string        `json:"response_type"`
	Text         string        `json:"text"`
	Blocks       []slack.Block `json:"blocks,omitempty"`
}

func ephemeral(m message.Message) reply {
	return reply{ResponseType: slack.ResponseTypeEphemeral, Text: m.Text, Blocks: m.Blocks}
}

// refuse answers what cannot be processed: a short JSON text, never an internal one.
func (s *Server) refuse(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	ctx := c.Request().Context()
	if refused, ok := errors.AsType[*echo.HTTPError](err); ok {
		_ = c.JSON(refused.Code, map[string]string{"error": http.StatusText(refused.Code), "ref": telemetry.Ref(ctx)})
		return
	}
	// For anything but 200, people see an error of Slack's.
	_ = c.JSON(http.StatusOK, s.excuse(ctx, err))
}

// excuse is what people read instead of an answer.
func (s *Server) excuse(ctx context.Context, err error) reply {
	if !errors.Is(err, errPanicked) {
		s.Telemetry.Log.ErrorContext(ctx, "request not answered", "error", err)
	}
	return ephemeral(message.Broken(telemetry.Ref(ctx)))
}

var errPanicked = errors.New("handler panicked")

// recovered turns a panic into an error.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer s.recoverTo(c.Request().Context(), &err)
		return next(c)
	}
}

// recoverTo is deferred: it makes a panic an error. Its value is logged only if it is the runtime's: others may quote what
// people typed.
func (s *Server) recoverTo(ctx context.Context, err *error) {
	if value := recover(); value != nil {
		s.Telemetry.Log.ErrorContext(ctx, "handler panicked", "cause", telemetry.PanicCause(value), "stack", string(debug.Stack()))
		*err = errPanicked
	}
}
