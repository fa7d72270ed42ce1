package bustest_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

func TestRecordsAreApplied(t *testing.T) {
	t.Parallel()
	f := setup(t, 12)
	k, _ := f.consume(apply("one"))
	f.publish(500)
	f.exactlyOnce(500, soon)
	require.NoError(t, k.Check(t.Context()))
	f.eventually("Kafka's tools can see how far it is", func() bool { return f.committed() == 500 })
}

// committed returns the sum of the offsets the group has committed to Kafka.
func (f *fixture) committed() (sum int) {
	f.t.Helper()
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = f.Group
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic = f.Topic
	for p := range f.partitions {
		topic.Partitions = append(topic.Partitions, int32(p))
	}
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(f.t.Context(), f.raw)
	require.NoError(f.t, err)
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			sum += int(max(p.Offset, 0))
		}
	}
	return sum
}

// The group's offsets in Kafka can be wound back, by a stale member's commit or a tool. Positions are in Postgres.
func TestOffsetsInKafkaDoNotCount(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	_, stop := f.consume(apply("one"))
	f.publish(20)
	f.exactlyOnce(20, soon)
	stop()
	request := kmsg.NewPtrDeleteGroupsRequest()
	request.Groups = []string{f.Group}
	f.eventually("the group is forgotten", func() bool {
		response, err := request.RequestWith(t.Context(), f.raw)
		return err == nil && response.Groups[0].ErrorCode == 0
	})
	f.consume(apply("two"))
	f.publish(1)
	f.exactlyOnce(21, soon)
}

// A restored database knows nothing of what came after the backup, so it is applied again.
func TestAPositionThatGoesBackIsFollowed(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	f.consume(apply("one"))
	f.publish(20)
	f.exactlyOnce(20, soon)
	f.db.Exec(`WITH lost AS (DELETE FROM applied WHERE "offset" >= 15) UPDATE runs.consumer_position SET next_offset = 15 WHERE consumer_group = $1`, f.Group)
	f.publish(1)
	f.exactlyOnce(21, soon)
}

func TestWhatNobodyWantsOpensNoTransaction(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	var mu sync.Mutex
	var batches [][]string
	wanted := func(c *bus.ConsumerConfig) {
		c.Subscriptions[0].Wants = func(ceType string) bool { return ceType != "test.Noise" }
	}
	_, stop := f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		mu.Lock()
		defer mu.Unlock()
		var types []string
		for _, r := range records {
			types = append(types, r.Type)
		}
		batches = append(batches, types)
		return nil
	}), wanted)
	noise, event := "test.Noise", "test.Event"
	var msgs []bus.Message
	for _, ceType := range []string{noise, event, noise, noise, event, noise} {
		msgs = append(msgs, f.message("w/1", ceType, ""))
	}
	require.NoError(t, f.client.Publish(t.Context(), msgs...))
	next := "SELECT coalesce(sum(next_offset), 0) FROM runs.consumer_position WHERE consumer_group = $1"
	f.eventually("events are applied", func() bool { return f.count(next, f.Group) >= 5 })
	require.NoError(t, f.client.Publish(t.Context(), f.message("w/1", noise, ""), f.message("w/1", noise, "")))
	stop()
	require.LessOrEqual(t, f.count(next, f.Group), 8)
	require.Equal(t, [][]string{{event, event}}, batches)

	_, stop = f.consume(apply("two"), wanted)
	f.eventually("the position moves past them some time", func() bool { return f.count(next, f.Group) == 8 })
	stop()
	require.Zero(t, f.applied())
}

func TestBatchesAreWhatWaits(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	var mu sync.Mutex
	var sizes []int
	f.publish(25)
	f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		mu.Lock()
		sizes = append(sizes, len(records))
		mu.Unlock()
		return apply("one")(ctx, tx, records)
	}), func(c *bus.ConsumerConfig) { c.MaxBatch = 10 })
	f.exactlyOnce(25, soon)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int{10, 10, 5}, sizes)
}

func TestARecordIsTheMessageThatWasPublished(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	got := make(chan *bus.Record, 1)
	f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		got <- records[0]
		return nil
	}))
	m := f.message("w/1", "test.Event", "\x00\xff")
	m.Subject, m.Time, m.Headers = "run-1", time.Date(2026, 3, 4, 5, 6, 7, 8900, time.UTC), map[string]string{"correlation-id": "c-1"}
	require.NoError(t, f.client.Publish(t.Context(), m))
	r := <-got
	m.Source = "bustest"
	require.NotEmpty(t, r.Headers["traceparent"])
	delete(r.Headers, "traceparent")
	require.Equal(t, m, r.Message)
	require.WithinDuration(t, time.Now(), r.Published, time.Minute)
	require.Equal(t, "c-1", telemetry.Correlation(r.Context(t.Context())))
	raw := f.read(f.Topic, 1)[0]
	for key, value := range map[string]string{"ce_specversion": "1.0", "ce_time": "2026-03-04T05:06:07.0000089Z", "ce_subject": "run-1", "content-type": "application/protobuf"} {
		require.Equal(t, value, header(raw, key))
	}
}

