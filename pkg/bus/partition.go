package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

const (
	fetchWait  = 2 * time.Second // a broker's longest wait for a record; the end of the assignment cuts it short
	fetchBytes = 1 << 20
	fetchLimit = 4 * time.Second // beyond that, for an answer that is due

	retryFirst  = 100 * time.Millisecond // after a failure of the surroundings; doubles
	retryMost   = 2 * time.Second
	fetchMost   = 250 * time.Millisecond // the same for Kafka alone: what waits there is cheap to ask for
	remindAfter = 30 * time.Second       // of a failure that lasts
	storeAfter  = 5 * time.Second        // positions past records nobody wanted
	haltedWait  = 2 * time.Second        // between looks whether a halted partition was resolved
)

// partition consumes one assigned partition. It has a connection of its own, so that one that is stuck stalls no other.
type partition struct {
	k     *Consumer
	sub   Subscription
	topic string
	id    int

	described func() (map[string]description, error) // asked once by a generation for all its partitions; nil after the first use

	conn     *kafka.Conn
	hangUp   func() bool // has conn no longer closed when the assignment ends
	topicID  string
	stored   int64 // the position as it is in the database
	next     int64 // everything before this offset is applied or unwanted
	storedAt time.Time

	reached atomic.Int64            // stored, for tend; -1 before it is known
	oldest  atomic.Int64            // publication of the oldest record in hand, Unix nanoseconds; 0: none
	seen    atomic.Int64            // last sign of life, Unix nanoseconds
	trouble atomic.Pointer[trouble] //
	current atomic.Pointer[string]  // the topic's id as it was last inspected
}

type trouble struct {
	err    error
	since  time.Time
	logged bool
}

// errHalted: going on would skip or repeat records, so a person has to decide.
type errHalted struct{ text string }

func (e errHalted) Error() string { return e.text }

func newPartition(k *Consumer, sub Subscription, id int) *partition {
	p := &partition{k: k, sub: sub, topic: sub.Topic, id: id}
	p.reached.Store(-1)
	p.alive()
	return p
}

// run consumes until assigned ends; transactions run on work, which outlives assigned a little.
func (p *partition) run(assigned, work context.Context) {
	defer p.disconnect()
	wait := time.Duration(0)
	for assigned.Err() == nil {
		if p.topicChanged() {
			p.disconnect()
		}
		records, err := p.fetch(assigned)
		if err == nil {
			p.well(assigned)
			wait = 0
			err = p.consume(assigned, work, records)
		}
		var halted errHalted
		switch {
		case err == nil || assigned.Err() != nil:
			continue
		case errors.Is(err, errMoved):
			p.disconnect() // and read where it is now
			continue
		case errors.As(err, &halted):
			wait = haltedWait
		default:
			wait = min(max(2*wait, retryFirst), fetchMost)
		}
		p.disconnect()
		p.fail(assigned, err)
		sleep(assigned, wait)
	}
	p.storePosition(work)
}

// consume applies fetched records in order, at most MaxBatch in one transaction.
func (p *partition) consume(assigned, work context.Context, fetched []kafka.Message) error {
	defer p.oldest.Store(0)
	var batch []*Record
	unwanted := 0
	for i := range fetched {
		m := &fetched[i]
		if r := p.record(m); r != nil {
			batch = append(batch, r)
		} else {
			unwanted++
		}
		if last := i == len(fetched)-1; len(batch) == p.k.cfg.MaxBatch || last && len(batch) > 0 {
			p.oldest.Store(batch[0].Published.UnixNano())
			if err := p.apply(assigned, work, batch, m.Offset+1); err != nil {
				return err
			}
			batch = nil
		} else if last {
			p.next = m.Offset + 1 // stored some time, and with the next batch
		}
	}
	if unwanted > 0 {
		p.k.client.meter.consume(work, p.topic, dropped, unwanted)
	}
	if time.Since(p.storedAt) > storeAfter {
		p.storePosition(work)
	}
	return nil
}

