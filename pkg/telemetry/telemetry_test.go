package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

func newTelemetry(t *testing.T, out io.Writer) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New("runs", "v1", telemetry.Config{}, out)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	return tel
}

func line(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &fields), out.String())
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "one line")
	out.Reset()
	return fields
}

func TestLogLinesCarryTheIDsOfTheirContext(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := newTelemetry(t, &out)
	ctx, span := tel.Tracer.Start(t.Context(), "work")
	defer span.End()
	ctx = telemetry.WithCorrelation(ctx, "cor-1")
	ctx = telemetry.WithIDs(ctx, slog.String("run_id", "r1"), slog.String("channel_id", "C1"))
	ctx = telemetry.WithIDs(ctx, slog.String("run_id", "r2"))

	tel.Log.With("component", "consumer").InfoContext(ctx, "order placed", "participants", 3)
	got := line(t, &out)
	require.NotEmpty(t, got["time"])
	delete(got, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "order placed", "service": "runs", "component": "consumer", "participants": 3.0,
		"trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String(),
		"correlation_id": "cor-1", "channel_id": "C1", "run_id": "r2",
	}, got)

	tel.Log.Info("plain")
	require.NotContains(t, line(t, &out), "trace_id")
	tel.Log.Debug("below the level")
	require.Empty(t, out.String())
}

func TestLogRedacts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := newTelemetry(t, &out)
	const secret = "hunter2hunter2"
	attrs := []slog.Attr{
		slog.Any("password", []byte(secret)),
		slog.Group("secrets", slog.String("slack", secret)),
		slog.Group("request", slog.String("cookie", secret)),
		slog.Any("error", fmt.Errorf("connect: %w", errors.New("postgres://bob:"+secret+"@db:5432/x refused"))),
		slog.String("detail", "GET / Authorization: Bearer "+secret),
		slog.String("detail", "host=db password="+secret+" user=bob"),
	}
	for _, key := range []string{"token", "slack_bot_token", "SigningSecret", "Authorization", "response_url", "responseURL", "response-url"} {
		attrs = append(attrs, slog.Attr{Key: key, Value: slog.StringValue(secret)})
	}
	for _, attr := range attrs {
		tel.Log.LogAttrs(t.Context(), slog.LevelInfo, "message", attr)
		tel.Log.With("a", 1).LogAttrs(telemetry.WithIDs(t.Context(), attr), slog.LevelInfo, "message")
		slog.New(tel.Log.Handler().WithAttrs([]slog.Attr{attr})).Info("message")
		require.NotContains(t, out.String(), secret, attr.Key)
		require.Equal(t, 3, strings.Count(out.String(), "[redacted]"), "%s: %s", attr.Key, out.String())
		out.Reset()
	}
	tel.Log.Info("dial postgres://bob:" + secret + "@db")
	require.NotContains(t, out.String(), secret)
	out.Reset()

	tel.Log.Info("harmless", "run_id", "r1", "error", errors.New("no such run: 7"), "url", "http://host:8080/path")
	got := line(t, &out)
	require.Equal(t, "no such run: 7", got["error"])
	require.Equal(t, "http://host:8080/path", got["url"])
}

func TestRefIsTheBeginningOfTheTraceID(t *testing.T) {
	t.Parallel()
	require.Empty(t, telemetry.Ref(t.Context()))
	tel := newTelemetry(t, io.Discard)
	ctx, span := tel.Tracer.Start(t.Context(), "work")
	defer span.End()
	require.Equal(t, span.SpanContext().TraceID().String()[:8], telemetry.Ref(ctx))
}

func TestTraceContextTravelsAsW3CHeaders(t *testing.T) {
	t.Parallel()
	require.Empty(t, telemetry.Inject(t.Context()))
	tel := newTelemetry(t, io.Discard)
	ctx, span := tel.Tracer.Start(t.Context(), "work")
	defer span.End()
	headers := telemetry.Inject(ctx)
	sc := span.SpanContext()
	require.Equal(t, map[string]string{"traceparent": fmt.Sprintf("00-%s-%s-01", sc.TraceID(), sc.SpanID())}, headers)

	far := trace.SpanContextFromContext(telemetry.Extract(t.Context(), headers))
	require.Equal(t, sc.SpanID(), far.SpanID())
	require.True(t, far.IsRemote())
	require.Equal(t, t.Context(), telemetry.Extract(t.Context(), map[string]string{"traceparent": "nonsense"}))
}

