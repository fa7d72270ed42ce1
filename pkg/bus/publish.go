package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

const (
	publishLimit = 10 * time.Second       // for callers that set none
	largestBatch = 900_000                // bytes in one produce request; brokers refuse more than 1 MiB
	firstPause   = 5 * time.Millisecond   // before a publication is tried again; doubles
	longestPause = 250 * time.Millisecond //
)

// Publish sends msgs, acknowledged by all in-sync replicas, one produce request after the other per partition, so that
// no message overtakes an earlier one with the same key, also not one that failed. It tries again what may succeed
// until ctx ends (10 s if it has no deadline). After an error none, some or all of the messages may have landed, and
// may still land: publishing them again must be harmless.
//
// The partition of a key is the one the Java client chooses (murmur2).
func (c *Client) Publish(ctx context.Context, msgs ...Message) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishLimit)
		defer cancel()
	}
	batches, err := c.partition(ctx, msgs)
	if err != nil {
		return err
	}
	if len(batches) == 1 {
		return c.publish(ctx, batches[0])
	}
	errs := make([]error, len(batches))
	var all sync.WaitGroup
	for i, b := range batches {
		all.Go(func() { errs[i] = c.publish(ctx, b) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Refused tells whether err is a broker's final word on a message, such as its being too large:
// publishing it again will not help.
func Refused(err error) bool {
	var answer kafka.Error
	return errors.As(err, &answer) && !answer.Temporary() && slices.Contains([]kafka.Error{
		kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord, kafka.InvalidTopic, kafka.InvalidTimestamp,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.UnsupportedForMessageFormat, kafka.PolicyViolation,
	}, answer)
}

// batch is what goes to one partition.
type batch struct {
	topic     string
	partition int
	messages  []*Message
}

func (c *Client) partition(ctx context.Context, msgs []Message) ([]*batch, error) {
	var batches []*batch
	for i := range msgs {
		m := &msgs[i]
		n, err := c.partitionOf(ctx, m.Topic, m.Key)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(batches, func(b *batch) bool { return b.partition == n && b.topic == m.Topic })
		if at < 0 {
			at = len(batches)
			batches = append(batches, &batch{topic: m.Topic, partition: n})
		}
		batches[at].messages = append(batches[at].messages, m)
	}
	return batches, nil
}

var partitioner = kafka.Murmur2Balancer{Consistent: true}

func (c *Client) partitionOf(ctx context.Context, topic, key string) (int, error) {
	numbers, known := c.partitions.Load(topic)
	if !known {
		count, err := c.countPartitions(ctx, topic)
		if err != nil {
			return 0, err
		}
		all := make([]int, count)
		for i := range all {
			all[i] = i
		}
		numbers, _ = c.partitions.LoadOrStore(topic, all)
	}
	return partitioner.Balance(kafka.Message{Key: []byte(key)}, numbers.([]int)...), nil
}

func (c *Client) countPartitions(ctx context.Context, topic string) (count int, err error) {
	err = again(ctx, func() error {
		found, err := c.describe(ctx, topic)
		if err != nil {
			return err
		}
		if count = len(found[topic].leaders); count == 0 {
			return fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
		}
		return nil
	})
	return count, err
}

// publish sends a partition's messages in as few requests as their size allows, one after the other.
func (c *Client) publish(ctx context.Context, b *batch) error {
	records := make([]kafka.Record, 0, len(b.messages))
	spans := make([]trace.Span, len(b.messages))
	size := 0
	for i, m := range b.messages {
		sendCtx, span := c.startSend(ctx, m, b.partition)
		spans[i] = span
		headers := c.headersOf(sendCtx, m)
		size += weight(m, headers)
		records = append(records, kafka.Record{Time: time.Now(), Headers: headers})
	}
	begun := time.Now()
	err := c.inPieces(ctx, b, records, size)
	c.meter.publish(ctx, b.topic, len(records), time.Since(begun), err)
	for _, span := range spans {
		end(span, err)
	}
	return err
}

func (c *Client) inPieces(ctx context.Context, b *batch, records []kafka.Record, size int) error {
	from := 0
	if size > largestBatch {
		size = 0
		for i, m := range b.messages {
			w := weight(m, records[i].Headers)
			if size += w; size > largestBatch && i > from {
				if err := c.produce(ctx, b, records, from, i); err != nil {
					return err
				}
				from, size = i, w
			}
		}
	}
	return c.produce(ctx, b, records, from, len(records))
}

// produce sends the messages from…to in one request until it is acknowledged or ctx ends.
func (c *Client) produce(ctx context.Context, b *batch, records []kafka.Record, from, to int) error {
	return again(ctx, func() error {
		for i := from; i < to; i++ { // what a try has read of them is gone
			records[i].Key, records[i].Value = kafka.NewBytes([]byte(b.messages[i].Key)), kafka.NewBytes(b.messages[i].Value)
		}
		answer, err := c.kafka.Produce(ctx, &kafka.ProduceRequest{
			Topic: b.topic, Partition: b.partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records[from:to]...),
		})
		if err == nil {
			err = answer.Error
		}
		if err != nil {
			return fmt.Errorf("publish to %s/%d: %w", b.topic, b.partition, err)
		}
		return nil
	})
}

func (c *Client) headersOf(ctx context.Context, m *Message) []kafka.Header {
	at, source := m.Time, m.Source
	if at.IsZero() {
		at = time.Now()
	}
	if source == "" {
		source = c.source
	}
	headers := make([]kafka.Header, 0, 9+len(m.Headers))
	headers = append(headers,
		kafka.Header{Key: headerSpec, Value: specVersion},
		kafka.Header{Key: headerID, Value: []byte(m.ID)},
		kafka.Header{Key: headerSource, Value: []byte(source)},
		kafka.Header{Key: headerType, Value: []byte(m.Type)},
		kafka.Header{Key: headerTime, Value: at.UTC().AppendFormat(nil, time.RFC3339Nano)},
		kafka.Header{Key: headerContent, Value: contentType})
	if m.Subject != "" {
		headers = append(headers, kafka.Header{Key: headerSubject, Value: []byte(m.Subject)})
	}
	for key, value := range m.Headers {
		headers = append(headers, kafka.Header{Key: key, Value: []byte(value)})
	}
	if m.Headers["traceparent"] == "" {
		propagator.Inject(ctx, carrier{&headers})
	}
	if id := telemetry.Correlation(ctx); id != "" && m.Headers[CorrelationHeader] == "" {
		headers = append(headers, kafka.Header{Key: CorrelationHeader, Value: []byte(id)})
	}
	return headers
}

// weight is about how many bytes a message takes in a request.
func weight(m *Message, headers []kafka.Header) int {
	n := len(m.Key) + len(m.Value) + 32
	for _, h := range headers {
		n += len(h.Key) + len(h.Value) + 4
	}
	return n
}

// again calls do until it succeeds, is refused or ctx ends, and returns do's last error.
func again(ctx context.Context, do func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := do()
		if err == nil || Refused(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}
