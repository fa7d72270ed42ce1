package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/services/coffeebuddyctl/internal/cli"
)

func ctl(t *testing.T, environ []string, args ...string) (code int, out string) {
	t.Helper()
	var said bytes.Buffer
	code = cli.Run(t.Context(), args, environ, &said, &said)
	return code, said.String()
}

func TestWhatIsTypedWrongIsTold(t *testing.T) {
	t.Parallel()
	kafka, postgres := "KAFKA_BOOTSTRAP=127.0.0.1:1", "DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1"
	for line, c := range map[string]struct {
		environ []string
		code    int
		says    string
	}{
		"":                               {code: 2, says: "expected one of"},
		"doktor":                         {code: 2, says: "unexpected argument doktor"},
		"--help":                         {code: 0, says: "dead-letter"},
		"lag":                            {code: 2, says: "KAFKA_BOOTSTRAP is not set (example:"},
		"outbox":                         {code: 2, says: "DATABASE_URL is not set (example:"},
		"ref xyz":                        {code: 1, says: "is not a ref (example: 4bf92f35)"},
		"run show 17":                    {code: 1, says: "is not a run's id (example: "},
		"topics plan --principal User:a": {environ: []string{kafka}, code: 1, says: "names no {service}"},
		"run show 0197a000-0000-7000-8000-000000000001": {environ: []string{postgres}, code: 1, says: "run 0197a000"},
	} {
		code, out := ctl(t, c.environ, strings.Fields(line)...)
		require.Equal(t, c.code, code, "%q: %s", line, out)
		require.Contains(t, out, c.says, line)
		require.NotContains(t, out, "hunter2", line)
	}
}

// Without anything to look at, doctor still says what to do about each.
func TestDoctorWithoutAnything(t *testing.T) {
	t.Parallel()
	code, out := ctl(t, nil, "doctor", "--json")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"verdict": "fail"`)
	require.Contains(t, out, "set KAFKA_BOOTSTRAP")
	require.Contains(t, out, "set DATABASE_URL")
	require.Contains(t, out, "SLACK_BOT_TOKEN")
}

// Each service may do with topics and groups what it does, and nothing else.
func TestAccessIsPlannedAndApplied(t *testing.T) {
	t.Parallel()
	broker, err := server.StartKafka(t.Context(), server.KafkaConfig{Root: "secret"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = broker.Stop() })
	environ := []string{
		"KAFKA_BOOTSTRAP=" + broker.Bootstrap,
		`KAFKA_SASL_JAAS=org.apache.kafka.common.security.scram.ScramLoginModule required username="root" password="secret";`,
	}
	access := []string{"--replication", "1", "--principal", "User:coffeebuddy-{service}"}
	code, plan := ctl(t, environ, append([]string{"topics", "plan"}, access...)...)
	require.Equal(t, 3, code, plan)
	for _, line := range []string{
		"+ topic coffeebuddy.run.events: 12 partitions, replication 1",
		"+ User:coffeebuddy-ingress may Write topic coffeebuddy.commands",
		"+ User:coffeebuddy-runs may Read topic coffeebuddy.commands",
		"+ User:coffeebuddy-runs may Read group runs",
		"+ User:coffeebuddy-reminder may Write topic coffeebuddy.dead-letter",
	} {
		require.Contains(t, plan, line)
	}
	require.NotContains(t, plan, "coffeebuddy-fairness may Write topic coffeebuddy.run.events")
	require.NotContains(t, plan, "coffeebuddy-ingress may Read topic coffeebuddy.commands")

	code, out := ctl(t, environ, append([]string{"topics", "apply"}, access...)...)
	require.Zero(t, code, out)
	code, out = ctl(t, environ, append([]string{"topics", "plan"}, access...)...)
	require.Zero(t, code, out)
	require.Equal(t, "Everything is as it should be.\n", out)
	code, out = ctl(t, environ, "topics", "plan", "--replication", "2")
	require.Equal(t, 0, code, "min.insync.replicas is 1 either way: %s", out)
}
