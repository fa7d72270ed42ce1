// Package store keeps what ingress knows and what it has to tell Slack, in the schema ingress.
package store

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Schema is where the tables are, Role whom connections act as; Migration is the version of the schema that this release needs.
const (
	Schema    = "ingress"
	Role      = "coffeebuddy_ingress"
	Migration = 4
)

// Store is ingress's part of the database.
type Store struct {
	db    *postgres.DB
	lease time.Duration
}

// New makes a store. lease is how long a claimed delivery is left alone (delivery.Lease).
func New(db *postgres.DB, lease time.Duration) *Store { return &Store{db, lease} }

// Run returns the newest snapshot of a run, nil if it is unknown.
func (s *Store) Run(ctx context.Context, workspaceID, runID string) (*runv1.Run, error) {
	var rows []struct{ Snapshot []byte }
	err := s.db.Read(ctx).Raw(`
		SELECT snapshot FROM ingress.run WHERE workspace_id = ? AND run_id = ?`, workspaceID, runID).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("load run %s: %w", runID, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	run := &runv1.Run{}
	if err := proto.Unmarshal(rows[0].Snapshot, run); err != nil {
		return nil, fmt.Errorf("snapshot of run %s: %w", runID, err)
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
