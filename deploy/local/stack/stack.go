// Package stack runs the whole product on one machine without Docker: a Postgres, a broker that speaks the Kafka
// protocol, the Slack simulator and the four service binaries as child processes.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
)

// Config says what to start and what is given. The zero value of a field means: the built-in default.
type Config struct {
	Root string // the repository; empty: that of the current folder
	Dir  string // state: data, binaries; survives a restart

	DatabaseURL    string       // given Postgres; empty: one of our own
	KafkaBootstrap string       // given broker; empty: the embedded one
	KafkaSecurity  bus.Security // with which topics are created there
	SlackAPIURL    string       // given Slack (or simulator); empty: the simulator of our own

	Port     int                           // wished for the page, and the next ones for the services; taken: others. 0: any
	Binaries string                        // folder of ready-built services; empty: build them
	CoverDir string                        // build with coverage counters and have them written here
	Clock    *Clock                        // of the whole stack; nil: the machine's
	Socket   bool                          // Slack's requests come through connections that ingress opens (Socket Mode)
	Traces   bool                          // keep the newest traces, and show them at /traces of the page and beside it
	NoLimits bool                          // simulator without Slack's rate limits, for load
	Env      []string                      // further environment of the services, NAME=value
	EnvOf    func(service string) []string // and of one of them; may be nil
	Out      io.Writer                     // merged, readable logs; nil: nowhere
	Colour   bool
	RawLog   io.Writer // the services' output as they wrote it; may be nil
}

// Stack is a running product.
type Stack struct {
	PageURL          string // where a person opens the simulator; empty with a given Slack
	SlackRequestsURL string // base URL that Slack's requests go to: the address of ingress
	SlackAPIURL      string
	SigningSecret    string
	BotToken         string
	AppToken         string // of Socket Mode; empty: requests go to ingress
	DatabaseURL      string
	KafkaBootstrap   string
	Addresses        map[string]string // service → host:port

	cfg      Config
	logs     *merger
	page     net.Listener // on the first of our ports
	children map[string]*child
	stop     []func() // in reverse order
	running  sync.WaitGroup
}

