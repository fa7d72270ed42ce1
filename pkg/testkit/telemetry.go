package testkit

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// SpanRecorder keeps the spans that ended.
type SpanRecorder struct{ *tracetest.SpanRecorder }

// Named returns the ended spans with that name, in the order they ended.
func (r *SpanRecorder) Named(name string) []sdktrace.ReadOnlySpan {
	var spans []sdktrace.ReadOnlySpan
	for _, s := range r.Ended() {
		if s.Name() == name {
			spans = append(spans, s)
		}
	}
	return spans
}

// Telemetry returns telemetry of the test's own: log lines (text, from level debug) go to the test's log,
// spans to the recorder. OpenTelemetry's globals stay as they are.
func Telemetry(t testing.TB) (*telemetry.Telemetry, *SpanRecorder) {
	t.Helper()
	spans := &SpanRecorder{tracetest.NewSpanRecorder()}
	out := &testLog{t: t}
	tel, err := telemetry.New(t.Name(), "test", telemetry.Config{LogLevel: slog.LevelDebug, LogFormat: "text"}, out, spans)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = tel.Shutdown(context.Background())
		out.end()
	})
	return tel, spans
}

// testLog is the test's log as a writer. What goroutines still say after the test is dropped: t.Log would panic.
type testLog struct {
	mu    sync.Mutex
	t     testing.TB
	ended bool
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.t.Log(string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return len(line), nil
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
