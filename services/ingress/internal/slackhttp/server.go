// Package slackhttp is the door through which Slack's requests come in: verify, read, decide what is meant, publish a
// command, answer. Nothing here is slow, for Slack waits three seconds and people see an error after that.
package slackhttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// MaxBody is the largest request taken, in bytes; Slack's own stay far below.
const MaxBody = 64 << 10

// publishBudget is how long a request waits for the broker, so that the answer is there before Slack gives up.
const publishBudget = 1500 * time.Millisecond

// Knowledge is what ingress knows of runs. It answers questions; it is never the judge. nil, nil: unknown.
type Knowledge interface {
	Run(ctx context.Context, workspaceID, runID string) (*runv1.Run, error)
	OpenRun(ctx context.Context, workspaceID, channelID string) (*runv1.Run, error)
	Usual(ctx context.Context, workspaceID, channelID, userID string) (*runv1.Usual, error)
}

// People tells who is who.
type People interface {
	Person(ctx context.Context, workspaceID, userID string) (people.Person, error)
}

// Slack is what a request needs of the Web API.
type Slack interface {
	// Workspace is the id of the installation's workspace.
	Workspace(ctx context.Context) (string, error)
	// BotUser is the bot's own user id.
	BotUser(ctx context.Context) (string, error)
	// InChannel says whether the bot is a member.
	InChannel(ctx context.Context, channelID string) (bool, error)
	OpenView(ctx context.Context, triggerID string, view slack.ModalViewRequest) error
	// Respond answers to a response_url: visible to the person alone.
	Respond(ctx context.Context, responseURL string, m message.Message) error
}

// Publisher hands commands over durably.
type Publisher interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Server answers Slack's requests.
type Server struct {
	Secrets   []string // signing secrets; a second one while they are being changed
	Publisher Publisher
	Knowledge Knowledge
	People    People
	Slack     Slack
	Telemetry *telemetry.Telemetry
	Now       func() time.Time

	clicks clicks
}

// Handler returns the routes below /slack/.
func (s *Server) Handler() (http.Handler, error) {
	observe, err := newObserver(s.Telemetry)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.refuse
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.recovered}))
	slackOnly := e.Group("/slack", observe.requests, s.verified)
	slackOnly.POST("/commands", s.commands)
	slackOnly.POST("/interactions", s.interactions)
	slackOnly.POST("/events", s.events)
	return e, nil
}

// refuse answers what cannot be processed: a short JSON text, never an internal one.
func (s *Server) refuse(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := http.StatusInternalServerError
	var refused *echo.HTTPError
	if errors.As(err, &refused) {
		status = refused.Code
	}
	ref := telemetry.Ref(c.Request().Context())
	if status >= http.StatusInternalServerError {
		s.Telemetry.Log.ErrorContext(c.Request().Context(), "request not answered", "error", err)
		// Slack shows people a raw error for anything but 200.
		_ = c.JSON(http.StatusOK, ephemeral(message.Broken(ref)))
		return
	}
	_ = c.JSON(status, map[string]string{"error": http.StatusText(status), "ref": ref})
}

func (s *Server) recovered(c echo.Context, err error, stack []byte) error {
	s.Telemetry.Log.ErrorContext(c.Request().Context(), "handler panicked", slog.String("stack", string(stack)))
	return err
}

// reply is a message as the answer to a slash command.
type reply struct {
	ResponseType string        `json:"response_type"`
	Text         string        `json:"text"`
	Blocks       []slack.Block `json:"blocks,omitempty"`
}

func ephemeral(m message.Message) reply {
	return reply{ResponseType: slack.ResponseTypeEphemeral, Text: m.Text, Blocks: m.Blocks}
}
