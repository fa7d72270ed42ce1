package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

// readyAt is when a pending delivery may be claimed, as far as its own state, its lease and Slack's limits go; a channel's
// cards are changed at most once a second. All clocks are the database's, which the replicas share.
const readyAt = `GREATEST(d.due_at, d.leased_until,
	(SELECT max(p.until) FROM ingress.pause p WHERE p.workspace_id = d.workspace_id
		AND (p.subject = d.method OR d.kind <> 'answer' AND p.subject = d.conversation)),
	(SELECT max(c.sent_at) + interval '1 second' FROM ingress.delivery c WHERE d.method = 'chat.update'
		AND c.kind = 'card' AND c.workspace_id = d.workspace_id AND c.conversation = d.conversation))`

// head says whether a delivery may go before all others that wait for its conversation. Messages are posted in order, and
// a channel's cards are changed one after the other; but a change, which adds no message, never holds up a post while it
// waits for its second or for its method's limit. Answers wait for nobody.
const head = `(d.kind = 'answer' OR NOT EXISTS (
	SELECT FROM ingress.delivery e WHERE e.live AND e.state = 'pending'
		AND e.workspace_id = d.workspace_id AND e.conversation = d.conversation AND e.id < d.id AND e.kind <> 'answer' AND (e.method = 'chat.update') = (d.method = 'chat.update')))`

// claim leases what is due, and reads the newest state it is about.
// SKIP LOCKED: what others are claiming or finishing at this moment is none of ours.
const claim = `
	WITH ready AS (
		SELECT d.id, d.unsure FROM ingress.delivery d
		WHERE d.live AND d.state = 'pending' AND ` + readyAt + ` <= clock_timestamp() AND ` + head + `
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

// Claim leases up to limit deliveries that are due.
func (s *Store) Claim(ctx context.Context, limit int) ([]delivery.Claim, error) {
	var claims []delivery.Claim
	err := s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		claims = nil
		now := time.Now() // before the database starts the leases
		rows, err := tx.Pgx().Query(ctx, claim, limit, s.lease.Seconds())
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (delivery.Claim, error) {
			c, err := scanClaim(row)
			c.Begin, c.Until = now.Add(s.lease/2), now.Add(s.lease-s.lease/10)
			return c, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claims, nil
}

func scanClaim(row pgx.CollectableRow) (delivery.Claim, error) {
	var c delivery.Claim
	var event, snapshot, settings []byte
	err := row.Scan(&c.ID, &c.WorkspaceID, &c.Key, &c.Kind, &c.ChannelID, &c.RunID, &c.Epoch, &c.Conversation, &c.UserID,
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

// CardTS is Slack's id of a run's card; empty: it was not posted.
func (s *Store) CardTS(ctx context.Context, workspaceID, runID string) (ts string, err error) {
	err = s.db.Read(ctx).Raw(`SELECT coalesce(max(message_ts), '') FROM ingress.delivery WHERE workspace_id = ? AND key = ?`,
		workspaceID, "card/"+runID).Row().Scan(&ts)
	if err != nil {
		return "", fmt.Errorf("card of run %s: %w", runID, err)
	}
	return ts, nil
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
		FROM ingress.delivery d WHERE d.live AND d.state = 'pending'`).Scan(&row).Error
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
		unsure, goesOn             = make([]bool, 0, n), make([]bool, 0, n)
		pauses                     []delivery.Pause
	)
	for _, r := range results {
		id, attempt, outcome = append(id, r.ID), append(attempt, int32(r.Attempt)), append(outcome, string(r.Outcome))
		wait, version, goesOn = append(wait, r.Wait.Seconds()), append(version, int64(r.Version)), append(goesOn, r.GoesOn)
		channel, ts, part = append(channel, r.MessageChannel), append(ts, r.MessageTS), append(part, int32(r.Part))
		failures, unsure, code = append(failures, int32(r.Failures)), append(unsure, r.Unsure), append(code, r.Error)
		pauses = append(pauses, r.Pauses...)
	}
	err = s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		more = false
		batch := &pgx.Batch{}
		queuePauses(batch, pauses)
		if n > 1 { // rows are locked in the order in which events lock them
			batch.Queue(`SELECT FROM ingress.delivery WHERE id = ANY($1) ORDER BY workspace_id COLLATE "C", key COLLATE "C" FOR UPDATE`, id)
		}
		batch.Queue(finish, id, attempt, outcome, wait, version, channel, ts, part, failures, unsure, code, goesOn).Query(func(rows pgx.Rows) error {
			var waits bool
			_, err := pgx.ForEachRow(rows, []any{&waits}, func() error {
				more = more || waits
				return nil
			})
			return err
		})
		return tx.Pgx().SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return false, fmt.Errorf("finish %d deliveries: %w", n, err)
	}
	return more, nil
}

// finish writes results. A card of which a newer version came to be wanted meanwhile stays pending.
const finish = `
	UPDATE ingress.delivery d SET
		state = CASE WHEN (r.outcome = 'again' OR r.outcome = 'sent' AND d.wanted_version > GREATEST(d.shown_version, r.version)) THEN 'pending' ELSE r.outcome END,
		live = (r.outcome = 'again' OR r.outcome = 'sent' AND d.wanted_version > GREATEST(d.shown_version, r.version)) OR r.goes_on,
		shown_version = GREATEST(d.shown_version, r.version),
		message_channel = CASE WHEN r.ts <> '' THEN r.channel ELSE d.message_channel END,
		message_ts = CASE WHEN r.ts <> '' THEN r.ts ELSE d.message_ts END,
		part = r.part, failures = r.failures, unsure = r.unsure, error = r.error,
		sent_at = CASE WHEN r.outcome = 'sent' THEN clock_timestamp() ELSE d.sent_at END,
		due_at = CASE WHEN r.outcome = 'again' THEN clock_timestamp() + make_interval(secs => r.wait) ELSE d.due_at END,
		leased_until = '-infinity'
	FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::float8[], $5::bigint[], $6::text[], $7::text[],
		$8::integer[], $9::integer[], $10::bool[], $11::text[], $12::bool[])
		AS r (id, attempt, outcome, wait, version, channel, ts, part, failures, unsure, error, goes_on)
	WHERE d.id = r.id AND d.attempt = r.attempt AND d.state = 'pending'
	RETURNING d.state = 'pending' OR EXISTS (SELECT FROM ingress.delivery e
		WHERE e.live AND e.state = 'pending' AND e.workspace_id = d.workspace_id AND e.conversation = d.conversation
			AND e.id <> ALL($1) AND e.leased_until < clock_timestamp()) -- one that is under way says so itself`

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