// record makes a Record of a message, nil if nobody wants it. One that does not even say what it is, is always wanted:
// it belongs into the dead-letter topic.
func (p *partition) record(m *kafka.Message) *Record {
	i := slices.IndexFunc(m.Headers, func(h kafka.Header) bool { return h.Key == headerType })
	if i >= 0 && p.sub.Wants != nil && !p.sub.Wants(string(m.Headers[i].Value)) {
		return nil
	}
	return newRecord(m)
}

// fetch returns what waits, at least one record unless none came for a while.
func (p *partition) fetch(ctx context.Context) ([]kafka.Message, error) {
	if p.conn == nil {
		if err := p.connect(ctx); err != nil {
			return nil, err
		}
	}
	_ = p.conn.SetDeadline(time.Now().Add(fetchWait + fetchLimit))
	batch := p.conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait})
	var records []kafka.Message
	for {
		m, err := batch.ReadMessage()
		if err == nil {
			records = append(records, m)
			continue
		}
		_ = batch.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, kafka.RequestTimedOut) || len(records) > 0 {
			p.alive()
			return records, nil // an error after records comes back with the next fetch
		}
		return nil, fmt.Errorf("fetch %s/%d@%d: %w", p.topic, p.id, p.next, err)
	}
}

// connect dials the partition's leader and takes up the stored position there.
func (p *partition) connect(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	ask := p.described
	if p.described = nil; ask == nil {
		ask = func() (map[string]description, error) { return p.k.client.describe(dial, p.topic) }
	}
	found, err := ask()
	if err != nil {
		return err
	}
	d, exists := found[p.topic]
	if !exists {
		return fmt.Errorf("topic %s does not exist", p.topic)
	}
	if p.id >= len(d.leaders) || d.leaders[p.id].Host == "" {
		return fmt.Errorf("partition %s/%d has no leader", p.topic, p.id)
	}
	leader := d.leaders[p.id]
	conn, err := p.k.client.dialer.DialPartition(dial, "tcp", net.JoinHostPort(leader.Host, strconv.Itoa(leader.Port)),
		kafka.Partition{Topic: p.topic, ID: p.id, Leader: leader})
	if err != nil {
		return fmt.Errorf("partition %s/%d: %w", p.topic, p.id, err)
	}
	p.conn, p.hangUp = conn, context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends a fetch under way
	_ = conn.SetDeadline(time.Now().Add(dialLimit))
	first, end, err := conn.ReadOffsets()
	if err != nil {
		return fmt.Errorf("offsets of %s/%d: %w", p.topic, p.id, err)
	}
	if err := p.resume(dial, d.id, first, end); err != nil {
		return err
	}
	if _, err := conn.Seek(p.next, kafka.SeekAbsolute|kafka.SeekDontCheck); err != nil {
		return fmt.Errorf("seek %s/%d@%d: %w", p.topic, p.id, p.next, err)
	}
	return nil
}

