package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Infrastructure tells whether err comes from the surroundings: the network, the server, its state or its set-up.
// Such an error says nothing about the data at hand, so the same work is tried again until it succeeds.
// A cancelled context is not one; a deadline that passed is.
func Infrastructure(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return surroundings(pg)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		isOneOf(err, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
			driver.ErrBadConn, sql.ErrConnDone, pgconn.ErrConnClosed, errCommitUnknown, errSilent)
}

func surroundings(pg *pgconn.PgError) bool {
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, object state, operator, system
		return true
	case "28", "3D", "3F", "42": // not allowed, or not there: the set-up is wrong or a migration is missing, not the data
		return true
	}
	switch pg.Code {
	case "25006", // read-only: we are on a standby after a failover
		"25P03", // idle in transaction: we were paused
		"0A000", // "cached plan must not change result type": a migration ran meanwhile
		"26000": // a prepared statement is gone
		return true
	}
	return false
}

// Constraint returns the name of the constraint that err violates (SQLSTATE class 23), "" for any other error.
func Constraint(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && len(pg.Code) == 5 && pg.Code[:2] == "23" {
		return pg.ConstraintName
	}
	return ""
}

// SQLState returns the five characters PostgreSQL names an error by, "" when err is not from the server.
func SQLState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// again tells whether a whole transaction is worth another try at once.
func again(err error) bool {
	switch SQLState(err) {
	case "40001", "40P01", "0A000", "26000":
		return true
	}
	return false
}

func isUndefined(err error) bool {
	return slices.Contains([]string{"42P01", "3F000"}, SQLState(err))
}

func isOneOf(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}
