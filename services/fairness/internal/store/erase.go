package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// In the order in which Load locks them.
const lockChannelsOf = `
SELECT channel_id FROM fairness.channel c
WHERE workspace_id = $1 AND ($2 = '' OR channel_id = $2) AND EXISTS (SELECT FROM fairness.standing s
	WHERE s.workspace_id = c.workspace_id AND s.channel_id = c.channel_id AND s.user_id = $3)
ORDER BY channel_id FOR NO KEY UPDATE`

// What was replaced before may be told of once more, by a snapshot that was under way: then two are one.
var replacePerson = []string{
	`INSERT INTO fairness.standing AS s (workspace_id, channel_id, user_id, epoch, cups, owed, served, since, last_served_at, opened_since, opened_served_at)
	SELECT workspace_id, channel_id, $4, epoch, cups, owed, served, since, last_served_at, opened_since, opened_served_at
	FROM fairness.standing WHERE workspace_id = $1 AND channel_id = ANY ($2) AND user_id = $3
	ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE SET
		cups = s.cups + excluded.cups, owed = s.owed + excluded.owed, served = s.served + excluded.served,
		since = least(s.since, excluded.since), last_served_at = greatest(s.last_served_at, excluded.last_served_at),
		opened_since = least(s.opened_since, excluded.opened_since), opened_served_at = greatest(s.opened_served_at, excluded.opened_served_at)`,
	`WITH gone AS (DELETE FROM fairness.standing WHERE workspace_id = $1 AND channel_id = ANY ($2) AND user_id = $3) SELECT $4::text`,
	`UPDATE fairness.share SET user_id = $4 WHERE workspace_id = $1 AND channel_id = ANY ($2) AND user_id = $3`,
	`UPDATE fairness.entry SET runner_id = $4 WHERE workspace_id = $1 AND channel_id = ANY ($2) AND runner_id = $3`,
}

// Replace puts another in the place of a person, in one channel or, if it is empty, in all of the workspace. All sums stay
// as they are. It returns the tables of channels that knew the person; they are locked until tx ends.
func (Store) Replace(ctx context.Context, tx *postgres.Tx, in ledger.ChannelID, user, by ledger.UserID) ([]ledger.Table, error) {
	rows, err := tx.Pgx().Query(ctx, lockChannelsOf, in.Workspace, in.Channel, string(user))
	if err != nil {
		return nil, fmt.Errorf("lock channels of a person: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return nil, err
	}
	channels := make([]ledger.ChannelID, len(names))
	for i, name := range names {
		channels[i] = ledger.ChannelID{Workspace: in.Workspace, Channel: name}
	}
	var batch pgx.Batch
	for _, sql := range replacePerson {
		batch.Queue(sql, in.Workspace, names, string(user), string(by))
	}
	tables := make([]ledger.Table, 0, len(channels))
	tabulate(&batch, channels, &tables)
	if err := tx.Pgx().SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("replace a person: %w", err)
	}
	return tables, nil
}
