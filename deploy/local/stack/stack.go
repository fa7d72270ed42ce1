// Package stack runs the whole product on one machine without Docker: a Postgres, a broker that speaks the Kafka
// protocol, the Slack simulator and the four service binaries as child processes.
package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// Config says what to start and what is given. The zero value of a field means: the built-in default.
type Config struct {
	Root string // the repository
	Dir  string // state: data, binaries, logs; survives a restart

	DatabaseURL    string // given Postgres; empty: one of our own
	KafkaBootstrap string // given broker; empty: the embedded one
	SlackAPIURL    string // given Slack (or simulator); empty: the simulator of our own

	PagePort int       // preferred port of the simulator's page; taken: another
	Binaries string    // folder of ready-built services; empty: build them
	Cover    bool      // build with coverage counters
	NoLimits bool      // simulator without Slack's rate limits, for load
	Env      []string  // further environment of the services, NAME=value
	Out      io.Writer // merged, readable logs
	Colour   bool
	RawLog   io.Writer // the services' output as they wrote it; may be nil
}

// Stack is a running product.
type Stack struct {
	PageURL          string // where a person opens the simulator; empty with a given Slack
	SlackRequestsURL string // base URL that Slack's requests go to: the address of ingress
	SlackAPIURL      string
	SigningSecret    string
	DatabaseURL      string
	KafkaBootstrap   string
	Addresses        map[string]string // service → host:port

	cfg      Config
	children map[string]*child
	stop     []func() // in reverse order
	running  sync.WaitGroup
}

