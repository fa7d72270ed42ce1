// Package store keeps ledgers in Postgres, in the schema fairness. It is the only package here that knows SQL.
package store

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Schema is where the tables are, Role whom connections act as; Migration is the version of the schema that this release needs.
const (
	Schema    = "fairness"
	Role      = "coffeebuddy_fairness"
	Migration = 3
)

// Store reads and writes channels, entries with their shares, and standings, in transactions of others.
type Store struct{}

// exec queues a statement and asserts that it affects as many rows as it should.
func exec(batch *pgx.Batch, what string, rows int, sql string, args ...any) {
	batch.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(rows) {
			return fmt.Errorf("%s: %d rows affected instead of %d", what, tag.RowsAffected(), rows)
		}
		return nil
	})
}

// each queues a query and has scan called for each of its rows.
func each(batch *pgx.Batch, sql string, args []any, scan func(pgx.Rows) error) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
