package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// applyLimit bounds one transaction, so that a database that hangs is noticed.
const applyLimit = 30 * time.Second

// apply has the handler apply a batch and moves the position to upTo in the same transaction. What the handler cannot
// apply is tried one by one, and what then still fails is parked. It returns once the whole batch is dealt with, or
// with errMoved, or with another error when the partition was taken away meanwhile.
func (p *partition) apply(assigned, work context.Context, batch []*Record, upTo int64) (err error) {
	for _, r := range batch {
		p.k.client.startProcess(r, p.k.cfg.Group)
	}
	defer func() {
		for _, r := range batch {
			end(r.span, err) // again is harmless: a parked one has ended
		}
	}()

	refusal, err := p.attempt(assigned, work, batch, upTo)
	if err != nil || refusal == nil {
		return err
	}
	if len(batch) == 1 {
		return p.park(assigned, work, batch[0], upTo, refusal)
	}
	for i, r := range batch {
		next := upTo
		if i < len(batch)-1 {
			next = r.Offset + 1
		}
		if refusal, err = p.attempt(assigned, work, batch[i:i+1], next); err == nil && refusal != nil {
			err = p.park(assigned, work, r, next, refusal)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attempt runs the handler in a transaction until the surroundings allow it to be decided. refusal is the handler's own error.
func (p *partition) attempt(assigned, work context.Context, records []*Record, upTo int64) (refusal, err error) {
	for _, r := range records {
		if r.malformed != nil {
			return r.malformed, nil
		}
	}
	refusal, err = p.transact(assigned, work, upTo, len(records), func(ctx context.Context, tx *postgres.Tx) error {
		for _, r := range records {
			r.attempts++
		}
		return p.sub.Handler.Handle(ctx, tx, records)
	})
	if refusal == nil && err == nil {
		m := p.k.client.meter
		m.consume(work, p.topic, applied, len(records))
		for _, r := range records {
			m.consumeLatency.Record(work, time.Since(r.Published).Seconds(), m.with(p.topic, ""))
		}
	}
	return refusal, err
}

// transact moves the position and runs do in one transaction. A failure of the surroundings is retried for ever, that is
// until the partition is taken away; any other error of do is returned as refusal.
func (p *partition) transact(assigned, work context.Context, upTo int64, records int, do func(context.Context, *postgres.Tx) error) (refusal, err error) {
	first := []postgres.Statement{p.k.positions.moving(p.topic, p.id, p.stored, upTo)}
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		ctx, cancel := context.WithTimeout(work, applyLimit)
		err := p.k.db.InTxAfter(ctx, first, func(tx *postgres.Tx) error {
			return safely(func() error { return do(ctx, tx) })
		})
		cancel()
		switch {
		case err == nil:
			p.moved(upTo)
			p.well(work)
			return nil, nil
		case errors.Is(err, errMoved) || work.Err() != nil:
			return nil, err
		case !postgres.Infrastructure(err) && !errors.Is(err, context.Canceled):
			return err, nil
		}
		p.k.client.meter.consume(work, p.topic, retried, records)
		p.fail(work, err)
		if sleep(assigned, wait); assigned.Err() != nil {
			return nil, err
		}
	}
}

// Headers of a parked record, beside its own.
const (
	headerReason    = "dead-letter-reason"
	headerConsumer  = "dead-letter-consumer"
	headerAttempt   = "dead-letter-attempt" // how often the handler was given the record
	headerTopic     = "dead-letter-topic"
	headerPartition = "dead-letter-partition"
	headerOffset    = "dead-letter-offset"
	headerParkedAt  = "dead-letter-time"
)

// park puts a record that cannot be handled into the dead-letter topic and moves the position past it. It is in the topic
// before the position moves, so a crash between the two parks it twice rather than never.
func (p *partition) park(assigned, work context.Context, r *Record, upTo int64, reason error) error {
	ctx := r.Context(work)
	attributes := []any{"topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "type", r.Type, "message_id", r.ID, "reason", kind(reason)}
	if crash, ok := errors.AsType[*panicked](reason); ok {
		attributes = append(attributes, "stack", crash.stack)
	}
	p.k.log.ErrorContext(ctx, "record parked", attributes...)

	wait := retryFirst
	for err := p.bury(ctx, r, reason); err != nil; err = p.bury(ctx, r, reason) {
		p.fail(ctx, err)
		if sleep(assigned, wait); assigned.Err() != nil {
			return err
		}
		wait = min(2*wait, retryMost)
	}
	parker, tells := p.sub.Handler.(Parker)
	refusal, err := p.transact(assigned, work, upTo, 1, func(txCtx context.Context, tx *postgres.Tx) error {
		if tells && r.malformed == nil {
			return parker.Parked(r.Context(txCtx), tx, r, reason)
		}
		return nil
	})
	if refusal != nil {
		p.k.log.ErrorContext(ctx, "parking told nobody", "topic", r.Topic, "offset", r.Offset, "error", kind(refusal))
		_, err = p.transact(assigned, work, upTo, 1, func(context.Context, *postgres.Tx) error { return nil })
	}
	if err == nil {
		p.k.client.meter.consume(ctx, p.topic, parked, 1)
		end(r.span, reason)
	}
	return err
}

// bury publishes a record, as it came and with why it is there, to the dead-letter topic.
func (p *partition) bury(ctx context.Context, r *Record, reason error) error {
	c, topic, group := p.k.client, p.k.cfg.DeadLetter, p.k.cfg.Group
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	n, err := c.partitionOf(ctx, topic, r.Key)
	if err != nil {
		return err
	}
	m := &Message{Topic: topic, Key: r.Key, ID: r.ID, Value: r.Value}
	_, span := c.startSend(ctx, m, n)
	headers := append(slices.Clip(r.headers),
		kafka.Header{Key: headerReason, Value: []byte(shorten(reason.Error(), reasonLimit))},
		kafka.Header{Key: headerConsumer, Value: []byte(group)},
		kafka.Header{Key: headerAttempt, Value: fmt.Append(nil, r.attempts)},
		kafka.Header{Key: headerTopic, Value: []byte(r.Topic)},
		kafka.Header{Key: headerPartition, Value: fmt.Append(nil, r.Partition)},
		kafka.Header{Key: headerOffset, Value: fmt.Append(nil, r.Offset)},
		kafka.Header{Key: headerParkedAt, Value: time.Now().UTC().AppendFormat(nil, time.RFC3339Nano)})
	b := &batch{topic: topic, partition: n, messages: []*Message{m}}
	begun, lost := time.Now(), 0
	err = c.produce(ctx, b, []kafka.Record{{Time: begun, Headers: headers}}, 0, 1)
	if Refused(err) && len(m.Value) > 0 { // with these headers it is too large; where it came from still says which one it was
		m.Value = nil
		err = c.produce(ctx, b, []kafka.Record{{Time: begun, Headers: headers}}, 0, 1)
	}
	if err != nil {
		lost = 1
	}
	c.meter.publish(ctx, topic, 1-lost, lost, time.Since(begun))
	end(span, err)
	return err
}

// panicked is a handler's panic as an error.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return "panic: " + telemetry.PanicCause(p.value) }

func safely(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: string(debug.Stack())}
		}
	}()
	return do()
}

const (
	reasonLimit = 2000 // bytes in the dead-letter topic
	logLimit    = 1000 // and in a log line
)

// kind is what may be logged of an error: PostgreSQL's texts can quote a value, its codes and names cannot.
func kind(err error) string {
	state, constraint := postgres.SQLState(err), postgres.Constraint(err)
	switch {
	case err == nil:
		return ""
	case state == "" || postgres.Infrastructure(err):
		return shorten(err.Error(), logLimit)
	case constraint != "":
		return "SQLSTATE " + state + ", constraint " + constraint
	}
	return "SQLSTATE " + state
}

func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
