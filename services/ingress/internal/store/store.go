// Package store keeps what ingress knows and what it has to tell Slack, in the schema ingress.
package store

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Schema is where the tables are; Needs is the migration that this code was written for.
const (
	Schema = "ingress"
	Needs  = 3
)

// Role is what the tables are used as.
const Role = "coffeebuddy_ingress"

// Open prepares a pool for the store; it does not connect.
func Open(cfg postgres.Config, tel *telemetry.Telemetry) (*postgres.DB, error) {
	db, err := postgres.Open(cfg, Role, tel)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	// Left to itself the server plans our queries over arrays anew each time, which costs more than running them.
	db, err = db.Sibling(cfg.MaxConnections, map[string]string{"plan_cache_mode": "force_generic_plan"})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return db, nil
}

// Store is ingress's part of the database.
type Store struct {
	db    *postgres.DB
	lease time.Duration
}

// New makes a store. lease is how long a claimed delivery is left alone (delivery.Lease).
func New(db *postgres.DB, lease time.Duration) *Store { return &Store{db, lease} }

// Run returns the newest snapshot of a run, nil if it is unknown.
func (s *Store) Run(ctx context.Context, workspaceID, runID string) (*runv1.Run, error) {
	run, err := s.snapshot(ctx, `
		SELECT snapshot FROM ingress.run WHERE workspace_id = ? AND run_id = ?`, workspaceID, runID)
	if err != nil {
		return nil, fmt.Errorf("load run %s: %w", runID, err)
	}
	return run, nil
}

// OpenRun returns the channel's run that is open or closing, nil if there is none.
func (s *Store) OpenRun(ctx context.Context, workspaceID, channelID string) (*runv1.Run, error) {
	run, err := s.snapshot(ctx, `
		SELECT snapshot FROM ingress.run
		WHERE workspace_id = ? AND channel_id = ? AND status IN (1, 2)
		ORDER BY started_at DESC LIMIT 1`, workspaceID, channelID)
	if err != nil {
		return nil, fmt.Errorf("load open run of %s: %w", channelID, err)
	}
	return run, nil
}

func (s *Store) snapshot(ctx context.Context, query string, args ...any) (*runv1.Run, error) {
	var rows []struct{ Snapshot []byte }
	if err := s.db.Read(ctx).Raw(query, args...).Scan(&rows).Error; err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, nil
	}
	run := &runv1.Run{}
	if err := proto.Unmarshal(rows[0].Snapshot, run); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return run, nil
}

// Usual returns a person's usual drink in a channel, nil if there is none.
func (s *Store) Usual(ctx context.Context, workspaceID, channelID, userID string) (*runv1.Usual, error) {
	var rows []struct {
		Drink    string
		Quantity uint32
	}
	err := s.db.Read(ctx).Raw(`
		SELECT drink, quantity FROM ingress.usual WHERE workspace_id = ? AND channel_id = ? AND user_id = ?`,
		workspaceID, channelID, userID).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("load usual of %s: %w", userID, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &runv1.Usual{UserId: userID, Drink: rows[0].Drink, Quantity: rows[0].Quantity}, nil
}
