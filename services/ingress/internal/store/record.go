package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

// unique leaves one delivery per key, the newest of a card.
func unique(deliveries []delivery.Delivery) map[place]delivery.Delivery {
	byKey := make(map[place]delivery.Delivery, len(deliveries))
	for _, d := range deliveries {
		k := place{d.WorkspaceID, d.Key}
		before, ok := byKey[k]
		switch {
		case !ok:
		case d.Version <= before.Version:
			continue
		default:
			d.Opens = d.Opens || before.Opens
			if before.Opens { // what people see is the ref of the click that started the run
				d.Ref = before.Ref
			}
		}
		byKey[k] = d
	}
	return byKey
}

// queueDeliveries records deliveries. One that is known stays as it is, unless it is a card of which a newer version is
// wanted now. Up to limit of those that may be sent at once are leased as they are written, which saves them a round trip
// and a row version; they are in claims once the batch is through.
func (s *Store) queueDeliveries(batch *pgx.Batch, deliveries []delivery.Delivery, limit int, claims *[]delivery.Claim) error {
	if len(deliveries) == 0 {
		return nil
	}
	byKey := unique(deliveries)
	var r recording
	may := map[place]bool{}
	lines := map[line]bool{}
	for _, d := range deliveries { // in the order in which things happened: so the ids are, by which messages are ordered
		k := place{d.WorkspaceID, d.Key}
		if _, done := r.ids[k]; done {
			continue
		}
		if err := r.name(k); err != nil {
			return err
		}
		d = byKey[k]
		first := d.Kind == delivery.Answer || !lines[lineOf(d)]
		lines[lineOf(d)] = true
		may[k] = first && d.After == 0 && limit > 0
		if may[k] {
			limit--
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(byKey), comparePlaces) { // rows are locked in the order of their keys
		if err := r.add(k, byKey[k], may[k]); err != nil {
			return err
		}
	}
	now := time.Now() // before the database starts the leases
	batch.Queue(record, s.lease.Seconds(), r.id, r.workspace, r.key, r.kind, r.channel, r.run, r.epoch, r.conversation, r.user,
		r.assignment, r.event, r.ref, r.correlation, r.traceparent, r.obsolete, r.version, r.after, r.opens, r.may,
	).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			c := delivery.Claim{Begin: now.Add(s.lease / 2), Until: now.Add(s.lease - s.lease/10)}
			var k place
			var leased bool
			if err := rows.Scan(&k.workspaceID, &k.id, &c.ID, &c.Attempt, &c.MessageChannel, &c.MessageTS, &c.Ref, &leased); err != nil {
				return err
			}
			if !leased {
				continue
			}
			ref := c.Ref
			c.Delivery = byKey[k]
			c.Ref = ref
			*claims = append(*claims, c)
		}
		return rows.Err()
	})
	return nil
}

// line is where deliveries go one after the other.
type line struct {
	conversation place
	changes      bool
}

func lineOf(d delivery.Delivery) line {
	return line{place{d.WorkspaceID, d.Conversation}, d.Kind == delivery.Card && !d.Opens}
}

// recording holds deliveries as arrays of columns.
type recording struct {
	ids map[place]uuid.UUID

	id                                                     []uuid.UUID
	workspace, key, kind, channel, run, conversation, user []string
	ref, correlation, traceparent                          []string
	epoch, version                                         []int64
	assignment                                             []int32
	event                                                  [][]byte
	opens, may                                             []bool
	after                                                  []float64
	obsolete                                               []time.Time
}

func (r *recording) name(k place) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("delivery id: %w", err)
	}
	if r.ids == nil {
		r.ids = map[place]uuid.UUID{}
	}
	r.ids[k] = id
	return nil
}

func (r *recording) add(k place, d delivery.Delivery, may bool) error {
	var event []byte
	if d.Event != nil {
		var err error
		if event, err = proto.Marshal(d.Event); err != nil {
			return fmt.Errorf("event of %s: %w", d.Key, err)
		}
	}
	r.id, r.workspace, r.key = append(r.id, r.ids[k]), append(r.workspace, d.WorkspaceID), append(r.key, d.Key)
	r.kind, r.channel, r.run = append(r.kind, string(d.Kind)), append(r.channel, d.ChannelID), append(r.run, d.RunID)
	r.conversation, r.user, r.ref = append(r.conversation, d.Conversation), append(r.user, d.UserID), append(r.ref, d.Ref)
	r.correlation, r.traceparent = append(r.correlation, d.CorrelationID), append(r.traceparent, d.Traceparent)
	r.epoch, r.version = append(r.epoch, int64(d.Epoch)), append(r.version, int64(d.Version))
	r.assignment, r.event = append(r.assignment, int32(d.AssignmentNo)), append(r.event, event)
	r.opens, r.may = append(r.opens, d.Opens || d.Kind != delivery.Card), append(r.may, may)
	r.after, r.obsolete = append(r.after, d.After.Seconds()), append(r.obsolete, d.ObsoleteAt)
	return nil
}

