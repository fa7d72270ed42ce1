// Package store keeps runs in Postgres, in the schema runs.
package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Schema is where the tables are; Migration is the version of it that this release needs.
const (
	Schema    = "runs"
	Migration = 2
)

// Store reads and writes channels, runs, orders, usuals and the ids of commands that have taken effect.
type Store struct {
	db       *postgres.DB
	defaults run.Settings
}

// New returns a store. Channels whose settings nobody ever changed have defaults.
func New(db *postgres.DB, defaults run.Settings) *Store { return &Store{db: db, defaults: defaults} }

// trip collects statements that go to the server in one round trip. Each sees what those before it wrote, and what
// others have committed by the time its turn comes: after a statement that waited for a lock, the state under the lock.
type trip struct {
	batch pgx.Batch
	what  []string
	read  []func(pgx.BatchResults) error
}

// query has scan called for each row of a statement.
func (t *trip) query(what, sql string, args []any, scan func(pgx.Rows) error) {
	t.add(what, sql, args, func(results pgx.BatchResults) error {
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
	})
}

const anyNumber = -1

// exec asserts that a statement affects as many rows as it should.
func (t *trip) exec(what string, rows int, sql string, args ...any) {
	t.add(what, sql, args, func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err == nil && rows != anyNumber && tag.RowsAffected() != int64(rows) {
			err = fmt.Errorf("%d rows affected instead of %d", tag.RowsAffected(), rows)
		}
		return err
	})
}

func (t *trip) add(what, sql string, args []any, read func(pgx.BatchResults) error) {
	t.batch.Queue(sql, args...)
	t.what, t.read = append(t.what, what), append(t.read, read)
}

func (t *trip) send(ctx context.Context, tx *postgres.Tx) (err error) {
	if len(t.read) == 0 {
		return nil
	}
	results := tx.Pgx().SendBatch(ctx, &t.batch)
	defer func() {
		if e := results.Close(); err == nil && e != nil {
			err = fmt.Errorf("complete the batch: %w", e)
		}
	}()
	for i, read := range t.read {
		if err := read(results); err != nil {
			return fmt.Errorf("%s: %w", t.what[i], err)
		}
	}
	return nil
}
