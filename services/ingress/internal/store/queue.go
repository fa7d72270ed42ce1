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
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

// recordedKeys name the deliveries of one statement.
type recordedKeys struct{ workspaces, keys []string }

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
// wanted now.
func queueDeliveries(batch *pgx.Batch, deliveries []delivery.Delivery) (recordedKeys, error) {
	var keys recordedKeys
	if len(deliveries) == 0 {
		return keys, nil
	}
	byKey := unique(deliveries)
	// Ids say in which order things happened; rows are written in the order of their keys.
	ids := make(map[place]uuid.UUID, len(byKey))
	for _, d := range deliveries {
		k := place{d.WorkspaceID, d.Key}
		if _, ok := ids[k]; ok {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return keys, fmt.Errorf("delivery id: %w", err)
		}
		ids[k] = id
	}
	n := len(byKey)
	var (
		id                                          = make([]uuid.UUID, 0, n)
		kind, channel, run, conversation, user, ref = make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
		correlation, traceparent                    = make([]string, 0, n), make([]string, 0, n)
		epoch, version                              = make([]int64, 0, n), make([]int64, 0, n)
		assignment                                  = make([]int32, 0, n)
		event                                       = make([][]byte, 0, n)
		opens                                       = make([]bool, 0, n)
		after                                       = make([]float64, 0, n)
		obsolete                                    = make([]time.Time, 0, n)
	)
	for _, k := range slices.SortedFunc(maps.Keys(byKey), comparePlaces) {
		d := byKey[k]
		var bytes []byte
		if d.Event != nil {
			var err error
			if bytes, err = proto.Marshal(d.Event); err != nil {
				return keys, fmt.Errorf("event of %s: %w", d.Key, err)
			}
		}
		keys.workspaces, keys.keys = append(keys.workspaces, d.WorkspaceID), append(keys.keys, d.Key)
		id, kind, channel, run = append(id, ids[k]), append(kind, string(d.Kind)), append(channel, d.ChannelID), append(run, d.RunID)
		conversation, user, ref = append(conversation, d.Conversation), append(user, d.UserID), append(ref, d.Ref)
		correlation, traceparent = append(correlation, d.CorrelationID), append(traceparent, d.Traceparent)
		epoch, version = append(epoch, int64(d.Epoch)), append(version, int64(d.Version))
		assignment, event = append(assignment, int32(d.AssignmentNo)), append(event, bytes)
		opens = append(opens, d.Opens || d.Kind != delivery.Card)
		after, obsolete = append(after, d.After.Seconds()), append(obsolete, d.ObsoleteAt)
	}
	batch.Queue(`
		INSERT INTO ingress.delivery AS d (id, workspace_id, key, kind, channel_id, run_id, epoch, conversation, user_id,
			assignment_no, event, ref, correlation_id, traceparent, obsolete_at, wanted_version, due_at)
		SELECT u.id, u.workspace_id, u.key, u.kind, u.channel_id, u.run_id, u.epoch, u.conversation, u.user_id,
			u.assignment_no, u.event, u.ref, u.correlation_id, u.traceparent, u.obsolete_at, u.version,
			clock_timestamp() + make_interval(secs => u.after)
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[],
			$10::integer[], $11::bytea[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::bigint[],
			$17::float8[], $18::bool[])
			AS u (id, workspace_id, key, kind, channel_id, run_id, epoch, conversation, user_id,
			assignment_no, event, ref, correlation_id, traceparent, obsolete_at, version, after, opens)
		WHERE NOT EXISTS (SELECT FROM ingress.channel c
				WHERE c.workspace_id = u.workspace_id AND c.channel_id = u.channel_id AND c.epoch > u.epoch)
			AND (u.opens OR EXISTS (SELECT FROM ingress.delivery e WHERE e.workspace_id = u.workspace_id AND e.key = u.key))
		ON CONFLICT (workspace_id, key) DO UPDATE SET
			wanted_version = excluded.wanted_version, state = 'pending', obsolete_at = excluded.obsolete_at,
			correlation_id = excluded.correlation_id, traceparent = excluded.traceparent,
			-- After a failure the back-off stands.
			due_at = CASE WHEN d.failures = 0 THEN excluded.due_at ELSE d.due_at END
		WHERE excluded.wanted_version > d.wanted_version AND d.state IN ('pending', 'sent')`,
		id, keys.workspaces, keys.keys, kind, channel, run, epoch, conversation, user,
		assignment, event, ref, correlation, traceparent, obsolete, version, after, opens)
	return keys, nil
}

