package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

const keepFor = `UPDATE fairness.channel SET retention_days = $3 WHERE workspace_id = $1 AND channel_id = $2`

// KeepFor notes how long a channel that tx has loaded keeps its entries. Days that no channel can choose are passed over.
func (Store) KeepFor(ctx context.Context, tx *postgres.Tx, channel ledger.ChannelID, days int) error {
	if days < 30 || days > 365 {
		return nil
	}
	if _, err := tx.Pgx().Exec(ctx, keepFor, channel.Workspace, channel.Channel, days); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// PurgeEvery is how often it is looked which channels have old entries to drop.
const PurgeEvery = time.Minute

const purgeLimit = 200 // entries dropped at once, so that their channel is not locked for long

// Whoever works on the same channel at this moment is left alone: it comes up again at once.
const channelToPurge = `
SELECT workspace_id, channel_id, retention_days FROM fairness.channel
WHERE purge_due_at <= $1 ORDER BY purge_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`

// The latest turns are kept, however old: policies look back at them.
const dropEntries = `
WITH latest AS (
	SELECT run_id FROM fairness.entry
	WHERE workspace_id = $1 AND channel_id = $2 AND runner_id IS NOT NULL AND NOT alone
	ORDER BY at DESC, run_id DESC LIMIT $5
), old AS (
	SELECT run_id, at, runner_id, alone FROM fairness.entry e
	WHERE workspace_id = $1 AND channel_id = $2 AND at < $3 AND assignment_no IS NULL
		AND NOT EXISTS (SELECT FROM latest WHERE latest.run_id = e.run_id)
	ORDER BY at, run_id LIMIT $4
), people AS (
	SELECT user_id, min(at) AS since, max(at) FILTER (WHERE served) AS served_at FROM (
		SELECT s.user_id, o.at, false AS served FROM old o JOIN fairness.share s USING (run_id)
		UNION ALL SELECT runner_id, at, true FROM old WHERE runner_id IS NOT NULL AND NOT alone) parts
	GROUP BY user_id
), opened AS (
	UPDATE fairness.standing s SET opened_since = least(s.opened_since, p.since), opened_served_at = greatest(s.opened_served_at, p.served_at)
	FROM people p WHERE s.workspace_id = $1 AND s.channel_id = $2 AND s.user_id = p.user_id
)
DELETE FROM fairness.entry e USING old WHERE e.run_id = old.run_id`

const purgedBefore = `UPDATE fairness.channel SET purged_before = greatest(purged_before, $3) WHERE workspace_id = $1 AND channel_id = $2`

const purgedChannel = `
UPDATE fairness.channel SET purge_due_at = $3::timestamptz + interval '23 hours' + random() * interval '2 hours'
WHERE workspace_id = $1 AND channel_id = $2`

// PurgeEntries drops old entries of one channel that is due for it, a few at a time; a channel is done about once a day.
// Standings stay as they are: they are the sums of all entries, dropped ones too, so nobody owes more or less for it, and
// the next choice is the same. It tells whether there may be more to do; an interruption costs nothing.
func (Store) PurgeEntries(ctx context.Context, db *postgres.DB, now time.Time) (more bool, err error) {
	err = db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		var workspace, channel string
		var days int
		err := tx.Pgx().QueryRow(ctx, channelToPurge, now).Scan(&workspace, &channel, &days)
		if errors.Is(err, pgx.ErrNoRows) {
			more = false
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		before := now.AddDate(0, 0, -days)
		if _, err := tx.Pgx().Exec(ctx, purgedBefore, workspace, channel, before); err != nil {
			return err
		}
		tag, err := tx.Pgx().Exec(ctx, dropEntries, workspace, channel, before, purgeLimit, ledger.MaxWindow)
		if err != nil || tag.RowsAffected() == purgeLimit {
			return err
		}
		_, err = tx.Pgx().Exec(ctx, purgedChannel, workspace, channel, now)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("purge entries: %w", err)
	}
	return more, nil
}
