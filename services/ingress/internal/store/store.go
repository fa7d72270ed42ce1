// Package store keeps what ingress knows and what it has to tell Slack, in the schema ingress.
package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Schema is where the tables are, Role whom connections act as; Migration is the version of the schema that this release needs.
const (
	Schema    = "ingress"
	Role      = "coffeebuddy_ingress"
	Migration = 9
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

// OpenRun returns the newest snapshot of the channel's run that is open or closing, nil if there is none.
func (s *Store) OpenRun(ctx context.Context, workspaceID, channelID string) (*runv1.Run, error) {
	runs, err := s.runs(ctx, `
		SELECT snapshot FROM ingress.run WHERE workspace_id = ? AND channel_id = ? ORDER BY started_at DESC LIMIT 1`, workspaceID, channelID)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	if status := runs[0].GetStatus(); status != runv1.RunStatus_RUN_STATUS_OPEN && status != runv1.RunStatus_RUN_STATUS_CLOSING {
		return nil, nil
	}
	return runs[0], nil
}

// LatestRuns returns a channel's latest runs, the newest first.
func (s *Store) LatestRuns(ctx context.Context, workspaceID, channelID string, limit int) ([]*runv1.Run, error) {
	return s.runs(ctx, `
		SELECT snapshot FROM ingress.run WHERE workspace_id = ? AND channel_id = ? ORDER BY started_at DESC LIMIT ?`, workspaceID, channelID, limit)
}

// RunsWith returns the open runs in which someone has ordered or volunteered.
func (s *Store) RunsWith(ctx context.Context, workspaceID, userID string) ([]*runv1.Run, error) {
	open, err := s.runs(ctx, `SELECT snapshot FROM ingress.run WHERE workspace_id = ? AND status = 1`, workspaceID)
	return slices.DeleteFunc(open, func(run *runv1.Run) bool {
		return !slices.Contains(run.GetVolunteerIds(), userID) &&
			!slices.ContainsFunc(run.GetOrders(), func(o *runv1.Order) bool { return o.GetUserId() == userID })
	}), err
}

func (s *Store) runs(ctx context.Context, sql string, args ...any) ([]*runv1.Run, error) {
	var rows []struct{ Snapshot []byte }
	if err := s.db.Read(ctx).Raw(sql, args...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("load runs: %w", err)
	}
	runs := make([]*runv1.Run, len(rows))
	for i, row := range rows {
		runs[i] = &runv1.Run{}
		if err := proto.Unmarshal(row.Snapshot, runs[i]); err != nil {
			return nil, fmt.Errorf("snapshot of a run: %w", err)
		}
	}
	return runs, nil
}

// Standings returns where a channel's people stand, nil if no run has been closed there.
func (s *Store) Standings(ctx context.Context, workspaceID, channelID string) ([]*runv1.Candidate, error) {
	var rows []struct{ Standings []byte }
	err := s.db.Read(ctx).Raw(`
		SELECT s.standings FROM ingress.standings s WHERE s.workspace_id = ? AND s.channel_id = ? AND s.epoch >=
			coalesce((SELECT epoch FROM ingress.channel c WHERE c.workspace_id = s.workspace_id AND c.channel_id = s.channel_id), 0)`,
		workspaceID, channelID).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	standings := &fairnessv1.StandingsChanged{}
	if err := proto.Unmarshal(rows[0].Standings, standings); err != nil {
		return nil, fmt.Errorf("standings of a channel: %w", err)
	}
	return standings.GetStandings(), nil
}

const saveStandings = `
	INSERT INTO ingress.standings AS s (workspace_id, channel_id, epoch, version, standings) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (workspace_id, channel_id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, standings = excluded.standings
	WHERE (excluded.epoch, excluded.version) > (s.epoch, s.version)`

// SaveStandings keeps standings as far as they are newer than what is known.
func (s *Store) SaveStandings(ctx context.Context, tx *postgres.Tx, events []*fairnessv1.FairnessEvent) error {
	batch := &pgx.Batch{}
	for _, e := range events {
		bytes, err := marshal.Marshal(e.GetStandingsChanged())
		if err != nil {
			return fmt.Errorf("standings: %w", err)
		}
		batch.Queue(saveStandings, e.GetWorkspaceId(), e.GetChannelId(), int64(e.GetEpoch()), int64(e.GetStandingsChanged().GetVersion()), bytes)
	}
	return tx.Pgx().SendBatch(ctx, batch).Close()
}

// Usuals returns the channels in which someone has a usual, the latest first, with these, at most limit.
func (s *Store) Usuals(ctx context.Context, workspaceID, userID string, limit int) (channels []string, usuals []*runv1.Usual, err error) {
	var rows []struct {
		ChannelID string
		Drink     string
		Quantity  uint32
	}
	err = s.db.Read(ctx).Raw(`
		SELECT channel_id, drink, quantity FROM ingress.usual WHERE workspace_id = ? AND user_id = ? ORDER BY saved_at DESC LIMIT ?`,
		workspaceID, userID, limit).Scan(&rows).Error
	if err != nil {
		return nil, nil, fmt.Errorf("load usuals of %s: %w", userID, err)
	}
	for _, row := range rows {
		channels = append(channels, row.ChannelID)
		usuals = append(usuals, &runv1.Usual{UserId: userID, Drink: row.Drink, Quantity: row.Quantity})
	}
	return channels, usuals, nil
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
