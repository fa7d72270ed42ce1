package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// ctl runs coffeebuddyctl as an operator would, who has the services' environment.
func (w *world) ctl(args ...string) (code int, out string) {
	w.t.Helper()
	env := []string{
		"DATABASE_URL=" + w.DatabaseURL, "KAFKA_BOOTSTRAP=" + w.KafkaBootstrap,
		"SLACK_API_URL=" + w.SlackAPIURL, "SLACK_BOT_TOKEN=" + w.BotToken, "SLACK_SIGNING_SECRET=" + w.SigningSecret,
	}
	if w.AppToken != "" {
		env = append(env, "SLACK_TRANSPORT=socket", "SLACK_APP_TOKEN="+w.AppToken)
	}
	code, out = ctl(w.t, env, args...)
	w.nothingSecretIn("output of coffeebuddyctl", out)
	return code, out
}

// ctl runs coffeebuddyctl with an environment of one's own.
func ctl(t testing.TB, env []string, args ...string) (code int, out string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "coffeebuddyctl"), args...)
	cmd.Env = append(append(os.Environ(), env...), "GOCOVERDIR="+coverDir)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// tells runs coffeebuddyctl, which must succeed.
func (w *world) tells(args ...string) string {
	w.t.Helper()
	code, out := w.ctl(args...)
	require.Zero(w.t, code, out)
	return out
}

var refOnCard = regexp.MustCompile(`ref ([0-9a-f]{8})`)

func TestAnOperatorFollowsAClick(t *testing.T) {
	t.Parallel()
	w := begin(t)
	addresses := "ingress=http://" + w.Addresses["ingress"] + ";fairness=http://" + w.Addresses["fairness"]
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 30m Lobby")
	card := ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 order")
	w.settled()
	report := w.tells("doctor", "--replication", "1", "--services", addresses)
	require.NotContains(t, report, "fail")
	require.NotContains(t, report, "warn")
	require.Contains(t, report, "ingress knows it, and refuses others")

	// The ref on the card is that of the click that started the run.
	story := w.tells("ref", refOnCard.FindStringSubmatch(w.read(ana, card))[1])
	require.Contains(t, story, "StartRun")
	require.Contains(t, story, "RunStarted, run "+runID(t, card)+" is open")
	require.Contains(t, story, "tells Slack: card")
	require.NotContains(t, story, "!")

	// fairness is down: the story of the click that closes the run ends there, and says so.
	require.NoError(t, w.Hold("fairness"))
	ana.presses("close")
	ben.reads("Choosing a runner")
	conn := w.db.Connect()
	var trace string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT substr(traceparent, 4, 32) FROM ingress.delivery WHERE kind = 'card'").Scan(&trace))
	story = w.tells("ref", trace)
	require.Contains(t, story, "RunClosed, run "+runID(t, card)+" is closing")
	require.Contains(t, story, "! not read yet by fairness")
	require.Regexp(t, `fairness +coffeebuddy.run.events +[1-9]`, w.tells("lag"))
	code, report := w.ctl("doctor", "--replication", "1", "--services", addresses)
	require.Equal(t, 1, code)
	require.Regexp(t, "fail +fairness ", report)
	require.Contains(t, w.tells("run", "show", runID(t, card)), "assignment 1")
	w.Release("fairness")
	ben.reads("Ben is today's runner")
	w.settled()
	require.NotContains(t, w.tells("ref", trace), "!")
	require.Contains(t, w.tells("run", "show", runID(t, card)), "assigned: U0BEN")
	require.NotContains(t, w.tells("outbox"), "Z ")

	code, out := w.ctl("topics", "plan")
	require.Equal(t, 3, code, "this cluster has one broker, so it is not as production's should be")
	require.Contains(t, out, "min.insync.replicas")
	code, out = w.ctl("ref", "12345678")
	require.Equal(t, 1, code)
	require.Contains(t, out, "nothing is known of 12345678")
}

func TestAnOperatorDealsWithDeadLetters(t *testing.T) {
	t.Parallel()
	w := begin(t)
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.broker.Bootstrap))
	require.NoError(t, err)
	t.Cleanup(kafka.Close)
	broken := &kgo.Record{Topic: topic.Commands, Key: []byte("T0COFFEE/C0COFFEE"), Value: []byte("no protobuf"), Headers: []kgo.RecordHeader{
		{Key: "ce_id", Value: []byte("broken")},
		{Key: "ce_type", Value: []byte("coffeebuddy.command.v1.StartRun")},
		{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
	}}
	require.Contains(t, w.tells("dead-letter", "list"), "None.")
	require.NoError(t, kafka.ProduceSync(t.Context(), broken).FirstErr())
	ids := func() []string {
		return regexp.MustCompile(`(?m)^\d+@\d+`).FindAllString(w.tells("dead-letter", "list"), -1)
	}
	w.eventually("it is given up", func() bool { return len(ids()) == 1 })
	first := ids()[0]
	require.Contains(t, w.tells("dead-letter", "show", first), "given up by runs")
	require.Contains(t, w.tells("dead-letter", "show", first), `"no protobuf"`)
	require.Contains(t, w.tells("ref", "4bf92f35"), "! dead letter "+first)

	// Played again it is as broken as before: a letter of its own, and the first is dealt with.
	require.Contains(t, w.tells("dead-letter", "replay", first), "replayed")
	w.eventually("it is given up again", func() bool { all := ids(); return len(all) == 1 && all[0] != first })
	code, out := w.ctl("dead-letter", "replay", first)
	require.Equal(t, 1, code)
	require.Contains(t, out, "has been dealt with")
	require.Equal(t, 1, strings.Count(w.tells("dead-letter", "drop", "all"), "dropped"))
	require.Contains(t, w.tells("dead-letter", "list"), "None.")
}