// resume reads the stored position and refuses to go on when the topic is not what it was.
func (p *partition) resume(ctx context.Context, topicID string, first, end int64) error {
	at, found, err := p.k.positions.read(ctx, p.topic, p.id)
	switch {
	case err != nil:
		return err
	case !found: // from the beginning: what a consumer knows, it knows from its topics
		at = position{next: first, topic: topicID}
		if err := p.k.positions.begin(ctx, p.topic, p.id, at); err != nil {
			return err
		}
		if at, _, err = p.k.positions.read(ctx, p.topic, p.id); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("%s/%d: group %s is at %d", p.topic, p.id, p.k.cfg.Group, at.next)
	switch {
	case at.topic != "" && topicID != "" && at.topic != topicID && at.next > 0:
		return errHalted{fmt.Sprintf("topic %s was recreated (it is %s now, it was %s); to consume the new one from its beginning: %s",
			p.topic, topicID, at.topic, p.k.positions.resolve(p.topic, -1, 0))}
	case at.next > end:
		return errHalted{fmt.Sprintf("%s, but the topic ends at %d: it was truncated; to go on with what comes next: %s",
			what, end, p.k.positions.resolve(p.topic, p.id, end))}
	case at.next < first:
		return errHalted{fmt.Sprintf("%s, but the topic begins at %d: records were lost to retention; to go on without them: %s",
			what, first, p.k.positions.resolve(p.topic, p.id, first))}
	case topicID != "" && at.topic != topicID:
		if err := p.k.positions.bind(ctx, p.topic, p.id, position{next: at.next, topic: topicID}); err != nil {
			return err
		}
	}
	p.topicID, p.stored, p.next, p.storedAt = topicID, at.next, at.next, time.Now()
	p.reached.Store(p.stored)
	return nil
}

// storePosition stores a position that moved past records nobody wanted. Losing it repeats only the dropping.
func (p *partition) storePosition(ctx context.Context) {
	if p.conn == nil || p.next <= p.stored {
		return
	}
	first := []postgres.Statement{postgres.Async, p.k.positions.moving(p.topic, p.id, p.stored, p.next)}
	if err := p.k.db.InTxAfter(ctx, first, func(*postgres.Tx) error { return nil }); err != nil {
		p.k.log.DebugContext(ctx, "position not stored", "topic", p.topic, "partition", p.id, "error", err)
		return
	}
	p.moved(p.next)
}

func (p *partition) moved(to int64) {
	p.stored, p.next, p.storedAt = to, to, time.Now()
	p.reached.Store(to)
	p.alive()
}

func (p *partition) disconnect() {
	if p.conn != nil {
		p.hangUp()
		_ = p.conn.Close()
		p.conn = nil
	}
}

// topicIs notes, from outside, which topic goes by the name now.
func (p *partition) topicIs(id string) { p.current.Store(&id) }

func (p *partition) topicChanged() bool {
	id := p.current.Load()
	return id != nil && *id != "" && p.conn != nil && p.topicID != "" && *id != p.topicID
}

func (p *partition) alive() { p.seen.Store(time.Now().UnixNano()) }

func (p *partition) well(ctx context.Context) {
	if was := p.trouble.Swap(nil); was != nil && was.logged {
		p.k.log.InfoContext(ctx, "consuming again", "topic", p.topic, "partition", p.id, "after_seconds", time.Since(was.since).Seconds())
	}
}

// fail notes a failure for check and logs it: a topic's partitions usually have the same, which is told once in a while.
func (p *partition) fail(ctx context.Context, err error) {
	p.alive()
	now := &trouble{err: err, since: time.Now()}
	if was := p.trouble.Load(); was != nil {
		now.since, now.logged = was.since, was.logged
	}
	attributes := []any{"topic", p.topic, "partition", p.id, "error", kind(err)}
	if halted := errors.As(err, &errHalted{}); halted && p.k.reminders.due(err.Error()) {
		now.logged = true
		p.k.log.ErrorContext(ctx, "consuming halted", attributes...)
	} else if !halted && p.k.reminders.due(p.topic) {
		now.logged = true
		p.k.log.WarnContext(ctx, "consuming waits", attributes...)
	}
	p.trouble.Store(now)
}

// reminders keep a failure that lasts from filling the log.
type reminders struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (r *reminders) due(about string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.last[about]) < remindAfter {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[about] = time.Now()
	return true
}

// check reports why the partition does not get on.
func (p *partition) check() error {
	if t := p.trouble.Load(); t != nil && (errors.As(t.err, &errHalted{}) || time.Since(t.since) > patience) {
		return t.err
	}
	if silent := time.Since(time.Unix(0, p.seen.Load())); silent > stall {
		return fmt.Errorf("partition %d gives no sign of life for %s", p.id, silent.Round(time.Second))
	}
	return nil
}

// sleep waits about d, less if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d/2 + rand.N(d/2+1)):
	}
}
