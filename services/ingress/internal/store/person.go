package store

import (
	"context"
	"fmt"
	"time"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// People returns those of userIDs that are known.
func (s *Store) People(ctx context.Context, workspaceID string, userIDs []string) ([]people.Known, error) {
	var rows []struct {
		UserID, Name, Zone               string
		WorkspaceAdmin, Bot, Deactivated bool
		SeenAt                           time.Time
	}
	err := s.db.Read(ctx).Raw(`
		SELECT user_id, name, zone, workspace_admin, bot, deactivated, seen_at
		FROM ingress.person WHERE workspace_id = ? AND user_id IN ?`, workspaceID, userIDs).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("load people: %w", err)
	}
	known := make([]people.Known, len(rows))
	for i, r := range rows {
		known[i] = people.Known{SeenAt: r.SeenAt, Person: people.Person{
			UserID: r.UserID, Name: r.Name, Zone: zone(r.Zone),
			WorkspaceAdmin: r.WorkspaceAdmin, Bot: r.Bot, Deactivated: r.Deactivated,
		}}
	}
	return known, nil
}

// SavePerson keeps what was learned of a person.
func (s *Store) SavePerson(ctx context.Context, workspaceID string, p people.Known) error {
	zone := ""
	if p.Zone != nil {
		zone = p.Zone.String()
	}
	err := s.db.Read(ctx).Exec(`
		INSERT INTO ingress.person AS p (workspace_id, user_id, name, zone, workspace_admin, bot, deactivated, seen_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, user_id) DO UPDATE SET
			name = excluded.name, zone = excluded.zone, workspace_admin = excluded.workspace_admin,
			bot = excluded.bot, deactivated = excluded.deactivated, seen_at = excluded.seen_at
		WHERE excluded.seen_at > p.seen_at`,
		workspaceID, p.UserID, p.Name, zone, p.WorkspaceAdmin, p.Bot, p.Deactivated, p.SeenAt).Error
	if err != nil {
		return fmt.Errorf("save person %s: %w", p.UserID, err)
	}
	return nil
}

func zone(name string) *time.Location {
	if name == "" {
		return nil
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return location
}
