// Package slacksim is a Slack workspace double: the Web API a bot calls, with
// Slack's argument rules, scopes, rate limits and error codes; the signed
// requests Slack sends to an app; and a page that looks and behaves like Slack.
//
// A Sim is one workspace with one installed app, served as an http.Handler:
//
//	/             the page
//	/api/{method} the Web API
//	/hooks/{id}   response_url targets
//	/link/        the app's connections, with Socket Mode
//	/sim/…        what people do, faults and the recorded history (Client speaks it)
//
// The rules follow https://docs.slack.dev; README.md names the exceptions.
package slacksim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config is what a workspace and its app are made of. SigningSecret and BotToken are required.
type Config struct {
	SigningSecret string
	BotToken      string
	AppToken      string // app-level token (xapp-…); not empty: Socket Mode is on, and no request goes to AppURL
	AppURL        string // base URL of the app; requests go to AppURL/slack/commands, /slack/interactions and /slack/events
	URL           string // base URL of the simulator, for response_urls; empty: as the person's own request had it
	Now           func() time.Time
	StatePath     string        // JSON file with workspace, messages and views; empty: memory only
	Workspace     Workspace     // zero: DefaultWorkspace
	Scopes        []string      // granted to the bot; nil: DefaultScopes
	Events        []string      // subscribed; nil: DefaultEvents
	Limits        Limits        // zero: Slack's
	TracesURL     string        // a page, shown beside the messages, about what the app did; empty: none
	AckTimeout    time.Duration // for the app's answers; 0: Slack's 3 s
	// EventRetries are the pauses before each repetition of an event that was not
	// acknowledged; nil: Slack's, at once, 1 and 5 minutes.
	EventRetries []time.Duration
}

// DefaultEvents are the subscribed event types, as an app's settings name them.
var DefaultEvents = []string{
	"app_home_opened", "app_mention", "channel_left", "group_left", "member_joined_channel", "member_left_channel", "message.im",
	"tokens_revoked", "user_change",
}

// Sim is one simulated workspace. It is safe for concurrent use.
type Sim struct {
	cfg  Config
	mux  *http.ServeMux
	http *http.Client // to the app

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // events on their way, the saver
	hub    hub
	links  links // of Socket Mode

	mu       sync.Mutex
	st       *state
	appURL   string
	dirty    bool
	closed   bool
	meter    *meter
	faults   []Fault
	history  history
	triggers map[string]*trigger
	hooks    map[string]*hook
}

// New opens the workspace, as it was left if Config.StatePath has it.
// Close it when done.
func New(cfg Config) (*Sim, error) {
	if cfg.SigningSecret == "" || cfg.BotToken == "" {
		return nil, errors.New("slacksim: SigningSecret and BotToken are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.AckTimeout <= 0 {
		cfg.AckTimeout = 3 * time.Second
	}
	if cfg.EventRetries == nil {
		cfg.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if cfg.Scopes == nil {
		cfg.Scopes = DefaultScopes
	}
	if cfg.Events == nil {
		cfg.Events = DefaultEvents
	}
	if cfg.Workspace.Team.ID == "" {
		cfg.Workspace = DefaultWorkspace()
	}
	if cfg.Workspace.Bot.UserID == "" {
		return nil, errors.New("slacksim: Workspace.Bot.UserID is required")
	}
	st := &state{Workspace: cfg.Workspace}
	if cfg.StatePath != "" {
		saved, err := load(cfg.StatePath)
		if err != nil {
			return nil, err
		}
		if saved != nil {
			st = saved
			st.Workspace.Commands = cfg.Workspace.Commands // the app's settings, not the workspace's memory
		}
	}
	st.Workspace.complete()
	if st.Messages == nil {
		st.Messages = map[string][]*message{}
	}
	if st.Modals == nil {
		st.Modals = map[string][]*view{}
	}
	if st.Homes == nil {
		st.Homes = map[string]*view{}
	}
	s := &Sim{
		cfg: cfg, st: st, dirty: true, meter: newMeter(cfg.Limits),
		http: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		hub:      hub{streams: map[*stream]struct{}{}},
		links:    links{tickets: map[string]time.Time{}},
		triggers: map[string]*trigger{},
		hooks:    map[string]*hook{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.SetAppURL(cfg.AppURL)
	s.mux = s.routes()
	if cfg.StatePath != "" {
		if err := s.save(); err != nil { // a path that cannot be written is told now
			return nil, err
		}
		s.work.Go(s.keepSaving)
	}
	return s, nil
}

// SetAppURL says where the app is, for apps that are started after the simulator.
func (s *Sim) SetAppURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appURL = strings.TrimSuffix(url, "/")
}

// ServeHTTP serves the page, the Web API, response_urls and the control API.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends streams and events on their way, and saves the state.
func (s *Sim) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel()
	s.work.Wait()
	s.http.CloseIdleConnections()
	return s.save()
}

// spawn runs fn in the background unless the simulator is closed. Expects Sim.mu held.
func (s *Sim) spawn(fn func()) {
	if !s.closed {
		s.work.Go(fn)
	}
}

// baseURL is where the simulator is reached, as far as known.
func (s *Sim) baseURL(r *http.Request) string {
	if s.cfg.URL != "" {
		return strings.TrimSuffix(s.cfg.URL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, r.Host)
}
