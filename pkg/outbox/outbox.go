// Package outbox publishes messages if and only if the transaction that made them commits. They are rows of that
// transaction; after the commit, and again until it works, everything pending for a key is published in order and
// deleted. Each message is published at least once, in commit order per key.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Publisher is a *bus.Client.
type Publisher interface {
	Publish(ctx context.Context, msgs ...bus.Message) error
}

// Outbox is the table outbox of a schema and what empties it.
type Outbox struct {
	db     *postgres.DB
	pub    Publisher
	log    *slog.Logger
	meter  metric.Meter
	queue  *queue
	remind atomic.Int64 // when a failure is logged again, Unix nanoseconds
	oldest atomic.Int64 // creation of the oldest row at the last sweep, Unix nanoseconds; 0: none

	insert, pending, remove, heads string
}

// New prepares an outbox in schema; Run empties it.
func New(db *postgres.DB, schema string, pub Publisher, tel *telemetry.Telemetry) *Outbox {
	table := pgx.Identifier{schema, "outbox"}.Sanitize()
	return &Outbox{
		db: db, pub: pub, log: tel.Log, meter: tel.Meter, queue: newQueue(),
		// Ids are given in the order of the messages.
		insert: "INSERT INTO " + table + " (topic, key, event_id, type, subject, payload, headers)" +
			" SELECT topic, key, event_id::uuid, type, subject, payload, headers::jsonb" +
			" FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[])" +
			" WITH ORDINALITY AS m (topic, key, event_id, type, subject, payload, headers, n) ORDER BY n",
		// Whoever holds a key's rows publishes them; another flusher waits for them here, and then finds them gone.
		// Skipping locked rows would let a later event of the key overtake an earlier one.
		// BETWEEN, because for = the server may read all rows in the order of their ids, if it plans for an empty table.
		pending: "SELECT id, topic, key, event_id::text, type, subject, payload, headers::text, created_at FROM " + table +
			" WHERE id = ANY(ARRAY(SELECT first.id FROM unnest($1::text[]) AS k (key) CROSS JOIN LATERAL" +
			" (SELECT id FROM " + table + " WHERE key BETWEEN k.key AND k.key ORDER BY key, id LIMIT $2) AS first LIMIT $2))" +
			" ORDER BY id FOR UPDATE",
		// The same goes here: ORDER BY has it use the index of the ids.
		remove: "DELETE FROM " + table + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE id = ANY($1) ORDER BY id))",
		// The oldest row of each key, hopping from key to key in the index: a key with many rows hides none of the others.
		heads: "WITH RECURSIVE head AS (" +
			"(SELECT key, created_at FROM " + table + " ORDER BY key, id LIMIT 1) UNION ALL" +
			" SELECT next.* FROM head CROSS JOIN LATERAL" +
			" (SELECT key, created_at FROM " + table + " WHERE key > head.key ORDER BY key, id LIMIT 1) AS next)" +
			" SELECT key, extract(epoch FROM now() - created_at)::float8 FROM head",
	}
}

// Add stores msgs in tx with one statement, which travels with its COMMIT; they have the trace context and correlation
// id of ctx unless they bring their own, and a message without a Time has its row's. After the commit everything pending
// for their keys is published. Per key, the caller's transaction holds a lock that orders all writers.
func (o *Outbox) Add(ctx context.Context, tx *postgres.Tx, msgs ...bus.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	n := len(msgs)
	topics, keys, ids, types, subjects, payloads, headers := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([][]byte, n), make([]string, n)
	var inherited map[string]string
	for i := range msgs {
		m := &msgs[i]
		if err := uuid.Validate(m.ID); err != nil || m.Topic == "" || m.Type == "" {
			return fmt.Errorf("outbox: message %d (%s to %q) needs a topic, a type and a UUID", i, m.Type, m.Topic)
		}
		if inherited == nil {
			inherited = inherit(ctx)
		}
		encoded, err := encode(inherited, m)
		if err != nil {
			return fmt.Errorf("outbox: headers of %s: %w", m.Type, err)
		}
		payload := m.Value
		if payload == nil {
			payload = []byte{}
		}
		topics[i], keys[i], ids[i], types[i], subjects[i], payloads[i], headers[i] = m.Topic, m.Key, m.ID, m.Type, m.Subject, payload, encoded
	}
	tx.BeforeCommit(o.insert, topics, keys, ids, types, subjects, payloads, headers)
	tx.AfterCommit(func() { o.queue.add(keys...) })
	return nil
}

func inherit(ctx context.Context) map[string]string {
	headers := telemetry.Inject(ctx)
	if id := telemetry.Correlation(ctx); id != "" {
		headers[bus.CorrelationHeader] = id
	}
	return headers
}

// What a message has beside its columns is kept among its headers.
const (
	timeHeader   = "ce_time"
	sourceHeader = "ce_source"
)

func encode(inherited map[string]string, m *bus.Message) (string, error) {
	all := make(map[string]string, len(inherited)+len(m.Headers)+2)
	if m.Headers["traceparent"] == "" {
		maps.Copy(all, inherited)
	} else if id := inherited[bus.CorrelationHeader]; id != "" {
		all[bus.CorrelationHeader] = id
	}
	maps.Copy(all, m.Headers)
	if !m.Time.IsZero() {
		all[timeHeader] = m.Time.UTC().Format(time.RFC3339Nano)
	}
	if m.Source != "" {
		all[sourceHeader] = m.Source
	}
	text, err := json.Marshal(all)
	return string(text), err
}

func decode(text []byte, m *bus.Message) error {
	if err := json.Unmarshal(text, &m.Headers); err != nil {
		return err
	}
	if at, ok := m.Headers[timeHeader]; ok {
		m.Time, _ = time.Parse(time.RFC3339Nano, at)
	}
	m.Source = m.Headers[sourceHeader]
	delete(m.Headers, timeHeader)
	delete(m.Headers, sourceHeader)
	return nil
}
