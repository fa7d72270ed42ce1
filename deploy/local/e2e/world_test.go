package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// soon is how long anything may take on a machine that has other things to do.
const soon = 45 * time.Second

// world is the whole product, with an office that uses it, a database and a broker of its own.
type world struct {
	*stack.Stack
	*office.Office
	t     testing.TB
	db    *testkit.Database
	log   *log
	clock *stack.Clock

	brokerConfig server.KafkaConfig
	broker       *server.Kafka
}

// begin starts a world; it ends with the test. env is further environment of the services, NAME=value.
func begin(t testing.TB, env ...string) *world {
	t.Helper()
	w := prepare(t)
	w.start(env...)
	w.ready()
	return w
}

var services = stack.Services

// ready waits until every service is.
func (w *world) ready() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), soon)
	defer cancel()
	require.NoError(w.t, w.Ready(ctx))
}

// redBecauseOf says whether the service's readiness names that dependency as its reason not to be ready.
func (w *world) redBecauseOf(service, dependency string) bool {
	w.t.Helper()
	res, err := http.Get("http://" + w.Addresses[service] + "/health/ready")
	if err != nil {
		return false // it is not up yet
	}
	defer func() { _ = res.Body.Close() }()
	var report struct {
		Status string
		Checks map[string]struct {
			OK    bool
			Error string
		}
	}
	require.NoError(w.t, json.NewDecoder(res.Body).Decode(&report))
	check, named := report.Checks[dependency]
	require.True(w.t, named, "%s does not report on %s", service, dependency)
	require.Equal(w.t, report.Status == "ready", res.StatusCode == http.StatusOK)
	return res.StatusCode == http.StatusServiceUnavailable && !check.OK && check.Error != ""
}

// logHas waits for a log line that belongs to the ref, a match of quotable.
func (w *world) logHas(t *testing.T, ref []string) {
	t.Helper()
	require.Len(t, ref, 2, "there is a ref to quote")
	w.eventually("a log line of "+ref[1], func() bool {
		return slices.ContainsFunc(w.log.entries(), func(entry map[string]any) bool {
			id, _ := entry["trace_id"].(string)
			return strings.HasPrefix(id, ref[1])
		})
	})
}

// prepare is a world before the services are started.
func prepare(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: testkit.Postgres(t), log: &log{}, brokerConfig: server.KafkaConfig{Dir: t.TempDir()}}
	w.startBroker()
	t.Cleanup(w.stopBroker)
	return w
}

func (w *world) start(env ...string) {
	w.t.Helper()
	w.startAs(stack.Config{KafkaBootstrap: w.broker.Bootstrap, Env: env})
}

// startAs starts the product as cfg says, with what is the same in all worlds.
func (w *world) startAs(cfg stack.Config) {
	w.t.Helper()
	readable := &log{}
	var err error
	w.clock, err = stack.NewClock(w.t.TempDir())
	require.NoError(w.t, err)
	cfg.Dir, cfg.DatabaseURL, cfg.Binaries, cfg.CoverDir = w.t.TempDir(), w.db.URL, binaries, coverDir
	cfg.Clock, cfg.RawLog, cfg.Out = w.clock, w.log, readable
	cfg.Socket = cfg.Socket || os.Getenv("SLACK_TRANSPORT_TEST") == "socket"
	w.Stack, err = stack.Start(w.t.Context(), cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the services' last words:\n%s", readable.tail(60))
		}
		w.Stop()
		w.nothingSecretIn("log", w.log.String())
	})
	w.Office, err = office.Enter(w.t.Context(), w.PageURL)
	require.NoError(w.t, err)
}

// startBroker starts the broker where it was, with what it had.
func (w *world) startBroker() {
	w.t.Helper()
	w.eventually("the broker's port is free again", func() bool {
		var err error
		w.broker, err = server.StartKafka(context.Background(), w.brokerConfig)
		return err == nil
	})
	w.brokerConfig.Port = portOf(w.t, w.broker.Bootstrap)
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	return port
}

func (w *world) stopBroker() { _ = w.broker.Stop() }

