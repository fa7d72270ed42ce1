// Package slackhttp is the door through which Slack's requests come in: verify, read, decide what is meant, publish a
// command, answer. Nothing here is slow, for Slack waits three seconds and people see an error after that. Where Slack
// cannot reach us, the same requests come in envelopes, through connections that package slacksocket opens.
package slackhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// Slack is answered within two seconds, whatever is slow or away.
const (
	decideBudget  = 1500 * time.Millisecond // for everything that leads to an answer
	askBudget     = 500 * time.Millisecond  // of it for one question that has an answer to fall back on
	respondBudget = 500 * time.Millisecond  // for an answer that takes a call of its own
)

// Knowledge is what ingress knows of runs. It answers questions; it is never the judge. nil, nil: unknown.
type Knowledge interface {
	Run(ctx context.Context, workspaceID, runID string) (*runv1.Run, error)
	Usual(ctx context.Context, workspaceID, channelID, userID string) (*runv1.Usual, error)
	// OpenRun is the channel's run that is open or closing.
	OpenRun(ctx context.Context, workspaceID, channelID string) (*runv1.Run, error)
	// LatestRuns are the channel's, the newest first.
	LatestRuns(ctx context.Context, workspaceID, channelID string, limit int) ([]*runv1.Run, error)
	Settings(ctx context.Context, workspaceID, channelID string) (*runv1.ChannelSettings, error)
	// Usuals are the channels in which someone has a usual, with these.
	Usuals(ctx context.Context, workspaceID, userID string, limit int) (channels []string, usuals []*runv1.Usual, err error)
	// Personal are someone's own settings.
	Personal(ctx context.Context, workspaceID, userID string) (*runv1.PersonalSettings, error)
	// RunsWith are the open runs in which someone has ordered or volunteered.
	RunsWith(ctx context.Context, workspaceID, userID string) ([]*runv1.Run, error)
	SettingsChanges(ctx context.Context, workspaceID, channelID string) ([]*runv1.RunEvent, error)
	Standings(ctx context.Context, workspaceID, channelID string) ([]*runv1.Candidate, error)
}

// People tells who is who.
type People interface {
	Person(ctx context.Context, workspaceID, userID string) (people.Person, error)
	// Names looks people up at once. It takes no longer than ctx, and people.Someone is who is not known by then.
	Names(ctx context.Context, workspaceID string, userIDs []string) func(userID string) string
	// Changed keeps what Slack tells of someone who is known.
	Changed(ctx context.Context, workspaceID string, person people.Person) error
	// Expect looks someone up ahead of need. It does not wait.
	Expect(ctx context.Context, workspaceID, userID string)
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
	PublishHome(ctx context.Context, userID string, view slack.HomeTabViewRequest) error
	PostEphemeral(ctx context.Context, channelID, userID string, m message.Message) error
	// Forget has the next InChannel ask again.
	Forget(channelID string)
	// Revoked notes that the token is of no use any more.
	Revoked()
	// PushView puts a modal on top of another, for whoever's click triggerID came with.
	PushView(ctx context.Context, triggerID string, view slack.ModalViewRequest) error
	// ChannelName is the name that people see.
	ChannelName(ctx context.Context, channelID string) (string, error)
	// UpdateView changes an open modal, unless it is no longer the version that hash names.
	UpdateView(ctx context.Context, viewID, hash string, view slack.ModalViewRequest) error
	// Respond answers to a response_url: visible to the person alone.
	Respond(ctx context.Context, responseURL string, m message.Message) error
	// Replace answers to a response_url with new blocks for the message that was clicked on.
	Replace(ctx context.Context, responseURL, text string, blocks []any) error
}

// Greeter says hello, once.
type Greeter interface {
	Greet(ctx context.Context, d delivery.Delivery) error
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
	Greeter   Greeter
	Slack     Slack
	Telemetry *telemetry.Telemetry
	Now       func() time.Time

	Admins       []string               // people who count as admins of the workspace, beside those that Slack says are
	Defaults     *runv1.ChannelSettings // of channels where nothing happened yet
	RemindersOff bool                   // for the whole installation

	clicks clicks
	homes  homes
}

// Handler returns the routes below /slack/.
func (s *Server) Handler() (http.Handler, error) {
	observer, err := newObserver(s.Telemetry)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.HTTPErrorHandler = s.refuse
	door := e.Group("/slack", observer.observe, s.recovered)
	door.POST("/commands", s.answer(s.commandForm))
	door.POST("/interactions", s.answer(s.interactionForm))
	door.POST("/events", s.answer(s.event))
	return e, nil
}
