package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

const (
	flushers    = 2
	keyLimit    = 200             // of one flush
	rowLimit    = 500             // of one flush; what is left follows in the next
	publishWait = 2 * time.Second // a slow broker must not hold rows for longer
	sweepEvery  = time.Second
	overdue     = time.Second // the age of rows that a crash, an outage or another replica left behind
	remindAfter = 30 * time.Second
)

// Run publishes until ctx ends, and then once more what still waits.
func (o *Outbox) Run(ctx context.Context) error {
	// Connections of their own: a slow broker cannot hold the service's, and a busy service cannot keep events back.
	db, err := o.db.Sibling(flushers+1, map[string]string{
		"synchronous_commit": "off", // a delete that a crash undoes is an event published twice, which is allowed
		"lock_timeout":       strconv.FormatInt(publishWait.Milliseconds(), 10),
		"enable_seqscan":     "off", // mostly the table is empty, and what is planned then is used when it is full
	})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	defer func() { _ = db.Close() }()
	age, err := o.observeAge()
	if err != nil {
		return fmt.Errorf("outbox: metrics: %w", err)
	}
	defer func() { _ = age.Unregister() }()

	var all sync.WaitGroup
	for range flushers {
		all.Go(func() { o.flushAll(ctx, db) })
	}
	all.Go(func() { o.sweepAll(ctx, db) })
	all.Wait()
	return nil
}

// flushAll is one flusher.
func (o *Outbox) flushAll(ctx context.Context, db *postgres.DB) {
	for {
		keys := o.queue.take(ctx, keyLimit)
		if len(keys) == 0 {
			return
		}
		more, failed, err := o.flush(ctx, db, keys)
		o.queue.done(keys, failed)
		if err != nil {
			o.complain(ctx, "flush", err) // the rows are still there, and the sweeper goes on with them
		}
		if more {
			o.queue.add(keys...)
		}
	}
}

// flush publishes what is pending for keys. failed are those of which something could not be published, more says that
// something was not tried.
func (o *Outbox) flush(ctx context.Context, db *postgres.DB, keys []string) (more bool, failed []string, err error) {
	ctx = context.WithoutCancel(ctx) // a flush under way has its own limits
	var batch pending
	lock := postgres.Statement{SQL: o.pending, Args: []any{keys, rowLimit}, Read: func(rows pgx.Rows) (err error) {
		batch, err = read(rows)
		return err
	}}
	var unpublished error
	err = db.InTxAfter(ctx, []postgres.Statement{lock}, func(tx *postgres.Tx) error {
		if len(batch.ids) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, publishWait)
		defer cancel()
		var done []int64
		if done, failed, unpublished = batch.publish(limited, o.pub); len(done) > 0 {
			tx.BeforeCommit(o.remove, done)
		}
		return nil
	})
	if err != nil {
		return false, keys, err
	}
	return len(batch.ids) == rowLimit, failed, unpublished
}

// pending is what a flush has locked: rows in the order of their ids, which is commit order within a key, because its
// writers hold a lock while they insert. Whoever holds the rows of a key holds everything pending for it.
type pending struct {
	ids  []int64
	msgs []bus.Message
}

// publish returns the rows that are done, and the keys of the others.
func (p pending) publish(ctx context.Context, to Publisher) (done []int64, failed []string, err error) {
	err = to.Publish(ctx, p.msgs...)
	if err == nil {
		return p.ids, nil, nil
	}
	var partly *bus.Unpublished
	lost := map[int]bool{}
	if errors.As(err, &partly) {
		for _, i := range partly.Places {
			lost[i] = true
		}
	}
	for i, id := range p.ids {
		if partly != nil && !lost[i] {
			done = append(done, id)
		} else if key := p.msgs[i].Key; !slices.Contains(failed, key) {
			failed = append(failed, key)
		}
	}
	return done, failed, err
}

