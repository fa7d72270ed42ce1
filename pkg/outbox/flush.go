package outbox

import (
	"context"
	"encoding/json"
	"fmt"
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
	overdue     = time.Second           // the age of rows that a crash, an outage or another replica left behind
	firstPause  = 20 * time.Millisecond // after a flush that failed; doubles
	longPause   = time.Second
	remindAfter = 30 * time.Second
)

// Run publishes until ctx ends, and then once more what still waits.
func (o *Outbox) Run(ctx context.Context) error {
	// Connections of their own: a slow broker cannot hold the service's, and a busy service cannot keep events back.
	db, err := o.db.Sibling(flushers+1, map[string]string{
		"synchronous_commit": "off", // a delete that a crash undoes is an event published twice, which is allowed
		"lock_timeout":       strconv.FormatInt(publishWait.Milliseconds(), 10),
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
	pause := firstPause
	for {
		keys := o.queue.take(ctx, keyLimit)
		if len(keys) == 0 {
			return
		}
		more, err := o.flush(ctx, db, keys)
		o.queue.done(keys)
		if err == nil {
			pause = firstPause
			if more {
				o.queue.add(keys...)
			}
			continue
		}
		o.complain(ctx, "outbox not flushed", err) // the rows are still there, and in a second they are overdue
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// flush publishes what is pending for keys. A message that the broker will never take holds back only its own key.
func (o *Outbox) flush(ctx context.Context, db *postgres.DB, keys []string) (more bool, err error) {
	more, err = o.flushTogether(ctx, db, keys)
	if !bus.Refused(err) {
		return more, err
	}
	if len(keys) == 1 {
		o.complain(ctx, "outbox key is stuck: the broker refuses its message", fmt.Errorf("key %s: %w", keys[0], err))
		return false, nil
	}
	for i := range keys {
		m, err := o.flush(ctx, db, keys[i:i+1])
		if err != nil {
			return false, err
		}
		more = more || m
	}
	return more, nil
}

// flushTogether locks the oldest rows of keys, publishes and deletes them. Ids are in commit order within a key, because
// its writers hold a lock while they insert, so whoever holds the rows of a key publishes everything pending for it,
// oldest first.
func (o *Outbox) flushTogether(ctx context.Context, db *postgres.DB, keys []string) (more bool, err error) {
	ctx = context.WithoutCancel(ctx) // a flush under way has its own limits
	var ids []int64
	var msgs []bus.Message
	lock := postgres.Statement{SQL: o.pending, Args: []any{keys, rowLimit}, Read: func(rows pgx.Rows) (err error) {
		ids, msgs, err = read(rows)
		return err
	}}
	err = db.InTxAfter(ctx, []postgres.Statement{lock}, func(tx *postgres.Tx) error {
		if len(ids) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, publishWait)
		defer cancel()
		if err := o.pub.Publish(limited, msgs...); err != nil {
			return err
		}
		tx.BeforeCommit(o.remove, ids)
		return nil
	})
	return len(ids) == rowLimit, err
}

func read(rows pgx.Rows) (ids []int64, msgs []bus.Message, err error) {
	for rows.Next() {
		var id int64
		var m bus.Message
		var headers []byte
		if err := rows.Scan(&id, &m.Topic, &m.Key, &m.ID, &m.Type, &m.Subject, &m.Value, &headers, &m.Time); err != nil {
			return nil, nil, fmt.Errorf("outbox row: %w", err)
		}
		if err := json.Unmarshal(headers, &m.Headers); err != nil {
			return nil, nil, fmt.Errorf("outbox row %d: headers: %w", id, err)
		}
		ids, msgs = append(ids, id), append(msgs, m)
	}
	return ids, msgs, rows.Err()
}

// sweepAll looks for rows that nobody flushed, from time to time.
func (o *Outbox) sweepAll(ctx context.Context, db *postgres.DB) {
	for {
		if err := o.sweep(ctx, db); err != nil && ctx.Err() == nil {
			o.complain(ctx, "outbox not swept", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
	}
}

func (o *Outbox) sweep(ctx context.Context, db *postgres.DB) error {
	rows, err := db.Read(ctx).Raw(o.heads).Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var oldest float64
	var keys []string
	for rows.Next() {
		var key string
		var age float64
		if err := rows.Scan(&key, &age); err != nil {
			return err
		}
		oldest = max(oldest, age)
		if age > overdue.Seconds() {
			keys = append(keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if o.oldest.Store(0); oldest > 0 {
		o.oldest.Store(time.Now().Add(-time.Duration(oldest * float64(time.Second))).UnixNano())
	}
	if len(keys) > 0 {
		o.queue.add(keys...)
	}
	return nil
}

// complain logs a failure that may last, once in a while.
func (o *Outbox) complain(ctx context.Context, what string, err error) {
	now, due := time.Now().UnixNano(), o.remind.Load()
	if now >= due && o.remind.CompareAndSwap(due, now+int64(remindAfter)) {
		o.log.WarnContext(ctx, what, "error", err)
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
