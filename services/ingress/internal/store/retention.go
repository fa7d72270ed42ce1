package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// PurgeEvery is how often it is looked what is old.
const PurgeEvery = time.Minute

const (
	purgeLimit = 500                  // rows deleted at once, so that no lock is held for long
	keepPerson = 365 * 24 * time.Hour // after Slack was last asked for them
	keepDays   = 90                   // where a channel's settings do not say
)

// Whoever works on the channel at this moment is left alone: it comes up again at once.
const channelToPurge = `
	SELECT workspace_id, channel_id, settings FROM ingress.channel
	WHERE purge_due_at <= $1 ORDER BY purge_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`

// A run takes a day and a bit at most, so by when it started is near enough.
const purgeRuns = `
	DELETE FROM ingress.run WHERE (workspace_id, run_id) IN (
		SELECT workspace_id, run_id FROM ingress.run WHERE workspace_id = $1 AND channel_id = $2 AND started_at < $3
		ORDER BY started_at LIMIT $4)`

const purgedChannel = `
	UPDATE ingress.channel SET purge_due_at = $3::timestamptz + interval '23 hours' + random() * interval '2 hours'
	WHERE workspace_id = $1 AND channel_id = $2`

// PurgeOld deletes, a few at a time, the runs of a channel that are older than it keeps them, about once a day for each;
// with these, people whom nobody has met for a year and limits that are over. It tells whether there may be more to do.
// An interruption costs nothing: what is left is found by the next call.
func (s *Store) PurgeOld(ctx context.Context, now time.Time) (more bool, err error) {
	err = s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		var workspaceID, channelID string
		var raw []byte
		err := tx.Pgx().QueryRow(ctx, channelToPurge, now).Scan(&workspaceID, &channelID, &raw)
		if errors.Is(err, pgx.ErrNoRows) {
			more = false
			return purgeStrangers(ctx, tx, now)
		}
		if err != nil {
			return err
		}
		more = true
		settings, days := &runv1.ChannelSettings{}, keepDays
		if err := proto.Unmarshal(raw, settings); err == nil && settings.GetRetentionDays() > 0 {
			days = int(settings.GetRetentionDays())
		}
		tag, err := tx.Pgx().Exec(ctx, purgeRuns, workspaceID, channelID, now.AddDate(0, 0, -days), purgeLimit)
		if err != nil || tag.RowsAffected() == purgeLimit {
			return err
		}
		_, err = tx.Pgx().Exec(ctx, purgedChannel, workspaceID, channelID, now)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("purge what is old: %w", err)
	}
	return more, nil
}

func purgeStrangers(ctx context.Context, tx *postgres.Tx, now time.Time) error {
	_, err := tx.Pgx().Exec(ctx, `
		DELETE FROM ingress.person WHERE (workspace_id, user_id) IN (
			SELECT workspace_id, user_id FROM ingress.person WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)`, now.Add(-keepPerson), purgeLimit)
	if err != nil {
		return err
	}
	_, err = tx.Pgx().Exec(ctx, `DELETE FROM ingress.pause WHERE until < clock_timestamp() - interval '1 day'`)
	return err
}
