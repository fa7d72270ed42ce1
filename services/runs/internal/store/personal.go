package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

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

// What is asked for by workspace is looked up in each of its channels' runs.
const findPerson = `
SELECT c.channel_id, r.id FROM runs.channel c
LEFT JOIN LATERAL (SELECT r.id FROM runs.run r
	WHERE r.workspace_id = c.workspace_id AND r.channel_id = c.channel_id
		AND ($2 IN (r.initiator_id, r.runner_id, r.previous_runner_id, r.offered_by_id) OR $2 = ANY (r.volunteer_ids) OR $2 = ANY (r.declined_ids)
			OR EXISTS (SELECT FROM runs.drink_order o WHERE o.run_id = r.id AND o.user_id = $2))) r ON true
WHERE c.workspace_id = $1 AND (r.id IS NOT NULL OR $2 = ANY (c.admin_ids)
	OR EXISTS (SELECT FROM runs.usual u WHERE u.workspace_id = c.workspace_id AND u.channel_id = c.channel_id AND u.user_id = $2))`

// FindPerson widens the scope by all that is kept of someone. It locks nothing.
func (s *Store) FindPerson(ctx context.Context, tx *postgres.Tx, scope *run.Scope, workspace string, user run.UserID) error {
	rows, err := tx.Pgx().Query(ctx, findPerson, workspace, string(user))
	if err != nil {
		return fmt.Errorf("find a person: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		id := run.ChannelID{Workspace: workspace}
		var of *[16]byte
		if err := rows.Scan(&id.Channel, &of); err != nil {
			return fmt.Errorf("find a person: %w", err)
		}
		if n := len(scope.Channels); n == 0 || scope.Channels[n-1] != id {
			scope.Channels, scope.Usuals = append(scope.Channels, id), append(scope.Usuals, run.Person{Channel: id, User: user})
		}
		if of != nil {
			scope.Runs = append(scope.Runs, uuid.UUID(*of))
		}
	}
	return rows.Err()
}

const erasePersonal = `DELETE FROM runs.personal_settings WHERE workspace_id = $1 AND user_id = $2`

// ErasePersonal has someone's own settings deleted with tx's COMMIT.
func (s *Store) ErasePersonal(tx *postgres.Tx, workspace string, user run.UserID) {
	tx.BeforeCommit(erasePersonal, workspace, string(user))
}
