package slackhttp

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// observer gives each request a span, a correlation id and its place in the metrics.
type observer struct {
	tel     *telemetry.Telemetry
	count   metric.Int64Counter
	latency metric.Float64Histogram
}

func newObserver(tel *telemetry.Telemetry) (*observer, error) {
	count, err := tel.Meter.Int64Counter("requests_total", metric.WithDescription("Requests from Slack by type and result."))
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	latency, err := tel.Meter.Float64Histogram("request_latency_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a request of Slack to its acknowledgement."))
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return &observer{tel: tel, count: count, latency: latency}, nil
}

func (o *observer) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		req := c.Request()
		ctx := req.Context()
		if parent := req.Header.Get("traceparent"); parent != "" {
			ctx = telemetry.Extract(ctx, map[string]string{"traceparent": parent, "tracestate": req.Header.Get("tracestate")})
		}
		ctx, span := o.tel.Tracer.Start(ctx, "POST "+c.Path(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", http.MethodPost), attribute.String("http.route", c.Path())))
		defer span.End()
		ctx = telemetry.WithCorrelation(ctx, correlationID(req.Header, span.SpanContext().TraceID().String()))
		c.SetRequest(req.WithContext(ctx))

		err := next(c)
		if err != nil {
			c.Error(err) // answers
		}
		result := resultOf(err)
		span.SetAttributes(attribute.Int("http.response.status_code", c.Response().Status))
		if result == "error" {
			span.SetStatus(codes.Error, result)
		}
		kind := attribute.String("type", strings.TrimPrefix(c.Path(), "/slack/"))
		o.latency.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(kind))
		o.count.Add(ctx, 1, metric.WithAttributes(kind, attribute.String("result", result)))
		return nil
	}
}

// resultOf is ok, refused (theirs) or error (ours, though people get a friendly 200).
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	if _, refused := errors.AsType[*echo.HTTPError](err); refused {
		return "refused"
	}
	return "error"
}

var correlationForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// correlationID takes the first usable header, else the trace id.
func correlationID(header http.Header, traceID string) string {
	for _, name := range []string{"X-Correlation-ID", "X-Slack-Request-Id", "X-Request-Id"} {
		if id := header.Get(name); correlationForm.MatchString(id) {
			return id
		}
	}
	return traceID
}