// assigned waits for the summary and returns the runner.
func (w *world) assigned(people ...person) person {
	w.t.Helper()
	people[0].reads("is today's runner")
	for _, p := range people {
		if p.count(p.Name+" is today's runner") > 0 {
			return p
		}
	}
	require.Fail(w.t, "somebody else runs", people[0].all())
	return person{}
}

// calls are the successful calls of a Web API method so far.
func (w *world) calls(method string) []slacksim.Call {
	w.t.Helper()
	calls, err := w.Client().History(w.t.Context(), method, 0)
	require.NoError(w.t, err)
	var ok []slacksim.Call
	for _, c := range calls {
		if c.OK {
			ok = append(ok, c)
		}
	}
	return ok
}

// eventually waits until ok is true.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	require.True(w.t, eventually(ok), what)
}

// eventually says whether ok became true soon. Unlike require.Eventually it calls ok in the test's own goroutine.
func eventually(ok func() bool) bool {
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); {
		if ok() {
			return true
		}
		<-time.After(20 * time.Millisecond)
	}
	return false
}

// later moves the time of all processes ahead, instead of waiting.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.clock.Move(d))
}

// settled waits until nothing is under way: every command and event was applied and every message was sent. Only then
// "exactly once" can be told from "not twice yet".
func (w *world) settled() {
	w.t.Helper()
	conn := w.db.Connect()
	var state string
	if !eventually(func() bool { state = w.underWay(conn); return state == "" }) {
		require.Fail(w.t, "it does not settle", state)
	}
}

func (w *world) underWay(conn *pgx.Conn) string {
	var what []string
	for _, schema := range []string{"runs", "fairness", "reminder"} {
		if w.number(conn, "SELECT count(*) FROM "+schema+".outbox") > 0 {
			what = append(what, "unpublished events of "+schema)
		}
	}
	for query, name := range map[string]string{
		"SELECT count(*) FROM ingress.delivery WHERE state = 'pending'":                "messages to Slack",
		"SELECT count(*) FROM runs.run WHERE assignment_state = 'choosing'":            "the choice of a runner",
		"SELECT count(*) FROM reminder.timer WHERE fired_at IS NULL AND due_at < $now": "a reminder",
	} {
		now := "'" + w.clock.Now().Format(time.RFC3339Nano) + "'"
		if w.number(conn, strings.ReplaceAll(query, "$now", now)) > 0 {
			what = append(what, name)
		}
	}
	for group, topic := range map[string]string{
		"runs": topic.Commands, "ingress": topic.RunEvents, "fairness": topic.RunEvents, "reminder": topic.RunEvents,
	} {
		end := 0
		for _, p := range w.broker.Cluster.PartitionInfos(topic) {
			end += int(p.HighWatermark)
		}
		if w.number(conn, "SELECT coalesce(sum(next_offset), 0) FROM "+group+".consumer_position WHERE topic = $1", topic) != end {
			what = append(what, topic+" in "+group)
		}
	}
	return strings.Join(what, ", ")
}

func (w *world) number(conn *pgx.Conn, sql string, args ...any) (n int) {
	w.t.Helper()
	require.NoError(w.t, conn.QueryRow(w.t.Context(), sql, args...).Scan(&n), sql)
	return n
}

// deadLetters is how many records were given up.
func (w *world) deadLetters() int {
	n := 0
	for _, p := range w.broker.Cluster.PartitionInfos(topic.DeadLetter) {
		n += int(p.HighWatermark)
	}
	return n
}

// nothingSecretIn fails the test when text holds a secret, or words that people typed.
func (w *world) nothingSecretIn(what, text string) {
	secrets := append([]string{w.SigningSecret, w.BotToken, "/hooks/", "ticket="}, typed...)
	if w.AppToken != "" {
		secrets = append(secrets, w.AppToken)
	}
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			w.t.Errorf("%q in the %s: …%s…", secret, what, text[max(0, at-300):min(len(text), at+300)])
		}
	}
}

// typed are words that the tests order and drink at; no log may have them.
var typed = []string{"Flat white", "flat  WHITE", "Earl Grey", "Ristretto", "Lobby", "Oat milk"}

// log is what processes wrote.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) tail(lines int) string {
	all := strings.Split(l.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// entries are the JSON lines of the log.
func (l *log) entries() []map[string]any {
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil {
			all = append(all, entry)
		}
	}
	return all
}