// Start brings everything up and returns when every process was started; Ready waits until all are of use.
// On an error whatever was started is stopped again.
func Start(ctx context.Context, cfg Config) (_ *Stack, err error) {
	s := &Stack{cfg: cfg, Addresses: map[string]string{}, children: map[string]*child{}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	binaries := cfg.Binaries
	built := make(chan error, 1)
	if binaries == "" {
		binaries = filepath.Join(cfg.Dir, "bin")
		go func() { built <- Build(ctx, cfg.Root, binaries, cfg.Cover) }() // beside the servers: both take seconds
	} else {
		built <- nil
	}
	serversErr := errors.Join(s.startPostgres(ctx), s.startKafka(ctx))
	if err := errors.Join(<-built, serversErr); err != nil {
		return nil, err
	}
	for _, name := range Services {
		if s.Addresses[name], err = freeAddress(0); err != nil {
			return nil, err
		}
	}
	s.SlackRequestsURL = "http://" + s.Addresses["ingress"]
	secrets, err := s.startSlack()
	if err != nil {
		return nil, err
	}
	s.startServices(binaries, secrets)
	return s, nil
}

func (s *Stack) startPostgres(ctx context.Context) error {
	s.DatabaseURL = s.cfg.DatabaseURL
	if s.DatabaseURL == "" {
		pg, err := server.StartPostgres(ctx, server.PostgresConfig{Dir: filepath.Join(s.cfg.Dir, "postgres")})
		if err != nil {
			return err
		}
		s.stop = append(s.stop, func() { _ = pg.Stop() })
		s.DatabaseURL = pg.URL
	}
	if err := migrations.Up(ctx, s.DatabaseURL); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func (s *Stack) startKafka(ctx context.Context) error {
	s.KafkaBootstrap = s.cfg.KafkaBootstrap
	if s.KafkaBootstrap == "" {
		kafka, err := server.StartKafka(ctx, server.KafkaConfig{Dir: filepath.Join(s.cfg.Dir, "kafka")})
		if err != nil {
			return err
		}
		s.stop = append(s.stop, func() { _ = kafka.Stop() })
		s.KafkaBootstrap = kafka.Bootstrap
	}
	wanted, err := topic.All()
	if err != nil {
		return err
	}
	topics := make([]bus.Topic, len(wanted))
	for i, t := range wanted {
		// One broker: there is nobody to replicate to.
		delete(t.Config, "min.insync.replicas")
		topics[i] = bus.Topic{Name: t.Name, Partitions: t.Partitions, Replication: 1, Config: t.Config}
	}
	if err := bus.CreateTopics(ctx, bus.Config{Bootstrap: []string{s.KafkaBootstrap}}, topics); err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

// slackSecrets are what the services need to speak to Slack.
type slackSecrets struct{ signing, token string }

// startSlack serves the simulator, unless a Slack is given: then its secrets come from the environment.
func (s *Stack) startSlack() (slackSecrets, error) {
	if s.cfg.SlackAPIURL != "" {
		secrets := slackSecrets{signing: os.Getenv("SLACK_SIGNING_SECRET"), token: os.Getenv("SLACK_BOT_TOKEN")}
		if secrets.signing == "" || secrets.token == "" {
			return secrets, errors.New("SLACK_API_URL is given, so SLACK_SIGNING_SECRET and SLACK_BOT_TOKEN (xoxb-…) are needed too")
		}
		s.SlackAPIURL, s.SigningSecret = s.cfg.SlackAPIURL, secrets.signing
		return secrets, nil
	}
	secrets := slackSecrets{signing: randomHex(16), token: "xoxb-local-" + randomHex(12)}
	s.SigningSecret = secrets.signing
	sim, err := slacksim.New(slacksim.Config{
		SigningSecret: secrets.signing, BotToken: secrets.token, AppURL: s.SlackRequestsURL,
		StatePath: filepath.Join(s.cfg.Dir, "slack.json"), Limits: slacksim.Limits{Off: s.cfg.NoLimits},
	})
	if err != nil {
		return secrets, fmt.Errorf("slack simulator: %w", err)
	}
	addr, err := freeAddress(s.cfg.PagePort)
	if err != nil {
		return secrets, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return secrets, fmt.Errorf("slack simulator: %w", err)
	}
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(listener) }()
	s.stop = append(s.stop, func() { _ = srv.Close(); sim.Close() })
	s.PageURL = "http://" + addr
	s.SlackAPIURL = s.PageURL + "/api/"
	return secrets, nil
}

func (s *Stack) startServices(binaries string, secrets slackSecrets) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = append(s.stop, func() { cancel(); s.running.Wait() })
	logs := &merger{out: s.cfg.Out, colour: s.cfg.Colour, width: len("ingress ")}
	for _, name := range Services {
		env := append(os.Environ(),
			"HTTP_ADDR="+s.Addresses[name],
			"DATABASE_URL="+s.DatabaseURL,
			"KAFKA_BOOTSTRAP="+s.KafkaBootstrap,
			"SLACK_API_URL="+s.SlackAPIURL,
			"SLACK_SIGNING_SECRET="+secrets.signing,
			"SLACK_BOT_TOKEN="+secrets.token,
		)
		c := &child{
			name: name, binary: filepath.Join(binaries, name), addr: s.Addresses[name], env: append(env, s.cfg.Env...),
			out: logs.writer(name, s.cfg.RawLog), wake: make(chan struct{}, 1),
			say: func(format string, args ...any) { logs.line("demo", fmt.Appendf(nil, format, args...)) },
		}
		s.children[name] = c
		s.running.Go(func() { c.run(ctx) })
	}
}

// Ready returns when every service answers its readiness check, or ctx ends: then it says what is missing.
func (s *Stack) Ready(ctx context.Context) error {
	for _, name := range Services {
		for {
			problem := ready(ctx, s.Addresses[name])
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

func ready(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health/ready", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	if res.StatusCode != http.StatusOK {
		return errors.New(string(body))
	}
	return nil
}

// Kill ends a service's process as kill -9 does; it is started again.
func (s *Stack) Kill(name string) error { return s.children[name].signal(syscall.SIGKILL) }

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
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
	s.stop = nil
}

// freeAddress returns a loopback address with the wanted port, or with another one if that is taken. 0: any.
func freeAddress(port int) (string, error) {
	for _, p := range []int{port, 0} {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			continue
		}
		addr := listener.Addr().String()
		return addr, listener.Close()
	}
	return "", errors.New("no free port on 127.0.0.1")
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
