package store

import (
	"context"
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

const savePersonal = `
INSERT INTO runs.personal_settings (workspace_id, user_id, version, reminders, named_in_last_calls) VALUES ($1, $2, 1, $3, $4)
ON CONFLICT (workspace_id, user_id) DO UPDATE SET version = personal_settings.version + 1,
	reminders = excluded.reminders, named_in_last_calls = excluded.named_in_last_calls
RETURNING version`

// SavePersonal replaces someone's own settings and returns them with their new version. Their row stays locked until tx
// ends, which orders all events about the person.
func (s *Store) SavePersonal(ctx context.Context, tx *postgres.Tx, workspace string, user run.UserID, settings run.PersonalSettings) (run.PersonalSettings, error) {
	err := tx.Pgx().QueryRow(ctx, savePersonal, workspace, string(user), settings.Reminders, settings.NamedInLastCalls).Scan(&settings.Version)
	if err != nil {
		return settings, fmt.Errorf("save personal settings: %w", err)
	}
	return settings, nil
}