func TestASampledParentIsFollowedAndNewTracesAreSampledByRatio(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	none := 0.0
	tel, err := telemetry.New("runs", "v1", telemetry.Config{SampleRatio: &none}, io.Discard, spans)
	require.NoError(t, err)
	ctx, own := tel.Tracer.Start(t.Context(), "own")
	own.End()
	require.NotEmpty(t, telemetry.Ref(ctx), "people can quote a ref all the same")
	require.Empty(t, spans.Ended())

	_, child := tel.Tracer.Start(telemetry.Extract(t.Context(), map[string]string{
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}), "child")
	child.End()
	require.Len(t, spans.Ended(), 1)
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", spans.Ended()[0].SpanContext().TraceID().String())
}

func TestStartSendsSpansByOTLPOverHTTP(t *testing.T) {
	requests := make(chan *http.Request, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r }))
	defer collector.Close()
	tel, err := telemetry.Start(t.Context(), "runs", "v1", telemetry.Config{OTLPEndpoint: collector.URL}, io.Discard)
	require.NoError(t, err)
	_, span := tel.Tracer.Start(t.Context(), "work")
	span.End()
	require.NoError(t, tel.Shutdown(t.Context()), "sends what waits")
	r := <-requests
	require.Equal(t, "/v1/traces", r.URL.Path)
	require.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t, io.Discard)
	runs, err := tel.Meter.Int64Counter("coffeebuddy_runs_total", metric.WithDescription("Runs by how they ended"))
	require.NoError(t, err)
	runs.Add(t.Context(), 2, metric.WithAttributes(attribute.String("status", "closed")))
	short, err := tel.Meter.Int64Counter("errors", metric.WithDescription("Errors"))
	require.NoError(t, err)
	short.Add(t.Context(), 1)
	latency, err := tel.Meter.Float64Histogram("kafka_publish_latency", metric.WithUnit("s"), metric.WithDescription("Time to publish"))
	require.NoError(t, err)
	latency.Record(t.Context(), 0.004)
	lag, err := tel.Meter.Float64Gauge("coffeebuddy_kafka_consume_lag_seconds", metric.WithDescription("Age of the newest record"))
	require.NoError(t, err)
	lag.Record(t.Context(), 1.5)

	w := httptest.NewRecorder()
	tel.MetricsHandler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	for _, want := range []string{
		"# HELP coffeebuddy_runs_total Runs by how they ended\n",
		"# TYPE coffeebuddy_runs_total counter\n",
		`coffeebuddy_runs_total{status="closed"} 2` + "\n",
		"coffeebuddy_errors_total 1\n",
		`coffeebuddy_kafka_publish_latency_seconds_bucket{le="0.005"} 1` + "\n",
		`coffeebuddy_kafka_publish_latency_seconds_bucket{le="0.0025"} 0` + "\n",
		"coffeebuddy_kafka_consume_lag_seconds 1.5\n",
		`target_info{service_name="runs",service_version="v1"} 1` + "\n",
		"go_goroutines ",
		"go_memstats_heap_alloc_bytes ",
	} {
		require.Contains(t, w.Body.String(), want)
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	_, err := config.Load[telemetry.Config]([]string{
		"LOG_LEVEL=loud", "LOG_FORMAT=xml", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_TRACES_SAMPLER_ARG=2",
	})
	var all *config.Error
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Faults, 4, "%v", err)
	_, err = config.Load[telemetry.Config]([]string{
		"LOG_LEVEL=warn", "LOG_FORMAT=text", "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318", "OTEL_TRACES_SAMPLER_ARG=0.5",
	})
	require.NoError(t, err)
}
