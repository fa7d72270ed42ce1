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
// until ctx ends (10 s if it has no deadline). Its error is an *Unpublished; what that names may still land, so
// publishing it again must be harmless.
//
// The partition of a key is the one the Java client chooses (murmur2).
func (c *Client) Publish(ctx context.Context, msgs ...Message) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishLimit)
		defer cancel()
	}
	batches, lost := c.partition(ctx, msgs)
	sent, errs := make([]int, len(batches)), make([]error, len(batches))
	if len(batches) == 1 {
		sent[0], errs[0] = c.publish(ctx, batches[0])
	} else {
		var all sync.WaitGroup
		for i, b := range batches {
			all.Go(func() { sent[i], errs[i] = c.publish(ctx, b) })
		}
		all.Wait()
	}
	for i, b := range batches {
		if errs[i] != nil {
			lost.add(errs[i], b.places[sent[i]:]...)
		}
	}
	if len(lost.Places) > 0 {
		return &lost
	}
	return nil
}

// Unpublished is Publish's error: which messages were not acknowledged, by their places among its arguments, and why.
// All others were.
type Unpublished struct {
	Places []int
	Err    error
}

func (u *Unpublished) Error() string { return u.Err.Error() }
func (u *Unpublished) Unwrap() error { return u.Err }

func (u *Unpublished) add(err error, places ...int) {
	u.Places = append(u.Places, places...)
	u.Err = errors.Join(u.Err, err)
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
	places    []int // of the messages among the arguments of Publish
}

// partition sorts messages by where they go; lost are those of topics that are not there.
func (c *Client) partition(ctx context.Context, msgs []Message) (batches []*batch, lost Unpublished) {
	missing := map[string]bool{}
	for i := range msgs {
		m := &msgs[i]
		if missing[m.Topic] {
			lost.add(nil, i)
			continue
		}
		n, err := c.partitionOf(ctx, m.Topic, m.Key)
		if err != nil {
			missing[m.Topic] = true
			lost.add(err, i)
			continue
		}
		at := slices.IndexFunc(batches, func(b *batch) bool { return b.partition == n && b.topic == m.Topic })
		if at < 0 {
			at = len(batches)
			batches = append(batches, &batch{topic: m.Topic, partition: n})
		}
		batches[at].messages = append(batches[at].messages, m)
		batches[at].places = append(batches[at].places, i)
	}
	return batches, lost
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

// countPartitions asks a broker. A topic that is not there is an error at once: it must not keep others waiting.
func (c *Client) countPartitions(ctx context.Context, topic string) (count int, err error) {
	err = again(ctx, func() error {
		found, err := c.describe(ctx, topic)
		count = len(found[topic].leaders)
		return err
	})
	if err == nil && count == 0 {
		err = fmt.Errorf("topic %s does not exist", topic)
	}
	return count, err
}

// publish sends a partition's messages in as few requests as their size allows, one after the other, and returns how
// many of them were acknowledged.
func (c *Client) publish(ctx context.Context, b *batch) (sent int, err error) {
	records := make([]kafka.Record, len(b.messages))
	spans := make([]trace.Span, len(b.messages))
	for i, m := range b.messages {
		var sending context.Context
		sending, spans[i] = c.startSend(ctx, m, b.partition)
		records[i] = kafka.Record{Time: time.Now(), Headers: c.headersOf(sending, m)}
	}
	begun := time.Now()
	for sent < len(records) && err == nil {
		next := sent + 1
		for size := b.weight(records, sent); next < len(records); next++ {
			if size += b.weight(records, next); size > largestBatch {
				break
			}
		}
		if err = c.produce(ctx, b, records, sent, next); err == nil {
			sent = next
		}
	}
	took := time.Since(begun)
	for i, span := range spans {
		if i < sent {
			end(span, nil)
		} else {
			end(span, err)
		}
	}
	c.meter.publish(ctx, b.topic, sent, len(records)-sent, took)
	return sent, err
}

// weight is about how many bytes a message takes in a request.
func (b *batch) weight(records []kafka.Record, i int) int {
	n := len(b.messages[i].Key) + len(b.messages[i].Value) + 32
	for _, h := range records[i].Headers {
		n += len(h.Key) + len(h.Value) + 4
	}
	return n
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
