package bustest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

type store struct {
	*testkit.Database
	pool *postgres.DB
	t    *testing.T
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{Database: testkit.Postgres(t), t: t}
	s.Exec("ALTER DATABASE " + s.Name + " SET deadlock_timeout = '10ms'")
	s.Exec("ALTER DATABASE " + s.Name + " SET synchronous_commit = on")
	s.Exec(`CREATE TABLE thing (id int PRIMARY KEY, n int NOT NULL CONSTRAINT thing_is_small CHECK (n < 1000)); GRANT ALL ON thing TO PUBLIC; INSERT INTO thing VALUES (1, 0), (2, 0)`)
	s.pool = s.Open(role)
	return s
}

func (s *store) sum() (n int) {
	s.t.Helper()
	require.NoError(s.t, s.pool.Read(s.t.Context()).Raw("SELECT sum(n) FROM thing").Row().Scan(&n))
	return n
}

func add(tx *postgres.Tx, id, n int) error {
	return tx.Exec("UPDATE thing SET n = n + ? WHERE id = ?", n, id).Error
}

func TestTransactionsCommitOrRollBack(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	committed := 0
	require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		tx.AfterCommit(func() { committed++ })
		return add(tx, 1, 5)
	}))
	require.Equal(t, 5, s.sum())

	no := errors.New("no")
	require.ErrorIs(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		tx.AfterCommit(func() { committed++ })
		require.NoError(t, add(tx, 1, 5))
		return no
	}), no)
	require.PanicsWithValue(t, "oh", func() {
		_ = s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
			require.NoError(t, add(tx, 1, 5))
			panic("oh")
		})
	})
	require.Equal(t, 5, s.sum())
	require.Equal(t, 1, committed)

	for range 20 { // connections come back idle
		require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error { return add(tx, 2, 1) }))
	}
	require.Equal(t, 25, s.sum())
}

func TestStatementsTravelWithBeginAndCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var read []int
	first := []postgres.Statement{
		{SQL: "UPDATE thing SET n = n + $1", Args: []any{1}, Check: func(rows int64) error {
			if rows != 2 {
				return errors.New("not both")
			}
			return nil
		}},
		{SQL: "SELECT n FROM thing WHERE id = ANY($1) ORDER BY id FOR UPDATE", Args: []any{[]int{1, 2}}, Read: func(rows pgx.Rows) (err error) {
			read, err = pgx.CollectRows(rows, pgx.RowTo[int])
			return err
		}},
	}
	require.NoError(t, s.pool.InTxAfter(t.Context(), first, func(tx *postgres.Tx) error {
		require.Equal(t, []int{1, 1}, read)
		tx.BeforeCommit("UPDATE thing SET n = n + $1 WHERE id = ANY($2)", 10, []int{1, 2})
		tx.BeforeCommit("UPDATE thing SET n = n * 2")
		var n int
		require.NoError(t, tx.Pgx().QueryRow(t.Context(), "SELECT n FROM thing WHERE id = 1").Scan(&n))
		require.Equal(t, 1, n, "not yet")
		return nil
	}))
	require.Equal(t, 44, s.sum())

	first[0].Check = func(int64) error { return errors.New("fenced") }
	require.ErrorContains(t, s.pool.InTxAfter(t.Context(), first, func(*postgres.Tx) error { t.Error("it ran"); return nil }), "fenced")
	err := s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		tx.BeforeCommit("UPDATE thing SET n = 5000")
		return add(tx, 1, 1)
	})
	require.Equal(t, "thing_is_small", postgres.Constraint(err))
	require.Equal(t, 44, s.sum())
}

// A handler that ignores a failed statement must not believe that it committed.
func TestACommitThatIsARollbackIsAnError(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	err := s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		_ = tx.Exec("UPDATE thing SET n = 5000").Error
		return nil
	})
	require.Error(t, err)
	require.False(t, postgres.Infrastructure(err), "nobody should wait for it to go away")
}

