package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

const savePerson = `
INSERT INTO reminder.person AS p (workspace_id, user_id, version, reminders) VALUES ($1, $2, $3, $4)
ON CONFLICT (workspace_id, user_id) DO UPDATE SET version = excluded.version, reminders = excluded.reminders
WHERE excluded.version > p.version`

// SavePerson keeps whether someone wants reminders, if version is newer than what is known.
func (s *Store) SavePerson(ctx context.Context, tx *postgres.Tx, workspaceID, userID string, version uint64, reminders bool) error {
	_, err := tx.Pgx().Exec(ctx, savePerson, workspaceID, userID, version, reminders)
	return err
}

const openRuns = `
SELECT r.run_id, r.epoch, r.snapshot, r.correlation_id, r.trace::text
FROM reminder.run r JOIN reminder.channel c USING (workspace_id, channel_id, epoch)
WHERE r.workspace_id = $1 AND r.channel_id = $2 AND r.pickup_at > $3`

// Runs returns a channel's runs whose pickup is still to come, as ClaimDue does.
func (s *Store) Runs(ctx context.Context, tx *postgres.Tx, c reminder.Channel, now time.Time) ([]reminder.Run, error) {
	rows, err := tx.Pgx().Query(ctx, openRuns, c.WorkspaceID, c.ChannelID, now)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (reminder.Run, error) {
		var r reminder.Run
		err := row.Scan((*[16]byte)(&r.ID), &r.Epoch, &r.Source.Snapshot, &r.Source.CorrelationID, &r.Source.Trace)
		return r, err
	})
}

const countTimers = `
SELECT count(*) FROM reminder.timer t JOIN reminder.run r USING (run_id)
WHERE r.workspace_id = $1 AND r.channel_id = $2 AND r.epoch < $3`

// CountTimers counts the timers of a channel that are of a lower epoch than c's: what a reset purges.
func (s *Store) CountTimers(ctx context.Context, tx *postgres.Tx, c reminder.Channel) (n uint64, err error) {
	err = tx.Pgx().QueryRow(ctx, countTimers, c.WorkspaceID, c.ChannelID, c.Epoch).Scan(&n)
	return n, err
}

// ErasePerson takes someone out of a channel's timers: those that have fired, for those to come are armed anew. Without a
// channel it forgets what they want.
func (s *Store) ErasePerson(ctx context.Context, tx *postgres.Tx, workspaceID, channelID, userID string) error {
	if channelID == "" {
		_, err := tx.Pgx().Exec(ctx, `DELETE FROM reminder.person WHERE workspace_id = $1 AND user_id = $2`, workspaceID, userID)
		return err
	}
	_, err := tx.Pgx().Exec(ctx, `
		UPDATE reminder.timer t SET user_id = '' FROM reminder.run r
		WHERE r.workspace_id = $1 AND r.channel_id = $2 AND t.run_id = r.run_id AND t.user_id = $3 AND t.fired_at IS NOT NULL`,
		workspaceID, channelID, userID)
	return err
}