func read(rows pgx.Rows) (p pending, err error) {
	for rows.Next() {
		var id int64
		var m bus.Message
		var headers []byte
		if err := rows.Scan(&id, &m.Topic, &m.Key, &m.ID, &m.Type, &m.Subject, &m.Value, &headers, &m.Time); err != nil {
			return p, fmt.Errorf("outbox row: %w", err)
		}
		if err := decode(headers, &m); err != nil {
			return p, fmt.Errorf("outbox row %d: headers: %w", id, err)
		}
		p.ids, p.msgs = append(p.ids, id), append(p.msgs, m)
	}
	return p, rows.Err()
}

// sweepAll flushes what the flushers did not, from time to time.
func (o *Outbox) sweepAll(ctx context.Context, db *postgres.DB) {
	for {
		if err := o.sweep(ctx, db); err != nil && ctx.Err() == nil {
			o.complain(ctx, "sweep", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
	}
}

// sweep flushes suspect keys and those with rows that are overdue, until something fails that others would fail of too.
func (o *Outbox) sweep(ctx context.Context, db *postgres.DB) error {
	late, err := o.late(ctx, db)
	if err != nil {
		return err
	}
	keys := o.queue.claim(late)
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] }) // the next sweep begins with others
	for len(keys) > 0 && err == nil && ctx.Err() == nil {
		var failed []string
		some := keys[:min(len(keys), keyLimit)]
		keys = keys[len(some):]
		failed, err = o.sweepSome(ctx, db, some)
		o.queue.done(some, failed)
	}
	o.queue.done(keys, keys)
	return err
}

// sweepSome flushes keys completely. What fails together is tried one by one: a message that the broker will never take
// holds back only its own key.
func (o *Outbox) sweepSome(ctx context.Context, db *postgres.DB, keys []string) (failed []string, err error) {
	for more := true; more && err == nil; {
		more, failed, err = o.flush(ctx, db, keys)
	}
	if len(failed) == 0 || len(keys) == 1 {
		return failed, err
	}
	suspects := failed
	failed = nil
	for i, key := range suspects {
		alone, err := o.sweepSome(ctx, db, []string{key})
		failed = append(failed, alone...)
		if bus.Refused(err) {
			o.complain(ctx, "flush", fmt.Errorf("key %s is stuck: %w", key, err))
		} else if err != nil {
			return append(failed, suspects[i+1:]...), err
		}
	}
	return failed, nil
}

// late returns the keys with rows that are overdue.
func (o *Outbox) late(ctx context.Context, db *postgres.DB) (keys []string, err error) {
	rows, err := db.Read(ctx).Raw(o.heads).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	oldest := 0.0
	for rows.Next() {
		var key string
		var age float64
		if err := rows.Scan(&key, &age); err != nil {
			return nil, err
		}
		oldest = max(oldest, age)
		if age > overdue.Seconds() {
			keys = append(keys, key)
		}
	}
	if o.oldest.Store(0); oldest > 0 {
		o.oldest.Store(time.Now().Add(-time.Duration(oldest * float64(time.Second))).UnixNano())
	}
	return keys, rows.Err()
}

// complain logs a failure that may last, once in a while.
func (o *Outbox) complain(ctx context.Context, operation string, err error) {
	now, due := time.Now().UnixNano(), o.remind.Load()
	if now >= due && o.remind.CompareAndSwap(due, now+int64(remindAfter)) {
		o.log.WarnContext(ctx, "outbox not emptied", "operation", operation, "error", err)
	}
}

func (o *Outbox) observeAge() (metric.Registration, error) {
	gauge, err := o.meter.Float64ObservableGauge("outbox_oldest_age_seconds", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest message that waits to be published"))
	if err != nil {
		return nil, err
	}
	return o.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		age := 0.0
		if at := o.oldest.Load(); at > 0 {
			age = time.Since(time.Unix(0, at)).Seconds()
		}
		to.ObserveFloat64(gauge, age)
		return nil
	}, gauge)
}
