package bus

import (
	"context"
	"strconv"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

var propagator = propagation.TraceContext{}

// startSend begins the span of publishing one message, below the context the message was created in.
func (c *Client) startSend(ctx context.Context, m *Message, partition int) (context.Context, trace.Span) {
	if m.Headers["traceparent"] != "" {
		ctx = telemetry.Extract(ctx, m.Headers)
	}
	return c.tracer.Start(ctx, "send "+m.Topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", "send"),
		attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.destination.name", m.Topic),
		attribute.String("messaging.destination.partition.id", strconv.Itoa(partition)),
		attribute.String("messaging.message.id", m.ID),
		attribute.String("messaging.client.id", c.source),
	))
}

// startProcess begins the span of applying one record, below the context the message was created in.
func (c *Client) startProcess(r *Record, group string) {
	_, r.span = c.tracer.Start(telemetry.Extract(context.Background(), r.Headers), "process "+r.Topic, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", r.Topic),
		attribute.String("messaging.destination.partition.id", strconv.Itoa(r.Partition)),
		attribute.String("messaging.consumer.group.name", group),
		attribute.Int64("messaging.kafka.offset", r.Offset),
		attribute.String("messaging.message.id", r.ID),
		attribute.String("messaging.message.type", r.Type),
	))
}

// end ends span with what it came to. The text of an error stays out of it: it may quote what a user typed.
func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, kind(err))
	}
	span.End()
}

// carrier lets a propagator write into the headers of a record.
type carrier struct{ headers *[]kafka.Header }

func (c carrier) Get(string) string { return "" }
func (c carrier) Keys() []string    { return nil }
func (c carrier) Set(key, value string) {
	*c.headers = append(*c.headers, kafka.Header{Key: key, Value: []byte(value)})
}
