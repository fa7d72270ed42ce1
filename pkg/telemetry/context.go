package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

type (
	correlationKey struct{}
	idsKey         struct{}
)

// WithCorrelation returns a ctx whose log lines carry correlation_id, the id that joins everything one request caused.
func WithCorrelation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationKey{}, id)
}

// Correlation returns the correlation id of ctx, "" without one.
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// WithIDs returns a ctx whose log lines carry attrs (run_id, channel_id, …) beside those that ctx already had;
// of two with the same key the newer one counts.
func WithIDs(ctx context.Context, attrs ...slog.Attr) context.Context {
	had := ids(ctx)
	all := make([]slog.Attr, 0, len(had)+len(attrs))
	for _, a := range had {
		if !slices.ContainsFunc(attrs, func(newer slog.Attr) bool { return newer.Key == a.Key }) {
			all = append(all, a)
		}
	}
	return context.WithValue(ctx, idsKey{}, append(all, attrs...))
}

func ids(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(idsKey{}).([]slog.Attr)
	return attrs
}

// Ref is what people are shown to quote when something went wrong: the first 8 hex digits of the trace id.
// It finds the trace and, by trace_id, its log lines. "" without a span.
func Ref(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.HasTraceID() {
		return ""
	}
	return span.TraceID().String()[:8]
}

var propagator = propagation.TraceContext{}

// Inject returns the trace context of ctx as W3C headers (traceparent, tracestate), empty without a span.
func Inject(ctx context.Context) map[string]string {
	headers := propagation.MapCarrier{}
	propagator.Inject(ctx, headers)
	return headers
}

// Extract returns ctx with the remote span that W3C headers name; without any in headers, ctx itself.
func Extract(ctx context.Context, headers map[string]string) context.Context {
	return propagator.Extract(ctx, propagation.MapCarrier(headers))
}