// One trace leads from who wrote an event through the outbox to who handles it.
func TestTheTraceOfAnEvent(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	box := f.outbox(f.client)
	background(t, box.Run)
	inside := make(chan trace.SpanContext, 1)
	f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		inside <- trace.SpanContextFromContext(records[0].Context(ctx))
		return nil
	}))
	ctx, click := f.tel.Tracer.Start(telemetry.WithCorrelation(t.Context(), "corr-1"), "click")
	m := f.message("w/1", "test.Event", "")
	m.Time, m.Source, m.Headers = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), "a-timer", map[string]string{"x-own": "kept"}
	require.NoError(t, f.pool.InTx(ctx, func(tx *postgres.Tx) error { return box.Add(ctx, tx, m) }))
	click.End()

	handled := <-inside
	require.Equal(t, click.SpanContext().TraceID(), handled.TraceID())
	send, process := "send "+f.Topic, "process "+f.Topic
	f.eventually("both spans have ended", func() bool { return len(f.spans.Named(send)) == 1 && len(f.spans.Named(process)) == 1 })
	for _, name := range []string{send, process} {
		span := f.spans.Named(name)[0]
		require.Equal(t, click.SpanContext().SpanID(), span.Parent().SpanID(), name)
		require.Equal(t, click.SpanContext().TraceID(), span.SpanContext().TraceID(), name)
		require.Contains(t, span.Attributes(), attribute.String("messaging.system", "kafka"))
		require.Contains(t, span.Attributes(), attribute.String("messaging.destination.name", f.Topic))
		require.Contains(t, span.Attributes(), attribute.String("messaging.message.id", m.ID))
		require.Equal(t, codes.Unset, span.Status().Code)
	}
	require.Equal(t, trace.SpanKindProducer, f.spans.Named(send)[0].SpanKind())
	require.Equal(t, trace.SpanKindConsumer, f.spans.Named(process)[0].SpanKind())
	require.Equal(t, f.spans.Named(process)[0].SpanContext().SpanID(), handled.SpanID())
	for key, value := range map[string]string{"correlation-id": "corr-1", "ce_time": "2026-03-04T05:06:07Z", "ce_source": "a-timer", "x-own": "kept"} {
		require.Equal(t, value, header(f.read(f.Topic, 1)[0], key), key)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	box := f.outbox(f.client)
	f.consume(apply("one"))
	f.publish(3)
	require.NoError(t, f.client.Publish(t.Context(), f.message("forbidden", "test.Event", "")))
	f.eventually("three are applied, one is parked", func() bool { return f.applied() == 3 && f.length(f.Dead) == 1 })
	require.NoError(t, f.write(box, "w/late")) // and nobody publishes it
	f.db.Exec("UPDATE runs.outbox SET created_at = now() - interval '1 minute', topic = 'no such topic', key = 'w/stuck'")
	background(t, box.Run)
	f.eventually("every metric is there", func() bool {
		answer := httptest.NewRecorder()
		f.tel.MetricsHandler.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		for _, line := range []string{
			`coffeebuddy_kafka_publish_total{outcome="ok",topic="` + f.Topic + `"} 4`,
			`coffeebuddy_kafka_publish_total{outcome="ok",topic="` + f.Dead + `"} 1`,
			`coffeebuddy_kafka_consume_total{outcome="applied",topic="` + f.Topic + `"} 3`,
			`coffeebuddy_kafka_consume_total{outcome="parked",topic="` + f.Topic + `"} 1`,
			`coffeebuddy_kafka_publish_latency_seconds_count{topic="` + f.Topic + `"}`,
			`coffeebuddy_kafka_consume_latency_seconds_count{topic="` + f.Topic + `"} 3`,
			`coffeebuddy_kafka_consume_lag_seconds{topic="` + f.Topic + `"} 0`,
			`coffeebuddy_outbox_oldest_age_seconds 6`,
		} {
			if !strings.Contains(answer.Body.String(), line) {
				return false
			}
		}
		return true
	})
}

func TestConsumersNeedASubscription(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	for name, spoil := range map[string]func(*bus.ConsumerConfig){
		"no group":        func(c *bus.ConsumerConfig) { c.Group = "" },
		"no schema":       func(c *bus.ConsumerConfig) { c.Schema = "" },
		"no subscription": func(c *bus.ConsumerConfig) { c.Subscriptions = nil },
		"no handler":      func(c *bus.ConsumerConfig) { c.Subscriptions[0].Handler = nil },
		"twice":           func(c *bus.ConsumerConfig) { c.Subscriptions = append(c.Subscriptions, c.Subscriptions[0]) },
	} {
		_, err := f.consumer(f.pool, f.client, apply(""), spoil)
		require.Error(t, err, name)
	}
	_, err := bus.Connect(bus.Config{}, "x", f.tel)
	require.Error(t, err)
	k, err := f.consumer(f.pool, f.client, apply(""))
	require.NoError(t, err)
	require.ErrorContains(t, k.Check(t.Context()), "it does not run")
}