// Record adds deliveries in a transaction of their own, unless their keys are known.
func (s *Store) Record(ctx context.Context, deliveries ...delivery.Delivery) error {
	err := s.db.InTx(ctx, func(tx *postgres.Tx) error {
		batch := &pgx.Batch{}
		if _, err := queueDeliveries(batch, deliveries); err != nil {
			return err
		}
		return tx.Pgx().SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("record %d deliveries: %w", len(deliveries), err)
	}
	return nil
}

// readyAt is when a pending delivery may be claimed, as far as its own state, its lease and Slack's limits go; a channel's
// cards are changed at most once a second. All clocks are the database's, which the replicas share.
const readyAt = `GREATEST(d.due_at, d.leased_until,
	(SELECT max(p.until) FROM ingress.pause p WHERE p.workspace_id = d.workspace_id
		AND (p.subject = d.method OR d.kind <> 'answer' AND p.subject = d.conversation)),
	(SELECT max(c.sent_at) + interval '1 second' FROM ingress.delivery c WHERE d.method = 'chat.update'
		AND c.kind = 'card' AND c.workspace_id = d.workspace_id AND c.conversation = d.conversation))`

// head says whether a delivery may go before all others that wait for its conversation. Messages are posted in order.
// Answers have no place in that order, nor does changing a card that is there already: it adds no message, and must not
// hold one up while it waits for its second or for its method's limit.
const head = `(d.kind = 'answer' OR d.method = 'chat.update' OR NOT EXISTS (
	SELECT FROM ingress.delivery e WHERE e.state = 'pending' AND e.workspace_id = d.workspace_id AND e.conversation = d.conversation
		AND e.id < d.id AND e.kind <> 'answer' AND e.method <> 'chat.update'))`

const (
	claimRecorded = claimStart + ` AND (d.workspace_id, d.key) IN (SELECT * FROM unnest($3::text[], $4::text[]))` + claimEnd
	claimDue      = claimStart + claimEnd

	claimStart = `
	WITH ready AS (
		SELECT d.id, d.unsure FROM ingress.delivery d WHERE d.state = 'pending'`

	// SKIP LOCKED: what others are claiming or finishing at this moment is none of ours.
	claimEnd = ` AND ` + readyAt + ` <= clock_timestamp() AND ` + head + `
		ORDER BY d.id LIMIT $1
		FOR UPDATE OF d SKIP LOCKED
	), claimed AS (
		UPDATE ingress.delivery d SET attempt = d.attempt + 1, unsure = true,
			leased_until = clock_timestamp() + make_interval(secs => $2)
		FROM ready WHERE d.id = ready.id
		RETURNING d.*, ready.unsure AS was_unsure
	)
	SELECT d.id, d.workspace_id, d.key, d.kind, d.channel_id, d.run_id, d.epoch, d.conversation, d.user_id,
		d.assignment_no, d.event, d.ref, d.correlation_id, d.traceparent, d.obsolete_at, d.wanted_version,
		d.attempt, d.failures, d.was_unsure, d.part, d.message_channel, d.message_ts, r.snapshot, c.settings
	FROM claimed d
	LEFT JOIN ingress.run r ON r.workspace_id = d.workspace_id AND r.run_id = d.run_id
	LEFT JOIN ingress.channel c ON c.workspace_id = d.workspace_id AND c.channel_id = d.channel_id
	ORDER BY d.id`
)

// queueClaim claims deliveries by query into claims, with the newest state they are about.
func (s *Store) queueClaim(batch *pgx.Batch, claims *[]delivery.Claim, query string, limit int, args ...any) {
	now := time.Now() // before the database starts the lease
	batch.Queue(query, append([]any{limit, s.lease.Seconds()}, args...)...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			c, err := scanClaim(rows)
			if err != nil {
				return err
			}
			c.Begin, c.Until = now.Add(s.lease/2), now.Add(s.lease-s.lease/10)
			*claims = append(*claims, c)
		}
		return rows.Err()
	})
}

