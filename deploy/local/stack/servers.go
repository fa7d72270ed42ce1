package stack

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/traces"
	slackapp "github.com/coffeebuddy/coffeebuddy/deploy/slack"
	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// startServers starts what the services need, as far as it is not given.
func (s *Stack) startServers(ctx context.Context) error {
	if err := s.startPostgres(ctx); err != nil {
		return err
	}
	return s.startKafka(ctx)
}

func (s *Stack) startPostgres(ctx context.Context) error {
	s.DatabaseURL = strings.Replace(s.cfg.DatabaseURL, "postgresql+psycopg://", "postgresql://", 1) // as SQLAlchemy writes it
	if s.DatabaseURL == "" {
		cfg := server.PostgresConfig{Dir: filepath.Join(s.cfg.Dir, "postgres")}
		pg, err := server.StartPostgres(ctx, cfg)
		if err != nil {
			return err
		}
		s.DatabaseURL, cfg.Port = pg.URL, pg.Port
		s.keepPostgres(pg, cfg)
	}
	if err := migrations.Up(ctx, s.DatabaseURL); err != nil {
		return fmt.Errorf("migrate%s: %w", given("DATABASE_URL", s.cfg.DatabaseURL), err)
	}
	return nil
}

// keepPostgres starts our server again, at the same address, should it end unasked.
func (s *Stack) keepPostgres(pg *server.Postgres, cfg server.PostgresConfig) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.stop = append(s.stop, func() { cancel(); <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				_ = pg.Stop()
				return
			case <-pg.Exited():
			}
			s.logs.say("postgres ended, starting it again")
			again, err := server.StartPostgres(ctx, cfg)
			if err == nil {
				pg = again
				continue
			}
			s.logs.say("postgres: %v", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
}

func (s *Stack) startKafka(ctx context.Context) error {
	s.KafkaBootstrap = s.cfg.KafkaBootstrap
	if s.KafkaBootstrap == "" {
		dir := filepath.Join(s.cfg.Dir, "kafka")
		_, err := os.Stat(filepath.Join(dir, "meta.json"))
		if errors.Is(err, os.ErrNotExist) {
			if err := s.forgetPositions(ctx); err != nil {
				return err
			}
		}
		kafka, err := server.StartKafka(ctx, server.KafkaConfig{Dir: dir})
		if err != nil {
			return fmt.Errorf("%w (make demo-reset starts over)", err)
		}
		s.stop = append(s.stop, func() { _ = kafka.Stop() }) // closes its files, so that nothing is missing at the next start
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
	if err := bus.CreateTopics(ctx, bus.Config{Bootstrap: strings.Split(s.KafkaBootstrap, ","), Security: s.cfg.KafkaSecurity}, topics); err != nil {
		return fmt.Errorf("create topics%s: %w", given("KAFKA_BOOTSTRAP", s.cfg.KafkaBootstrap), err)
	}
	return nil
}

// given says where to look when what someone gave does not work; its value may be a secret.
func given(variable, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(" (%s is set; unset it, and one is started here)", variable)
}

// forgetPositions lets the consumers begin with the topics of an empty broker of ours. In a database that is given,
// and so outlives our broker's data, they would stop at positions in topics that are no more.
func (s *Stack) forgetPositions(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return fmt.Errorf("positions: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, schema := range migrations.Schemas() {
		if _, err := conn.Exec(ctx, "DELETE FROM "+pgx.Identifier{schema, "consumer_position"}.Sanitize()); err != nil {
			return fmt.Errorf("positions of %s: %w", schema, err)
		}
	}
	return nil
}

// chooseAddresses takes a port for the page and gives each service an address that it keeps for its life.
func (s *Stack) chooseAddresses() error {
	listener, err := reserve(s.cfg.Port)
	if err != nil {
		return err
	}
	s.page = listener
	s.stop = append(s.stop, func() { _ = listener.Close() })
	port := listener.Addr().(*net.TCPAddr).Port
	for i, name := range Services {
		s.Addresses[name] = address(port + 1 + i)
	}
	s.SlackRequestsURL = "http://" + s.Addresses["ingress"]
	return nil
}

// startSlack serves the simulator, unless a Slack is given: then its secrets come from the environment.
func (s *Stack) startSlack() error {
	if s.cfg.SlackAPIURL != "" {
		s.SlackAPIURL, s.SigningSecret, s.BotToken = s.cfg.SlackAPIURL, os.Getenv("SLACK_SIGNING_SECRET"), os.Getenv("SLACK_BOT_TOKEN")
		s.AppToken = os.Getenv("SLACK_APP_TOKEN")
		if s.BotToken == "" || s.SigningSecret == "" && !s.cfg.Socket || s.AppToken == "" && s.cfg.Socket {
			return errors.New("SLACK_API_URL is given, so SLACK_BOT_TOKEN (xoxb-…) and SLACK_SIGNING_SECRET, or with SLACK_TRANSPORT=socket SLACK_APP_TOKEN (xapp-…), are needed too")
		}
		return nil
	}
	s.SigningSecret, s.BotToken = secret(), "xoxb-local-"+secret()
	if s.cfg.Socket {
		s.AppToken = "xapp-local-" + secret()
	}
	s.PageURL = "http://" + s.page.Addr().String()
	s.SlackAPIURL = s.PageURL + "/api/"
	app, err := slackapp.Read()
	if err != nil {
		return err
	}
	mux, tracesURL := http.NewServeMux(), ""
	if s.cfg.Traces {
		var collector traces.Collector
		mux.HandleFunc("POST /v1/traces", collector.Take)
		mux.HandleFunc("GET /traces", collector.Show)
		tracesURL = "/traces"
	}
	sim, err := slacksim.New(slacksim.Config{
		TracesURL: tracesURL,
		Scopes:    app.BotScopes, Events: app.BotEvents,
		SigningSecret: s.SigningSecret, BotToken: s.BotToken, AppToken: s.AppToken, AppURL: s.SlackRequestsURL, URL: s.PageURL,
		StatePath: filepath.Join(s.cfg.Dir, "slack.json"), Now: s.cfg.Clock.Now, Limits: slacksim.Limits{Off: s.cfg.NoLimits},
	})
	if err != nil {
		return fmt.Errorf("slack simulator: %w", err)
	}
	mux.Handle("/", sim)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	s.stop = append(s.stop, func() {
		if err := sim.Close(); err != nil { // first: it ends the pages' streams
			s.logs.say("%v", err)
		}
		_ = srv.Close()
	})
	go func() { _ = srv.Serve(s.page) }()
	return nil
}

// Ports are taken in blocks. They are below those that systems hand out for outgoing connections, which would take a
// service's while it is down.
const (
	block     = 10
	firstPort = 20000
	lastPort  = 32000
)

// reserve listens on the first port of a block whose next ones are free: that at the wished port or, if one of those is
// taken or it is 0, another. For as long as the listener is open no other stack takes a port of the block.
func reserve(wish int) (net.Listener, error) {
	for try := range 100 {
		port := wish
		if wish == 0 || try > 0 {
			port = firstPort + block*rand.N((lastPort-firstPort)/block)
		}
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		if free(port + 1) {
			return listener, nil
		}
		_ = listener.Close()
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}

// free says whether nobody listens on any of the services' ports, the first of which is given.
func free(first int) bool {
	for i := range Services {
		listener, err := net.Listen("tcp", address(first+i))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func secret() string {
	b := make([]byte, 16)
	_, _ = cryptorand.Read(b) // never fails
	return hex.EncodeToString(b)
}