// record writes deliveries. Its conditions for a lease are those of claiming (readyAt, head), put for rows that are being
// written: a new one is posted, a known one is a card, which is changed. statement_timestamp() is the same throughout.
const record = `
	INSERT INTO ingress.delivery AS d (id, workspace_id, key, kind, channel_id, run_id, epoch, conversation, user_id,
		assignment_no, event, ref, correlation_id, traceparent, obsolete_at, wanted_version, due_at, attempt, unsure, leased_until)
	SELECT u.id, u.workspace_id, u.key, u.kind, u.channel_id, u.run_id, u.epoch, u.conversation, u.user_id,
		u.assignment_no, u.event, u.ref, u.correlation_id, u.traceparent, u.obsolete_at, u.version,
		statement_timestamp() + make_interval(secs => u.after), lease.granted::integer, lease.granted,
		CASE WHEN lease.granted THEN statement_timestamp() + make_interval(secs => $1) ELSE '-infinity' END
	FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[],
		$11::integer[], $12::bytea[], $13::text[], $14::text[], $15::text[], $16::timestamptz[], $17::bigint[],
		$18::float8[], $19::bool[], $20::bool[])
		AS u (id, workspace_id, key, kind, channel_id, run_id, epoch, conversation, user_id,
		assignment_no, event, ref, correlation_id, traceparent, obsolete_at, version, after, opens, may)
	CROSS JOIN LATERAL (SELECT CASE WHEN u.opens AND u.kind = 'answer' THEN 'chat.postEphemeral'
		WHEN u.opens THEN 'chat.postMessage' ELSE 'chat.update' END AS name OFFSET 0) AS method
	CROSS JOIN LATERAL (SELECT u.may
		AND NOT EXISTS (SELECT FROM ingress.pause p WHERE p.workspace_id = u.workspace_id
			AND p.subject IN (method.name, CASE WHEN u.kind <> 'answer' THEN u.conversation END) AND p.until > statement_timestamp())
		AND (u.kind = 'answer' OR NOT EXISTS (SELECT FROM ingress.delivery e
			WHERE e.live AND e.state = 'pending' AND e.workspace_id = u.workspace_id AND e.conversation = u.conversation
				AND e.kind <> 'answer' AND (e.method = 'chat.update') = (method.name = 'chat.update')))
		AND (method.name <> 'chat.update' OR NOT EXISTS (SELECT FROM ingress.delivery c
			WHERE c.kind = 'card' AND c.workspace_id = u.workspace_id AND c.conversation = u.conversation
				AND c.sent_at > statement_timestamp() - interval '1 second'))
		AS granted OFFSET 0) AS lease
	WHERE ` + current + `
		AND (u.opens OR EXISTS (SELECT FROM ingress.delivery e WHERE e.workspace_id = u.workspace_id AND e.key = u.key))
	ON CONFLICT (workspace_id, key) DO UPDATE SET
		wanted_version = excluded.wanted_version, state = 'pending', live = true, obsolete_at = excluded.obsolete_at,
		correlation_id = excluded.correlation_id, traceparent = excluded.traceparent,
		-- After a failure the back-off stands.
		due_at = CASE WHEN d.failures = 0 THEN excluded.due_at ELSE d.due_at END,
		-- One that is pending is on its way, or waits for what the claim loop knows.
		attempt = d.attempt + CASE WHEN d.state = 'sent' THEN excluded.attempt ELSE 0 END,
		unsure = CASE WHEN d.state = 'sent' THEN excluded.unsure ELSE d.unsure END,
		leased_until = CASE WHEN d.state = 'sent' THEN excluded.leased_until ELSE d.leased_until END
	WHERE excluded.wanted_version > d.wanted_version AND d.state IN ('pending', 'sent')
	RETURNING d.workspace_id, d.key, d.id, d.attempt, d.message_channel, d.message_ts, d.ref,
		d.leased_until = statement_timestamp() + make_interval(secs => $1)`

// Record adds deliveries in a transaction of their own, unless their keys are known.
func (s *Store) Record(ctx context.Context, deliveries ...delivery.Delivery) error {
	err := s.db.InTx(ctx, func(tx *postgres.Tx) error {
		batch := &pgx.Batch{}
		if err := s.queueDeliveries(batch, deliveries, 0, nil); err != nil {
			return err
		}
		return tx.Pgx().SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("record %d deliveries: %w", len(deliveries), err)
	}
	return nil
}