func scanClaim(rows pgx.Rows) (delivery.Claim, error) {
	var c delivery.Claim
	var event, snapshot, settings []byte
	err := rows.Scan(&c.ID, &c.WorkspaceID, &c.Key, &c.Kind, &c.ChannelID, &c.RunID, &c.Epoch, &c.Conversation, &c.UserID,
		&c.AssignmentNo, &event, &c.Ref, &c.CorrelationID, &c.Traceparent, &c.ObsoleteAt, &c.Version,
		&c.Attempt, &c.Failures, &c.Unsure, &c.Part, &c.MessageChannel, &c.MessageTS, &snapshot, &settings)
	if err != nil {
		return c, fmt.Errorf("delivery: %w", err)
	}
	for _, part := range []struct {
		bytes []byte
		into  func() proto.Message
	}{
		{event, func() proto.Message { c.Event = &runv1.RunEvent{}; return c.Event }},
		{snapshot, func() proto.Message { c.Run = &runv1.Run{}; return c.Run }},
		{settings, func() proto.Message { c.Settings = &runv1.ChannelSettings{}; return c.Settings }},
	} {
		if part.bytes == nil {
			continue
		}
		if err := proto.Unmarshal(part.bytes, part.into()); err != nil {
			return c, fmt.Errorf("delivery %s: %w", c.ID, err)
		}
	}
	return c, nil
}

// Claim leases up to limit deliveries that are due.
func (s *Store) Claim(ctx context.Context, limit int) ([]delivery.Claim, error) {
	var claims []delivery.Claim
	err := s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		claims = nil
		batch := &pgx.Batch{}
		s.queueClaim(batch, &claims, claimDue, limit)
		return tx.Pgx().SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claims, nil
}

// Backlog counts what is pending and says when one of it may be claimed next.
func (s *Store) Backlog(ctx context.Context) (delivery.Backlog, error) {
	var row struct {
		Pending int
		Seconds *float64
	}
	err := s.db.Read(ctx).Raw(`
		SELECT count(*) AS pending,
			extract(epoch FROM min(CASE WHEN ` + head + ` THEN ` + readyAt + ` END) - clock_timestamp())::float8 AS seconds
		FROM ingress.delivery d WHERE d.state = 'pending'`).Scan(&row).Error
	if err != nil {
		return delivery.Backlog{}, fmt.Errorf("count deliveries: %w", err)
	}
	b := delivery.Backlog{Pending: row.Pending, Next: -1}
	if row.Seconds != nil {
		b.Next = max(0, time.Duration(*row.Seconds*float64(time.Second)))
	}
	return b, nil
}

