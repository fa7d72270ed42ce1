package stack

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergedLogsAreReadable(t *testing.T) {
	t.Parallel()
	var out, raw bytes.Buffer
	m := &merger{out: &out, raw: &raw}
	w := m.writer("runs")
	_, _ = fmt.Fprint(w, `{"time":"2026-11-23T10:00:00.123Z","level":"INFO","msg":"run opened","service":"runs","run_id":"r1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`)
	require.Empty(t, out.String(), "half a line is kept back")
	_, _ = fmt.Fprint(w, "\npanic: plain text\n")
	require.Regexp(t, `^runs     │ \d\d:\d\d:00\.123 INFO  run opened  run_id=r1 ref=4bf92f35\nruns     │ panic: plain text\n$`, out.String())
	require.Contains(t, raw.String(), `"service":"runs"`, "the copy is what the service wrote")
}

func TestReadinessIsSaidInFewWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"level":"INFO","msg":"readiness","status":"ready","checks":{"kafka":{"ok":true},"postgres":{"ok":true}}}`: "INFO  readiness  status=ready checks=all well",
		`{"level":"INFO","msg":"readiness","status":"not_ready","checks":{"kafka":{"ok":false,"error":"no broker"},"consumer":{"ok":false,"error":"joining"},"postgres":{"ok":true}}}`://
		"INFO  readiness  status=not_ready checks=consumer: joining; kafka: no broker",
	} {
		text, level, ok := layOut([]byte(line))
		require.True(t, ok)
		require.Equal(t, "INFO", level)
		require.Equal(t, want, text)
	}
}

func TestErrorsAreRed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	(&merger{out: &out, colour: true}).line("ingress", []byte(`{"level":"ERROR","msg":"lost"}`))
	require.Equal(t, "\x1b[36mingress \x1b[0m │ \x1b[31mERROR lost\x1b[0m\n", out.String())
}
