package store

import (
	"context"
	"fmt"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

const purgeInbox = `
DELETE FROM runs.inbox WHERE command_id IN (
	SELECT command_id FROM runs.inbox WHERE received_at < ? ORDER BY received_at LIMIT ? FOR UPDATE SKIP LOCKED)`

// PurgeInbox forgets commands that were claimed before the given instant, at most limit, and returns how many they were.
func (s *Store) PurgeInbox(ctx context.Context, before time.Time, limit int) (int, error) {
	var purged int64
	err := s.db.InTxAsync(ctx, func(tx *postgres.Tx) error {
		result := tx.Exec(purgeInbox, before, limit)
		purged = result.RowsAffected
		return result.Error
	})
	if err != nil {
		return 0, fmt.Errorf("purge inbox: %w", err)
	}
	return int(purged), nil
}
