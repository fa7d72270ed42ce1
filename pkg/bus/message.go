package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Message is one record in CloudEvents' binary mode: what describes the event travels in headers, the event itself is the value.
type Message struct {
	Topic string
	Key   string // orders: messages with the same key are delivered in the order they were published in

	ID      string // ce_id, unique among Source's messages
	Type    string // ce_type: which of the topic's messages this is, such as coffeebuddy.run.v1.OrderPlaced
	Source  string // ce_source: who published it; "" becomes the client's own
	Subject string // ce_subject, may be empty

	Time    time.Time         // ce_time: when what it tells happened; zero becomes now
	Value   []byte            // protobuf
	Headers map[string]string // further headers: traceparent, tracestate, correlation-id
}

// CorrelationHeader carries the id that joins everything one request caused.
const CorrelationHeader = "correlation-id"

const (
	headerSpec    = "ce_specversion"
	headerID      = "ce_id"
	headerType    = "ce_type"
	headerSource  = "ce_source"
	headerSubject = "ce_subject"
	headerTime    = "ce_time"
	headerContent = "content-type"
)

var (
	specVersion = []byte("1.0")
	contentType = []byte("application/protobuf")
)

// Record is a consumed Message.
type Record struct {
	Message
	Partition int
	Offset    int64
	Published time.Time // when it was appended to its topic, as the record's timestamp says

	headers   []kafka.Header // as they came
	malformed error          // why it is not a CloudEvent of ours
	span      trace.Span
	attempts  int
}

var errMalformed = errors.New("not a CloudEvent: it has no ce_id or no ce_type")

func newRecord(m *kafka.Message) *Record {
	r := &Record{
		Message:   Message{Topic: m.Topic, Key: string(m.Key), Time: m.Time, Value: m.Value},
		Partition: m.Partition, Offset: m.Offset, Published: m.Time,
		headers: m.Headers,
	}
	for _, h := range m.Headers {
		value := string(h.Value)
		switch h.Key {
		case headerID:
			r.ID = value
		case headerType:
			r.Type = value
		case headerSource:
			r.Source = value
		case headerSubject:
			r.Subject = value
		case headerTime:
			if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
				r.Time = at
			}
		case headerSpec, headerContent:
		default:
			if r.Headers == nil {
				r.Headers = make(map[string]string, 4)
			}
			r.Headers[h.Key] = value
		}
	}
	if r.ID == "" || r.Type == "" {
		r.malformed = errMalformed
	}
	return r
}

// Context returns ctx with this record's process span and its correlation id.
func (r *Record) Context(ctx context.Context) context.Context {
	if id := r.Headers[CorrelationHeader]; id != "" {
		ctx = telemetry.WithCorrelation(ctx, id)
	}
	if r.span != nil {
		ctx = trace.ContextWithSpan(ctx, r.span)
	}
	return ctx
}

func (r *Record) String() string { return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset) }