// Finish records what came of claims, each only if no later attempt was made. It reports whether one of them, or another
// delivery of the same conversation, waits for its next claim.
func (s *Store) Finish(ctx context.Context, results []delivery.Result) (more bool, err error) {
	n := len(results)
	var (
		id                         = make([]uuid.UUID, 0, n)
		attempt, part, failures    = make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
		outcome, channel, ts, code = make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
		wait                       = make([]float64, 0, n)
		version                    = make([]int64, 0, n)
		unsure                     = make([]bool, 0, n)
		pauses                     []delivery.Pause
	)
	for _, r := range results {
		id, attempt, outcome = append(id, r.ID), append(attempt, int32(r.Attempt)), append(outcome, string(r.Outcome))
		wait, version = append(wait, r.Wait.Seconds()), append(version, int64(r.Version))
		channel, ts, part = append(channel, r.MessageChannel), append(ts, r.MessageTS), append(part, int32(r.Part))
		failures, unsure, code = append(failures, int32(r.Failures)), append(unsure, r.Unsure), append(code, r.Error)
		pauses = append(pauses, r.Pauses...)
	}
	err = s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		batch := &pgx.Batch{}
		queuePauses(batch, pauses)
		// Rows are locked in the order in which events lock them. A card whose next version came meanwhile stays pending.
		batch.Queue(`
			WITH result AS (
				SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::float8[], $5::bigint[], $6::text[], $7::text[],
					$8::integer[], $9::integer[], $10::bool[], $11::text[])
					AS r (id, attempt, outcome, wait, version, channel, ts, part, failures, unsure, error)
			), held AS MATERIALIZED (
				SELECT d.id FROM ingress.delivery d JOIN result r ON r.id = d.id AND r.attempt = d.attempt
				WHERE d.state = 'pending'
				ORDER BY d.workspace_id COLLATE "C", d.key COLLATE "C"
				FOR UPDATE OF d
			), finished AS (
				UPDATE ingress.delivery d SET
					state = CASE WHEN r.outcome = 'again' OR r.outcome = 'sent' AND d.wanted_version > GREATEST(d.shown_version, r.version)
						THEN 'pending' ELSE r.outcome END,
					shown_version = GREATEST(d.shown_version, r.version),
					message_channel = CASE WHEN r.ts <> '' THEN r.channel ELSE d.message_channel END,
					message_ts = CASE WHEN r.ts <> '' THEN r.ts ELSE d.message_ts END,
					part = r.part, failures = r.failures, unsure = r.unsure, error = r.error,
					sent_at = CASE WHEN r.outcome = 'sent' THEN clock_timestamp() ELSE d.sent_at END,
					due_at = CASE WHEN r.outcome = 'again' THEN clock_timestamp() + make_interval(secs => r.wait) ELSE d.due_at END,
					leased_until = '-infinity'
				FROM result r WHERE d.id = r.id AND d.id IN (SELECT id FROM held)
				RETURNING d.id, d.workspace_id, d.conversation, d.state
			)
			SELECT EXISTS (SELECT FROM finished f WHERE f.state = 'pending') OR EXISTS (
				SELECT FROM ingress.delivery d JOIN finished f ON d.workspace_id = f.workspace_id AND d.conversation = f.conversation
				WHERE d.state = 'pending' AND d.id NOT IN (SELECT id FROM finished))`,
			id, attempt, outcome, wait, version, channel, ts, part, failures, unsure, code,
		).QueryRow(func(row pgx.Row) error { return row.Scan(&more) })
		return tx.Pgx().SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return false, fmt.Errorf("finish %d deliveries: %w", n, err)
	}
	return more, nil
}

func queuePauses(batch *pgx.Batch, pauses []delivery.Pause) {
	longest := map[place]delivery.Pause{}
	for _, p := range pauses {
		k := place{p.WorkspaceID, p.Subject}
		if p.For > longest[k].For {
			longest[k] = p
		}
	}
	if len(longest) == 0 {
		return
	}
	var workspaces, subjects []string
	var seconds []float64
	for _, p := range sorted(longest) {
		workspaces, subjects, seconds = append(workspaces, p.WorkspaceID), append(subjects, p.Subject), append(seconds, p.For.Seconds())
	}
	batch.Queue(`
		INSERT INTO ingress.pause AS p (workspace_id, subject, until)
		SELECT u.workspace_id, u.subject, clock_timestamp() + make_interval(secs => u.seconds)
		FROM unnest($1::text[], $2::text[], $3::float8[]) AS u (workspace_id, subject, seconds)
		ON CONFLICT (workspace_id, subject) DO UPDATE SET until = GREATEST(p.until, excluded.until)`,
		workspaces, subjects, seconds)
}

// Purge forgets up to limit finished deliveries that were recorded before a moment, which their ids tell.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	var first uuid.UUID // the lowest id of that millisecond
	ms := uint64(before.UnixMilli())
	for i := range 6 {
		first[i] = byte(ms >> (8 * (5 - i)))
	}
	result := s.db.Read(ctx).Exec(`
		DELETE FROM ingress.delivery WHERE id IN (
			SELECT id FROM ingress.delivery WHERE id < ? AND state <> 'pending' ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED)`,
		first.String(), limit)
	if result.Error != nil {
		return 0, fmt.Errorf("purge deliveries: %w", result.Error)
	}
	return int(result.RowsAffected), nil
}
