package slackhttp

import (
	"cmp"
	"context"
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
		req := c.Request()
		ctx := req.Context()
		if parent := req.Header.Get("traceparent"); parent != "" {
			ctx = telemetry.Extract(ctx, map[string]string{"traceparent": parent, "tracestate": req.Header.Get("tracestate")})
		}
		o.watch(ctx, "POST "+c.Path(), strings.TrimPrefix(c.Path(), "/slack/"), correlationID(req.Header), func(ctx context.Context, span trace.Span) error {
			c.SetRequest(req.WithContext(ctx))
			err := next(c)
			if err != nil {
				c.Error(err) // answers
			}
			span.SetAttributes(attribute.String("http.request.method", http.MethodPost), attribute.String("http.route", c.Path()),
				attribute.Int("http.response.status_code", c.Response().Status))
			return err
		})
		return nil
	}
}

// watch observes do, which answers a request. Without a correlation id of its own it has the trace's.
func (o *observer) watch(ctx context.Context, name, kind, correlation string, do func(ctx context.Context, span trace.Span) error) {
	started := time.Now()
	ctx, span := o.tel.Tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	ctx = telemetry.WithCorrelation(ctx, cmp.Or(correlation, span.SpanContext().TraceID().String()))
	result := resultOf(do(ctx, span))
	if result == "error" {
		span.SetStatus(codes.Error, result)
	}
	about := attribute.String("type", kind)
	o.latency.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(about))
	o.count.Add(ctx, 1, metric.WithAttributes(about, attribute.String("result", result)))
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

// correlationID takes the first usable header, if there is one.
func correlationID(header http.Header) string {
	for _, name := range []string{"X-Correlation-ID", "X-Slack-Request-Id", "X-Request-Id"} {
		if id := header.Get(name); correlationForm.MatchString(id) {
			return id
		}
	}
	return ""
}