func TestNestedTransactionsAreSavepoints(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		require.NoError(t, add(tx, 1, 1))
		require.Error(t, nested(tx.Transaction, func() error { return tx.Exec("UPDATE thing SET n = 5000").Error }))
		return add(tx, 2, 1)
	}))
	require.Equal(t, 2, s.sum())
}

// nested does not name GORM's type, which D is.
func nested[D any](transaction func(func(D) error, ...*sql.TxOptions) error, do func() error) error {
	return transaction(func(D) error { return do() })
}

func TestSerializationFailuresAreRetried(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tries := 0
	require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		tries++
		if err := tx.Exec("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").Error; err != nil {
			return err
		}
		if err := tx.Exec("SELECT sum(n) FROM thing").Error; err != nil { // what it sees from now on
			return err
		}
		if tries == 1 {
			require.NoError(t, s.pool.InTx(t.Context(), func(other *postgres.Tx) error { return add(other, 1, 1) }))
		}
		return add(tx, 1, 1)
	}))
	require.Equal(t, 2, tries)
	require.Equal(t, 2, s.sum())
}

func TestDeadlocksAreRetried(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var tries atomic.Int64
	var all, locked sync.WaitGroup
	errs := make([]error, 2)
	locked.Add(len(errs))
	for w := range errs {
		all.Go(func() {
			first := true
			errs[w] = s.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
				tries.Add(1)
				if err := add(tx, 1+w, 1); err != nil {
					return err
				}
				if first { // each has what the other wants
					first = false
					locked.Done()
					locked.Wait()
				}
				return add(tx, 2-w, 1)
			})
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 4, s.sum())
	require.GreaterOrEqual(t, tries.Load(), int64(3), "at least one of them was the victim")
}

func TestStaleConnectionsAreNotNoticed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var all sync.WaitGroup
	for range 10 { // fill the pool
		all.Go(func() {
			require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error { return tx.Exec("SELECT pg_sleep(0.05)").Error }))
		})
	}
	all.Wait()
	s.Away()()
	require.NoError(t, s.pool.InTx(t.Context(), func(tx *postgres.Tx) error { return add(tx, 1, 1) }))
	require.Equal(t, 1, s.sum())
}

func TestErrorsAreSorted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	in := func(sql string, args ...any) error { return s.pool.Read(t.Context()).Exec(sql, args...).Error }
	for sql, infrastructure := range map[string]bool{
		"SELECT 1/0":                                                  false,
		"SELECT 'x'::integer":                                         false,
		"INSERT INTO thing (id) VALUES (9)":                           false, // not null
		"INSERT INTO thing VALUES (1, 1)":                             false, // unique
		"SELECT * FROM nothing":                                       true,  // a migration is missing
		"SELECT * FROM fairness.ledger_entry_of_another_service":      true,
		"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$": true,
		"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53200'; END $$": true,
		"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$": true,
		"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '58030'; END $$": true,
		"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$": true,
		"DO $$ BEGIN RAISE EXCEPTION 'a rule'; END $$":                false,
	} {
		err := in(sql)
		require.Error(t, err, sql)
		require.Equal(t, infrastructure, postgres.Infrastructure(err), "%s: %v", sql, err)
	}
	require.Equal(t, "thing_is_small", postgres.Constraint(in("UPDATE thing SET n = 1000")))
	require.Equal(t, "thing_pkey", postgres.Constraint(in("INSERT INTO thing VALUES (1, 1)")))
	require.Empty(t, postgres.Constraint(in("SELECT 1/0")))
	require.Equal(t, "22012", postgres.SQLState(in("SELECT 1/0")))

	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.True(t, postgres.Infrastructure(s.pool.InTx(late, func(tx *postgres.Tx) error { return tx.Exec("SELECT pg_sleep(5)").Error })))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, postgres.Infrastructure(s.pool.InTx(cancelled, func(tx *postgres.Tx) error { return add(tx, 1, 1) })))

	tel, _ := testkit.Telemetry(t)
	away, err := postgres.Open(postgres.Config{URL: "postgresql+psycopg://nobody:pw@127.0.0.1:1/x", MaxConnections: 2}, "", tel)
	require.NoError(t, err, "it does not connect")
	defer away.Close()
	err = away.InTx(t.Context(), func(*postgres.Tx) error { return nil })
	require.True(t, postgres.Infrastructure(err), err)
	require.Error(t, away.Check(t.Context(), schema, 1))
	require.NotContains(t, err.Error(), "pw")
}

