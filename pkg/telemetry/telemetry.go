// Package telemetry gives a program its logs, traces and metrics: one log handler that knows the ids of what is
// being worked on, OpenTelemetry spans exported by OTLP over HTTP, and metrics in Prometheus' format.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
)

// Config is what Start needs. The zero Config logs JSON from level info and exports no spans.
type Config struct {
	LogLevel     slog.Level `env:"LOG_LEVEL" default:"info" desc:"Lowest level that is logged: debug, info, warn or error"`
	LogFormat    string     `env:"LOG_FORMAT" default:"json" desc:"json, or text for reading in a terminal"`
	OTLPEndpoint string     `env:"OTEL_EXPORTER_OTLP_ENDPOINT" example:"http://otel-collector:4318" desc:"Where spans are sent (OTLP over HTTP); none: spans are made, so that refs work, and not sent"`
	SampleRatio  *float64   `env:"OTEL_TRACES_SAMPLER_ARG" example:"0.1" desc:"Share of new traces that is recorded, 0 to 1; a trace begun elsewhere keeps its decision (none: 1)"`
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.LogFormat != "" && c.LogFormat != "json" && c.LogFormat != "text" {
		faults = append(faults, config.Fault{Variable: "LOG_FORMAT", Problem: fmt.Sprintf("is %q, neither json nor text", c.LogFormat)})
	}
	if u, err := url.Parse(c.OTLPEndpoint); c.OTLPEndpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		faults = append(faults, config.Fault{Variable: "OTEL_EXPORTER_OTLP_ENDPOINT", Problem: "is not an http or https URL"})
	}
	if r := c.SampleRatio; r != nil && (*r < 0 || *r > 1) {
		faults = append(faults, config.Fault{Variable: "OTEL_TRACES_SAMPLER_ARG", Problem: fmt.Sprintf("is %v, not between 0 and 1", *r)})
	}
	return faults
}

// Telemetry is what a program's parts log, trace and measure with.
type Telemetry struct {
	Log            *slog.Logger
	Tracer         trace.Tracer
	Meter          metric.Meter
	TracerProvider trace.TracerProvider // for libraries that bring their own instrumentation
	MeterProvider  metric.MeterProvider
	MetricsHandler http.Handler // GET /metrics for Prometheus

	shutdown []func(context.Context) error
}

// scope names our own tracer and meter.
const scope = "github.com/coffeebuddy/coffeebuddy"

// Start makes the telemetry of a program and makes it OpenTelemetry's global one. It does not connect anywhere.
// Log lines go to out, one per line.
func Start(ctx context.Context, service, version string, cfg Config, out io.Writer) (*Telemetry, error) {
	var processors []sdktrace.SpanProcessor
	if cfg.OTLPEndpoint != "" {
		traces, err := url.JoinPath(cfg.OTLPEndpoint, "v1", "traces")
		if err != nil {
			return nil, fmt.Errorf("span endpoint: %w", err)
		}
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(traces))
		if err != nil {
			return nil, fmt.Errorf("span exporter: %w", err)
		}
		processors = append(processors, sdktrace.NewBatchSpanProcessor(exporter))
	}
	t, err := New(service, version, cfg, out, processors...)
	if err != nil {
		return nil, err
	}
	otel.SetTextMapPropagator(propagator)
	otel.SetTracerProvider(t.TracerProvider)
	otel.SetMeterProvider(t.MeterProvider)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Log.WarnContext(context.Background(), "telemetry", "error", err) }))
	return t, nil
}

// New makes telemetry whose spans go to the given processors, and leaves OpenTelemetry's globals alone:
// for tests, of which many run in one process.
func New(service, version string, cfg Config, out io.Writer, processors ...sdktrace.SpanProcessor) (*Telemetry, error) {
	about := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", version))
	meters, handler, err := newMetrics(about)
	if err != nil {
		return nil, err
	}
	sampler := sdktrace.AlwaysSample()
	if cfg.SampleRatio != nil {
		sampler = sdktrace.TraceIDRatioBased(*cfg.SampleRatio)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.ParentBased(sampler))}
	for _, p := range processors {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	spans := sdktrace.NewTracerProvider(options...)
	return &Telemetry{
		Log:            newLog(service, cfg, out),
		Tracer:         spans.Tracer(scope),
		Meter:          meters.Meter(scope),
		TracerProvider: spans,
		MeterProvider:  meters,
		MetricsHandler: handler,
		shutdown:       []func(context.Context) error{spans.Shutdown, meters.Shutdown},
	}, nil
}

// Shutdown sends the spans that wait and ends the exporters; ctx limits how long that may take.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for _, stop := range t.shutdown {
		errs = append(errs, stop(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("telemetry shutdown: %w", err)
	}
	return nil
}
