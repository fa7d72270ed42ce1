package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Database is a PostgreSQL database of one test.
type Database struct {
	URL  string // as superuser
	Name string

	t      testing.TB
	server string
}

// Postgres returns a new database, migrated to the newest version, that is dropped at the end of the test.
// It is cloned from a template that is migrated once; all test processes share one server (see keeper.go).
func Postgres(t testing.TB) *Database {
	t.Helper()
	return database(t, " TEMPLATE "+template(t))
}

// EmptyPostgres returns a new database without any schema of ours.
func EmptyPostgres(t testing.TB) *Database {
	t.Helper()
	return database(t, " TEMPLATE template0")
}

func database(t testing.TB, options string) *Database {
	t.Helper()
	server := serverURL(t)
	db := &Database{Name: "test_" + strings.ToLower(rand.Text()[:12]), t: t, server: server}
	db.URL = withDatabase(t, server, db.Name)
	db.admin("CREATE DATABASE " + db.Name + options)
	t.Cleanup(func() { db.admin("DROP DATABASE " + db.Name + " WITH (FORCE)") })
	return db
}

// Open returns a pool whose connections act as role; it is closed at the end of the test.
func (db *Database) Open(role string) *postgres.DB {
	db.t.Helper()
	tel, _ := Telemetry(db.t)
	pool, err := postgres.Open(postgres.Config{URL: db.URL, MaxConnections: 10}, role, tel)
	require.NoError(db.t, err)
	db.t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// Connect returns a connection as superuser, for looking at what is there; it is closed at the end of the test.
func (db *Database) Connect() *pgx.Conn {
	db.t.Helper()
	conn, err := pgx.Connect(context.Background(), db.URL)
	require.NoError(db.t, err)
	db.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs SQL as superuser.
func (db *Database) Exec(sql string, args ...any) {
	db.t.Helper()
	run(db.t, db.URL, sql, args...)
}

// Away takes the database away, as if its server were down: sessions are cut off and new ones refused.
// The function it returns brings it back.
func (db *Database) Away() (back func()) {
	db.t.Helper()
	db.admin("ALTER DATABASE " + db.Name + " WITH ALLOW_CONNECTIONS false")
	db.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", db.Name)
	return func() { db.admin("ALTER DATABASE " + db.Name + " WITH ALLOW_CONNECTIONS true") }
}

// admin runs SQL in the server's own database.
func (db *Database) admin(sql string, args ...any) {
	db.t.Helper()
	run(db.t, db.server, sql, args...)
}

// template returns the name of a migrated database, made by the first who asks.
func template(t testing.TB) string {
	t.Helper()
	name := "template_" + migrations.Hash()
	ctx, server := t.Context(), serverURL(t)
	var conn *pgx.Conn
	require.NoError(t, patiently(func() (err error) { conn, err = pgx.Connect(ctx, server); return err }))
	defer conn.Close(context.Background()) // releases the lock
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
	require.NoError(t, err)
	var exists bool
	require.NoError(t, conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists))
	if exists {
		return name
	}
	// Under another name until it is complete: its maker may be killed.
	partial := "partial_" + strings.ToLower(rand.Text()[:12])
	for _, step := range []func() error{
		func() error { _, err := conn.Exec(ctx, "CREATE DATABASE "+partial+" TEMPLATE template0"); return err },
		func() error { return migrations.Up(ctx, withDatabase(t, server, partial)) },
		func() error {
			_, err := conn.Exec(ctx, "ALTER DATABASE "+partial+" WITH ALLOW_CONNECTIONS false")
			return err
		},
		func() error { _, err := conn.Exec(ctx, "ALTER DATABASE "+partial+" RENAME TO "+name); return err },
	} {
		require.NoError(t, patiently(step))
	}
	return name
}

func serverURL(t testing.TB) string {
	t.Helper()
	server, err := sharedServer()
	require.NoError(t, err, "PostgreSQL for tests")
	return server.url
}

func withDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func run(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	// Not the test's context, which has ended when it is cleaned up.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, patiently(func() error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, sql, args...)
		return err
	}), sql)
}

// patiently tries again while the server is busy with others: a template still has a session that is ending (55006),
// or there are too many connections for the moment (53300).
func patiently(do func() error) error {
	var err error
	for range 100 {
		var pg *pgconn.PgError
		if err = do(); err == nil || !errors.As(err, &pg) || pg.Code != "55006" && pg.Code != "53300" {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
	return err
}