func TestConnectionsActAsTheirRole(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var who string
	require.NoError(t, s.pool.Read(t.Context()).Raw("SELECT current_user").Row().Scan(&who))
	require.Equal(t, role, who)
	require.Equal(t, "42501", postgres.SQLState(s.pool.Read(t.Context()).Exec("CREATE TABLE runs.mine (id int)").Error))

	sibling, err := s.pool.Sibling(1, map[string]string{"synchronous_commit": "off"})
	require.NoError(t, err)
	defer sibling.Close()
	var commit string
	require.NoError(t, sibling.Read(t.Context()).Raw("SELECT current_user").Row().Scan(&who))
	require.NoError(t, sibling.Read(t.Context()).Raw("SHOW synchronous_commit").Row().Scan(&commit))
	require.Equal(t, []string{role, "off"}, []string{who, commit})
	require.NoError(t, s.pool.InTxAsync(t.Context(), func(tx *postgres.Tx) error {
		return tx.Raw("SHOW synchronous_commit").Row().Scan(&commit)
	}))
	require.Equal(t, "off", commit)
	require.NoError(t, s.pool.Read(t.Context()).Raw("SHOW synchronous_commit").Row().Scan(&commit))
	require.Equal(t, "on", commit)
}

func TestReadinessKnowsTheMigrations(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.pool.Check(t.Context(), schema, 1))
	s.Exec("UPDATE runs.schema_migrations SET version = 7")
	require.NoError(t, s.pool.Check(t.Context(), schema, 7))
	require.ErrorContains(t, s.pool.Check(t.Context(), schema, 8), "migrated to version 7, version 8 is needed")
	s.Exec("UPDATE runs.schema_migrations SET dirty = true")
	require.ErrorContains(t, s.pool.Check(t.Context(), schema, 7), "ended half-way")
	s.Exec("DELETE FROM runs.schema_migrations")
	require.ErrorContains(t, s.pool.Check(t.Context(), schema, 7), "not migrated")
	require.ErrorContains(t, s.pool.Check(t.Context(), "elsewhere", 7), "not migrated")
	back := s.Away()
	require.Error(t, s.pool.Check(t.Context(), schema, 1))
	back()
}

func TestSlowStatementsAreLoggedWithoutTheirValues(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var log bytes.Buffer
	tel, err := telemetry.New("x", "test", telemetry.Config{LogLevel: slog.LevelDebug}, &log)
	require.NoError(t, err)
	pool, err := postgres.Open(postgres.Config{URL: s.URL, MaxConnections: 2}, role, tel)
	require.NoError(t, err)
	defer pool.Close()
	require.NoError(t, pool.Read(t.Context()).Exec("SELECT ?::text, pg_sleep(0.6)", "oat milk").Error)
	require.Error(t, pool.Read(t.Context()).Exec("SELECT ?::integer", "oat milk").Error)
	require.NoError(t, pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue("SELECT $1::text, 1", "oat milk")
		batch.Queue("SELECT $1::text, pg_sleep(0.7)", "oat milk")
		tx.BeforeCommit("SELECT $1::text, pg_sleep(0.8)", "oat milk")
		return tx.Pgx().SendBatch(t.Context(), batch).Close()
	}))
	for _, sql := range []string{"SELECT $1::text, pg_sleep(0.6)", "SELECT $1::text, 1; SELECT $1::text, pg_sleep(0.7)", "SELECT $1::text, pg_sleep(0.8); COMMIT"} {
		require.Contains(t, log.String(), `"`+sql+`"`)
	}
	require.Equal(t, 3, strings.Count(log.String(), "slow statement"))
	require.NotContains(t, log.String(), "oat milk")
}
