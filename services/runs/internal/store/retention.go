package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Whoever purges the same channel at this moment, or works on it, is left alone: it comes up again at once.
const channelToPurge = `
SELECT workspace_id, channel_id, coalesce(retention_days, $2) FROM runs.channel
WHERE purge_due_at <= $1 ORDER BY purge_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`

// A run takes a day and a bit at most, so by when it started is near enough. Its orders go with it.
const purgeRuns = `
DELETE FROM runs.run WHERE id IN (
	SELECT id FROM runs.run WHERE workspace_id = $1 AND channel_id = $2 AND started_at < $3 AND status NOT IN ('open', 'closing')
	ORDER BY started_at LIMIT $4)`

const purgedChannel = `
UPDATE runs.channel SET purge_due_at = $3::timestamptz + interval '23 hours' + random() * interval '2 hours'
WHERE workspace_id = $1 AND channel_id = $2`

// PurgeRuns deletes at most limit runs of one channel that is due for it, those that ended before its retention. It tells
// whether there may be more to do, in this channel or another; a channel is done once a day. An interruption costs
// nothing: what is left is found by the next call.
func (s *Store) PurgeRuns(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	err = s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		var workspace, channel string
		var days int
		err := tx.Pgx().QueryRow(ctx, channelToPurge, now, s.defaults.RetentionDays).Scan(&workspace, &channel, &days)
		if errors.Is(err, pgx.ErrNoRows) {
			more = false
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		tag, err := tx.Pgx().Exec(ctx, purgeRuns, workspace, channel, now.AddDate(0, 0, -days), limit)
		if err != nil || tag.RowsAffected() == int64(limit) {
			return err
		}
		_, err = tx.Pgx().Exec(ctx, purgedChannel, workspace, channel, now)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("purge runs: %w", err)
	}
	return more, nil
}
