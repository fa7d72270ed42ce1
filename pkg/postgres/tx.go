package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

const (
	tries         = 10                     // of a transaction that the server or a dead connection interrupted
	pause         = 2 * time.Millisecond   // before the second try; doubles
	longestPause  = 100 * time.Millisecond //
	rollbackLimit = time.Second
)

var (
	errCommitUnknown = errors.New("connection lost during commit, the outcome is unknown")
	errNotCommitted  = errors.New("the server rolled back instead of committing")
)

// Tx is a transaction. Its *gorm.DB is bound to the context InTx was called with; a nested Transaction of GORM is a savepoint.
type Tx struct {
	*gorm.DB
	ctx         context.Context
	conn        *pgx.Conn
	last        pgx.Batch // statements that travel with COMMIT
	afterCommit []func()
}

// Statement is SQL with $1, $2… and its arguments. Read, if given, reads the rows it returns; otherwise Check, if given,
// sees how many rows it affected. Their error rolls the transaction back; they are called once for every try.
type Statement struct {
	SQL   string
	Args  []any
	Read  func(rows pgx.Rows) error
	Check func(affected int64) error
}

// InTx runs fn in one transaction (read committed) and retries it on serialization failure and deadlock, and when the
// connection turns out to be dead before anything was committed; so fn has no side effect outside tx. fn must not keep
// the server waiting for five seconds between two statements, which ends the transaction, nor use the pool for another one.
// A panic in fn rolls back and goes on.
func (db *DB) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	return db.InTxAfter(ctx, nil, fn)
}

// Async as a first statement turns synchronous_commit off for its transaction.
var Async = Statement{SQL: "SET LOCAL synchronous_commit = off"}

// InTxAsync is InTx with synchronous_commit off: a crash of the server may lose the last fraction of a second of such
// transactions, though never tear one. For work that is repeated harmlessly: outbox deletes, leases.
func (db *DB) InTxAsync(ctx context.Context, fn func(tx *Tx) error) error {
	return db.InTxAfter(ctx, []Statement{Async}, fn)
}

// InTxAfter is InTx whose first statements travel with BEGIN, so that they cost no round trip of their own.
func (db *DB) InTxAfter(ctx context.Context, first []Statement, fn func(tx *Tx) error) error {
	wait := pause
	for try := 1; ; try++ {
		hooks, dead, err := db.try(ctx, first, fn)
		if err == nil {
			for _, hook := range hooks {
				hook()
			}
			return nil
		}
		if try == tries || ctx.Err() != nil || !dead && !again(err) {
			return err
		}
		if dead { // most likely the server was restarted and the pool is full of connections that do not know it yet
			continue
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait/2 + rand.N(wait)):
			wait = min(2*wait, longestPause)
		}
	}
}

// try makes one attempt. dead: a pooled connection was found dead before COMMIT was sent.
func (db *DB) try(ctx context.Context, first []Statement, fn func(tx *Tx) error) (hooks []func(), dead bool, err error) {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("database connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the pool, which drops it unless it is idle and alive

	tx := &Tx{ctx: ctx}
	if err := conn.Raw(func(c any) error { tx.conn = c.(*stdlib.Conn).Conn(); return nil }); err != nil {
		return nil, true, err
	}
	defer tx.rollback()

	if err := tx.begin(first); err != nil {
		// A server that is silent will be so to the next connection too.
		return nil, tx.conn.IsClosed() && Infrastructure(err) && !errors.Is(err, errSilent), err
	}

	tx.DB = db.gorm.Session(&gorm.Session{Context: ctx, NewDB: true})
	tx.DB.Statement.ConnPool = pooled{conn}
	if err := fn(tx); err != nil {
		return nil, false, err
	}
	if err := tx.commit(); err != nil {
		return nil, false, err
	}
	return tx.afterCommit, false, nil
}

// AfterCommit has fn run once after a successful commit, when the connection is back in the pool;
// never after a try that was rolled back.
func (tx *Tx) AfterCommit(fn func()) { tx.afterCommit = append(tx.afterCommit, fn) }

// BeforeCommit has a statement ($1, $2…) travel with COMMIT, after everything else in tx, at no round trip of its own.
// Its error is the transaction's.
func (tx *Tx) BeforeCommit(sql string, args ...any) { tx.last.Queue(sql, args...) }

// Pgx is the connection that tx runs on: for arrays, batches and COPY. It ends with tx.
func (tx *Tx) Pgx() *pgx.Conn { return tx.conn }

func (tx *Tx) commit() error {
	tx.last.Queue("COMMIT")
	end := tx.last.Len() - 1
	committed := false
	results := tx.conn.SendBatch(tx.ctx, &tx.last)
	var err error
	for i := 0; i <= end && err == nil; i++ {
		tag, e := results.Exec()
		if err = e; err == nil && i == end {
			committed = tag.String() == "COMMIT"
		}
	}
	if e := results.Close(); err == nil {
		err = e
	}
	switch {
	case err != nil && tx.conn.IsClosed() && SQLState(err) == "":
		return fmt.Errorf("%w: %w", errCommitUnknown, err)
	case err != nil:
		return err
	case !committed: // a statement failed and its error was swallowed by fn
		return errNotCommitted
	}
	return nil
}

// begin sends BEGIN and the first statements in one round trip.
func (tx *Tx) begin(first []Statement) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for _, s := range first {
		batch.Queue(s.SQL, s.Args...)
	}
	results := tx.conn.SendBatch(tx.ctx, batch)
	_, err := results.Exec()
	for i := 0; i < len(first) && err == nil; i++ {
		err = first[i].result(results)
	}
	if e := results.Close(); err == nil {
		err = e
	}
	return err
}

func (s Statement) result(results pgx.BatchResults) error {
	if s.Read != nil {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := s.Read(rows); err != nil {
			return err
		}
		return rows.Err()
	}
	tag, err := results.Exec()
	if err == nil && s.Check != nil {
		err = s.Check(tag.RowsAffected())
	}
	return err
}

// rollback leaves the connection idle, or closed.
func (tx *Tx) rollback() {
	if tx.conn.IsClosed() || tx.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tx.ctx), rollbackLimit)
	defer cancel()
	if _, err := tx.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = tx.conn.Close(ctx)
	}
}

// pooled hides from GORM that a *sql.Conn could begin a transaction: there is one already, so a nested one is a savepoint.
type pooled struct{ gorm.ConnPool }

var _ gorm.TxCommitter = pooled{}

var errEndsByItself = errors.New("InTx ends the transaction")

func (pooled) Commit() error   { return errEndsByItself }
func (pooled) Rollback() error { return errEndsByItself }

var _ gorm.ConnPool = (*sql.Conn)(nil)
