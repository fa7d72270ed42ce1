package stack

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergedLogsAreReadable(t *testing.T) {
	var out, raw bytes.Buffer
	m := &merger{out: &out, width: 8}
	w := m.writer("runs", &raw)
	_, _ = fmt.Fprint(w, `{"time":"2026-11-23T10:00:00.123Z","level":"INFO","msg":"run opened","service":"runs","run_id":"r1"}`)
	require.Empty(t, out.String(), "half a line is kept back")
	_, _ = fmt.Fprint(w, "\npanic: plain text\n")
	require.Regexp(t, `^runs     │ \d\d:\d\d:00\.123 INFO  run opened  run_id=r1\nruns     │ panic: plain text\n$`, out.String())
	require.Contains(t, raw.String(), `"service":"runs"`, "the copy is what the service wrote")
}