// Start brings everything up and returns when every process was started; Ready waits until all are of use.
// On an error whatever was started is stopped again.
func Start(ctx context.Context, cfg Config) (_ *Stack, err error) {
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	s := &Stack{
		cfg: cfg, Addresses: map[string]string{}, children: map[string]*child{},
		logs: &merger{out: cfg.Out, raw: cfg.RawLog, colour: cfg.Colour},
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if s.cfg.Root == "" {
		if s.cfg.Root, err = Root(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	built := make(chan error, 1)
	go func() { built <- s.build(ctx) }() // beside the servers: both take seconds
	serversErr := s.startServers(ctx)
	if err := errors.Join(<-built, serversErr); err != nil {
		return nil, err
	}
	if err := s.chooseAddresses(); err != nil {
		return nil, err
	}
	if err := s.startSlack(); err != nil {
		return nil, err
	}
	return s, s.startServices(ctx)
}

// patience is how long people wait without asking what goes on.
const patience = 3 * time.Second

func (s *Stack) build(ctx context.Context) error {
	if s.cfg.Binaries != "" {
		return nil
	}
	s.cfg.Binaries = filepath.Join(s.cfg.Dir, "bin")
	defer time.AfterFunc(patience, func() { s.Say("building the services; the first time that takes a few minutes") }).Stop()
	return Build(ctx, s.cfg.Root, s.cfg.Binaries, "", s.cfg.CoverDir != "")
}

func (s *Stack) startServices(ctx context.Context) error {
	env := append(os.Environ(),
		"DATABASE_URL="+s.DatabaseURL,
		"KAFKA_BOOTSTRAP="+s.KafkaBootstrap,
		"SLACK_API_URL="+s.SlackAPIURL,
		"SLACK_SIGNING_SECRET="+s.SigningSecret,
		"SLACK_BOT_TOKEN="+s.BotToken,
		"SLACK_APP_TOKEN="+s.AppToken,
		"SLACK_TRANSPORT="+s.transport(),
		"HTTP_ADDR_FILE=", // one of the developer's would be everyone's
	)
	if s.cfg.CoverDir != "" {
		env = append(env, "GOCOVERDIR="+s.cfg.CoverDir)
	}
	if s.cfg.Traces && s.PageURL != "" && os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.PageURL, "OTEL_BSP_SCHEDULE_DELAY=200")
	}
	if s.cfg.Clock != nil {
		env = append(env, "CLOCK_OFFSET_FILE="+s.cfg.Clock.file)
	}
	env = append(env, s.cfg.Env...)
	var faults []error
	for _, name := range Services {
		own := append(slices.Clip(env), "HTTP_ADDR="+s.Addresses[name])
		if s.cfg.EnvOf != nil {
			own = append(own, s.cfg.EnvOf(name)...)
		}
		c := &child{
			name: name, binary: filepath.Join(s.cfg.Binaries, name), env: own,
			out: s.logs.writer(name), wake: make(chan struct{}, 1), say: s.logs.say,
		}
		s.children[name] = c
		faults = append(faults, c.checkConfig(ctx))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = append(s.stop, func() { cancel(); s.running.Wait() })
	for _, c := range s.children {
		s.running.Go(func() { c.run(alive) })
	}
	return nil
}

func (s *Stack) transport() string {
	if s.cfg.Socket {
		return "socket"
	}
	return "http"
}

// Ready returns when every service answers its readiness check, or ctx ends: then it says what is missing.
func (s *Stack) Ready(ctx context.Context) error {
	for _, name := range Services {
		for {
			problem := s.ready(ctx, name)
			if problem == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready: %w", name, problem)
			case <-time.After(25 * time.Millisecond):
			}
		}
	}
	return nil
}

func (s *Stack) ready(ctx context.Context, name string) error {
	// An answer that was on its way when ctx ended is the reason to tell, so it has a little longer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addresses[name]+"/health/ready", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	var report struct{ Checks map[string]any }
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&report); err != nil {
		return errors.New(res.Status)
	}
	return errors.New(readable(report.Checks))
}

// Kill ends a service's process as kill -9 does and returns when it is gone; it is started again.
func (s *Stack) Kill(name string) error { return s.children[name].kill() }

// Hold ends a service's process as kill -9 does and keeps it down until Release.
func (s *Stack) Hold(name string) error {
	s.children[name].hold()
	return s.Kill(name)
}

// Release starts a held service again.
func (s *Stack) Release(name string) { s.children[name].release() }

// PID is the process id of a service, 0 while it is down.
func (s *Stack) PID(name string) int {
	c := s.children[name]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// Stop ends everything that Start started, the services first, and returns when it is gone.
func (s *Stack) Stop() {
	for _, stop := range slices.Backward(s.stop) {
		stop()
	}
	s.stop = nil
}

// Say prints a line among the logs.
func (s *Stack) Say(format string, args ...any) { s.logs.say(format, args...) }

// PrintAddresses tells a person where to go.
func (s *Stack) PrintAddresses(out io.Writer, took time.Duration) {
	bold := func(text string) string { return text }
	if s.cfg.Colour {
		bold = func(text string) string { return paint("1", text) }
	}
	var b strings.Builder
	if s.PageURL != "" {
		fmt.Fprintf(&b, "\n  %s\n\n", bold("☕ Open "+s.PageURL+" and type /coffee"))
	}
	fmt.Fprintf(&b, "  Slack requests go to %s\n  Ready in %.1f s. Ctrl-C stops everything; state is kept (make demo-reset starts over).\n\n",
		s.SlackRequestsURL, took.Seconds())
	_, _ = io.WriteString(out, b.String())
}
