// Package store keeps runs in Postgres, in the schema runs.
package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Schema is where the tables are, Role whom connections act as; Migration is the version of the schema that this release needs.
const (
	Schema    = "runs"
	Role      = "coffeebuddy_runs"
	Migration = 4
)

// Store reads and writes channels, runs, orders, usuals and the ids of commands that have taken effect.
type Store struct {
	db       *postgres.DB
	defaults run.Settings
}

// New returns a store. Channels whose settings nobody ever changed have defaults.
func New(db *postgres.DB, defaults run.Settings) *Store { return &Store{db: db, defaults: defaults} }

// trip collects queries that go to the server in one round trip. Each sees what those before it wrote, and what others
// have committed by the time its turn comes: after a query that waited for a lock, the state under the lock.
type trip struct {
	batch pgx.Batch
	what  []string
	scan  []func(pgx.Rows) error
}

// query has scan called for each row.
func (t *trip) query(what, sql string, args []any, scan func(pgx.Rows) error) {
	t.batch.Queue(sql, args...)
	t.what, t.scan = append(t.what, what), append(t.scan, scan)
}

func (t *trip) send(ctx context.Context, tx *postgres.Tx) error {
	results := tx.Pgx().SendBatch(ctx, &t.batch)
	for i, scan := range t.scan {
		if err := each(results, scan); err != nil {
			_ = results.Close()
			return fmt.Errorf("%s: %w", t.what[i], err)
		}
	}
	return results.Close()
}

func each(results pgx.BatchResults, scan func(pgx.Rows) error) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
