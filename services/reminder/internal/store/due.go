package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

// The channel is locked first, as the event handler does, so that neither waits for the other in a circle; a channel
// that someone else is working on is left for the next look, which comes soon.
const lockDueChannels = `
SELECT workspace_id, channel_id FROM reminder.channel c
WHERE (c.workspace_id, c.channel_id) IN (
	SELECT r.workspace_id, r.channel_id FROM reminder.timer t JOIN reminder.run r USING (run_id)
	WHERE t.fired_at IS NULL AND t.due_at <= $1 ORDER BY t.due_at LIMIT $2)
FOR NO KEY UPDATE SKIP LOCKED`

const loadDue = `
SELECT t.kind, t.assignment_no, t.due_at, r.run_id, r.epoch, r.snapshot, r.correlation_id, r.trace::text, c.epoch, c.reminders,
	c.last_call, p.reminders IS FALSE
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)
JOIN reminder.channel c USING (workspace_id, channel_id)
JOIN reminder.run r USING (workspace_id, channel_id)
JOIN reminder.timer t USING (run_id)
LEFT JOIN reminder.person p ON p.workspace_id = c.workspace_id AND p.user_id = t.user_id
WHERE t.fired_at IS NULL AND t.due_at <= $3
ORDER BY t.due_at, r.run_id`

const markFired = `
UPDATE reminder.timer t SET fired_at = $4
FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS f(run_id, kind, assignment_no)
WHERE (t.run_id, t.kind, t.assignment_no) = (f.run_id, f.kind, f.assignment_no) AND t.fired_at IS NULL`

var errFiredTwice = errors.New("a timer that was claimed has fired already")

// ClaimDue takes timers that are due at now, of about limit channels, and marks them fired in tx.
// Channels that others work on at this moment are left out. Of a run it returns the id, the epoch and the source: the rest
// is in the snapshot.
func (s *Store) ClaimDue(ctx context.Context, tx *postgres.Tx, now time.Time, limit int) ([]reminder.Due, error) {
	var workspaces, channels []string
	rows, err := tx.Pgx().Query(ctx, lockDueChannels, now, limit)
	if err != nil {
		return nil, err
	}
	var workspace, channel string
	_, err = pgx.ForEachRow(rows, []any{&workspace, &channel}, func() error {
		workspaces, channels = append(workspaces, workspace), append(channels, channel)
		return nil
	})
	if err != nil || len(workspaces) == 0 {
		return nil, err
	}
	rows, err = tx.Pgx().Query(ctx, loadDue, workspaces, channels, now)
	if err != nil {
		return nil, err
	}
	due, err := pgx.CollectRows(rows, scanDue)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var ids [][16]byte
	var kinds []string
	var numbers []int32
	for _, d := range due {
		ids, kinds, numbers = append(ids, d.Run.ID), append(kinds, string(d.Timer.Kind)), append(numbers, int32(d.Timer.AssignmentNo))
	}
	tag, err := tx.Pgx().Exec(ctx, markFired, ids, kinds, numbers, now)
	if err == nil && tag.RowsAffected() != int64(len(due)) {
		err = errFiredTwice
	}
	return due, err
}

func scanDue(row pgx.CollectableRow) (reminder.Due, error) {
	var d reminder.Due
	err := row.Scan(&d.Timer.Kind, &d.Timer.AssignmentNo, &d.Timer.DueAt, (*[16]byte)(&d.Run.ID), &d.Run.Epoch,
		&d.Run.Source.Snapshot, &d.Run.Source.CorrelationID, &d.Run.Source.Trace, &d.Channel.Epoch, &d.Channel.Reminders,
		&d.Channel.LastCall, &d.Unwanted)
	return d, err
}

// NextDue is when the next timer is due; zero: there is none.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var next *time.Time
	err := s.db.Read(ctx).Raw("SELECT min(due_at) FROM reminder.timer WHERE fired_at IS NULL").Row().Scan(&next)
	if err != nil || next == nil {
		return time.Time{}, err
	}
	return *next, nil
}

// Forget deletes at most limit runs, and their timers, whose pickup was before the instant. It says how many there were.
func (s *Store) Forget(ctx context.Context, before time.Time, limit int) (int64, error) {
	result := s.db.Read(ctx).Exec(`DELETE FROM reminder.run WHERE run_id IN (
		SELECT run_id FROM reminder.run WHERE pickup_at < ? ORDER BY pickup_at LIMIT ?)`, before, limit)
	return result.RowsAffected, result.Error
}
