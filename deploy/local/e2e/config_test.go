package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every fault is listed at once, with an example, before anything starts.
func TestWrongConfigurationIsToldAtOnce(t *testing.T) {
	t.Parallel()
	wrong := []string{"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=loud", "SHUTDOWN_GRACE=soon", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "DATABASE_MAX_CONNECTIONS=many"}
	every := []string{
		"DATABASE_URL is not set (example: DATABASE_URL=postgres://", "KAFKA_BOOTSTRAP is not set (example: KAFKA_BOOTSTRAP=kafka-1:9092,kafka-2:9092)",
		`LOG_LEVEL is "loud", not one of debug, info, warn and error (example: LOG_LEVEL=info)`, "SHUTDOWN_GRACE is \"soon\"",
		"OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https URL (example: OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318)", "DATABASE_MAX_CONNECTIONS is \"many\"",
	}
	right := []string{"HTTP_ADDR=127.0.0.1:0", "DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/d", "KAFKA_BOOTSTRAP=127.0.0.1:1"}
	for service, own := range map[string]struct {
		wrong []string
		told  []string
		right []string
	}{
		"ingress": {
			wrong: []string{"SLACK_API_URL=slack.com"},
			told:  []string{"SLACK_SIGNING_SECRET is not set (example: ", "SLACK_BOT_TOKEN is not set (example: SLACK_BOT_TOKEN=xoxb-", "SLACK_API_URL is not an http or https URL"},
			right: []string{"SLACK_SIGNING_SECRET=swordfish-swordfish", "SLACK_BOT_TOKEN=xoxb-swordfish"},
		},
		"runs": {
			wrong: []string{"REMINDER_OFFSET_DEFAULT=61", "RUN_FAIRNESS_WINDOW=0"},
			told:  []string{"REMINDER_OFFSET_DEFAULT is 61", "RUN_FAIRNESS_WINDOW is 0"},
		},
		"fairness": {},
		"reminder": {wrong: []string{"DISABLE_REMINDERS=perhaps"}, told: []string{`DISABLE_REMINDERS is "perhaps", not true or false`}},
	} {
		for _, args := range [][]string{nil, {"--check-config"}} {
			code, out := exits(t, service, append(wrong, own.wrong...), args...)
			require.Equal(t, 2, code, out)
			for _, told := range append(every, own.told...) {
				require.Contains(t, out, told, service)
			}
		}
		code, out := exits(t, service, append(right, own.right...), "--check-config")
		require.Zero(t, code, out)
		require.NotContains(t, out, "hunter2")
		require.NotContains(t, out, "swordfish")
		code, out = exits(t, service, nil, "--version")
		require.Zero(t, code, out)
		require.Contains(t, out, service)
		code, _ = exits(t, service, nil, "please")
		require.Equal(t, 2, code)
	}
}

// exits runs a service that is to end by itself, with exactly this environment.
func exits(t *testing.T, service string, env []string, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, service), args...)
	cmd.Env = append([]string{"GOCOVERDIR=" + coverDir}, env...)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "%s went on: %s", service, both.String())
	return cmd.ProcessState.ExitCode(), both.String()
}
