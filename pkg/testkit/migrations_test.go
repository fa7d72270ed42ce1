package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

func requireAll(t *testing.T, url, state string) {
	t.Helper()
	states, err := migrations.Status(t.Context(), url)
	require.NoError(t, err)
	require.Len(t, states, 4)
	for _, s := range states {
		require.Equal(t, state, s.String(), "%+v", s)
	}
}

func TestMigrationsUpAgainDownUp(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyPostgres(t).URL
	requireAll(t, url, "pending")
	require.NoError(t, migrations.Up(t.Context(), url))
	requireAll(t, url, "ok")
	rows := fillEveryTable(t, url)
	require.NoError(t, migrations.Up(t.Context(), url))
	requireAll(t, url, "ok")
	require.Equal(t, rows, countRows(t, url), "up again touches no row")
	require.NoError(t, migrations.Down(t.Context(), url))
	requireAll(t, url, "pending")
	require.Empty(t, countRows(t, url), "nothing is left")
	require.NoError(t, migrations.Up(t.Context(), url))
	requireAll(t, url, "ok")
}

// A release's migrations meet the rows that the release before has written.
func TestMigrationsStepByStepWithRows(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	for _, schema := range migrations.Schemas() {
		for version := uint(1); version <= migrations.Latest(schema); version++ {
			require.NoError(t, migrations.To(t.Context(), db.URL, schema, version), "%s up to %d", schema, version)
			fillEveryTable(t, db.URL)
		}
	}
	requireAll(t, db.URL, "ok")
	for _, schema := range migrations.Schemas() {
		for version := migrations.Latest(schema); version > 0; version-- {
			require.NoError(t, migrations.To(t.Context(), db.URL, schema, version-1), "%s down to %d", schema, version-1)
			fillEveryTable(t, db.URL)
		}
	}
	requireAll(t, db.URL, "pending")
}

func TestMigratorsAtTheSameTime(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyPostgres(t).URL
	atOnce(t, 4, func(int) error { return migrations.Up(t.Context(), url) })
	requireAll(t, url, "ok")
}

func TestAMigratorThatWaitsForAnotherCanBeStopped(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	_, err := db.Connect().Exec(t.Context(), "SELECT pg_advisory_lock(hashtextextended('coffeebuddy migrations', 0))")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, migrations.Up(ctx, db.URL), context.DeadlineExceeded)
	requireAll(t, db.URL, "pending")
}

func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	db.Exec("UPDATE runs.schema_migrations SET version = 4711")
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	states, err := migrations.Status(t.Context(), db.URL, "runs")
	require.NoError(t, err)
	require.Equal(t, "newer", states[0].String())
}

func TestADirtySchemaStopsTheMigratorUntilForced(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	latest := migrations.Latest("runs")
	db.Exec("UPDATE runs.schema_migrations SET dirty = true")
	states, err := migrations.Status(t.Context(), db.URL, "runs")
	require.NoError(t, err)
	require.Equal(t, "dirty", states[0].String())
	require.ErrorContains(t, migrations.Up(t.Context(), db.URL), "migrate force runs")
	require.NoError(t, migrations.Force(t.Context(), db.URL, "runs", int(latest)))
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	requireAll(t, db.URL, "ok")
}

func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyPostgres(t).URL
	latest := migrations.Latest("runs")
	table := func(version uint, state string) string {
		return fmt.Sprintf("SCHEMA  VERSION  LATEST  STATE\nruns    %-7d  %-6d  %s\n", version, latest, state)
	}
	for _, step := range []struct {
		args   string
		code   int
		stdout string
		stderr string // begins so
	}{
		{args: "", code: 2, stderr: "usage: migrate"},
		{args: "sideways", code: 2, stderr: "usage: migrate"},
		{args: "up -fast", code: 2, stderr: "usage: migrate"},
		{args: "to runs", code: 2, stderr: "usage: migrate"},
		{args: "force runs -3", code: 2, stderr: "usage: migrate"},
		{args: "status runs", stdout: table(0, "pending")},
		{args: "up runs", stdout: table(latest, "ok")},
		{args: "up coffee", code: 1, stderr: `migrate: no schema "coffee"`},
		{args: "down runs", code: 1, stderr: "migrate: going down deletes data"},
		{args: "to runs 0", code: 1, stderr: "migrate: going down deletes data"},
		{args: "to -yes runs 0", stdout: table(0, "pending")},
		{args: "up runs", stdout: table(latest, "ok")},
		{args: "down -yes runs", stdout: table(0, "pending")},
		{args: fmt.Sprintf("force runs %d", latest), stdout: table(latest, "ok")},
	} {
		var stdout, stderr strings.Builder
		code := migrations.Command(t.Context(), strings.Fields(step.args), url, &stdout, &stderr)
		require.Equal(t, step.code, code, "%s: %s", step.args, stderr.String())
		require.Equal(t, step.stdout, stdout.String(), step.args)
		require.True(t, strings.HasPrefix(stderr.String(), step.stderr), "%s: %s", step.args, stderr.String())
	}
	require.Equal(t, 2, migrations.Command(t.Context(), []string{"up"}, "", io.Discard, io.Discard), "no DATABASE_URL")
}

func TestAnUnknownSchemaIsAnError(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, migrations.Up(t.Context(), "postgres://h/d", "coffee"), "fairness, ingress, reminder, runs")
}

func TestAFaultyURLIsNotQuoted(t *testing.T) {
	t.Parallel()
	err := migrations.Up(t.Context(), "postgres://bob:hunter2@host:port/d")
	require.ErrorContains(t, err, "DATABASE_URL")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestRolesWorkInTheirOwnSchemaAndSeeNoOther(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	require.NoError(t, migrations.Up(t.Context(), db.URL))
	conn := db.Connect()
	for _, own := range migrations.Schemas() {
		for _, schema := range migrations.Schemas() {
			for _, table := range tables(t, conn, schema) {
				for _, statement := range []string{
					"SELECT * FROM " + table,
					"UPDATE " + table + " SET " + anyColumn(t, conn, table) + " = DEFAULT WHERE false",
					"DELETE FROM " + table + " WHERE false",
				} {
					err := as(t, conn, migrations.Role(own), statement)
					appendOnly := table == "runs.audit" && !strings.HasPrefix(statement, "SELECT")
					if schema == own && !appendOnly {
						require.NoError(t, err, "%s: %s", own, statement)
					} else {
						requireDenied(t, err, "%s: %s", own, statement)
					}
				}
			}
			version := schema + ".schema_migrations"
			if read := as(t, conn, migrations.Role(own), "SELECT * FROM "+version); schema == own {
				require.NoError(t, read)
			} else {
				requireDenied(t, read, "%s reads %s", own, version)
			}
			requireDenied(t, as(t, conn, migrations.Role(own), "DELETE FROM "+version), "%s writes %s", own, version)
			requireDenied(t, as(t, conn, migrations.Role(own), "CREATE TABLE "+schema+".mine ()"), "%s creates in %s", own, schema)
		}
	}
}

func TestTablesBelongToTheOwner(t *testing.T) {
	t.Parallel()
	var foreign int
	require.NoError(t, testkit.Postgres(t).Connect().QueryRow(t.Context(),
		`SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		 WHERE nspname = ANY($1) AND (pg_get_userbyid(relowner) <> $2 OR pg_get_userbyid(nspowner) <> $2)`,
		migrations.Schemas(), migrations.Owner).Scan(&foreign))
	require.Zero(t, foreign)
}

// Roles belong to the whole server, so this one is the test's own.
func TestAFreshServer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	t.Parallel()
	pg, err := server.StartPostgres(t.Context(), server.PostgresConfig{Dir: filepath.Join(keeperDir(t), "postgres"), Unsafe: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, pg.Kill()) }()
	root, err := pgx.Connect(t.Context(), pg.URL)
	require.NoError(t, err)
	defer root.Close(t.Context())
	for _, sql := range []string{
		"CREATE ROLE plain LOGIN PASSWORD 'p'", "CREATE DATABASE plain", // may do nothing
		"CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'p'", "CREATE DATABASE maker", "GRANT CREATE ON DATABASE maker TO maker",
	} {
		_, err := root.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}

	// Who may not make roles is told what to run, and goes on from there without having more rights.
	plain := login(t, pg.URL, "plain", "plain")
	var denied *migrations.PrivilegeError
	require.ErrorAs(t, migrations.Up(t.Context(), plain), &denied)
	require.Contains(t, denied.SQL, `CREATE ROLE coffeebuddy_owner NOLOGIN;`)
	require.Contains(t, denied.SQL, `GRANT coffeebuddy_runs TO "plain";`)
	require.Contains(t, denied.Error(), denied.SQL)
	admin, err := pgx.Connect(t.Context(), login(t, pg.URL, "", "plain"))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), denied.SQL)
	require.NoError(t, err)
	require.NoError(t, admin.Close(t.Context()))
	require.NoError(t, migrations.Up(t.Context(), plain))
	requireAll(t, plain, "ok")
	require.NoError(t, migrations.Down(t.Context(), plain))
	require.NoError(t, migrations.Up(t.Context(), plain))

	// As if no database had been migrated yet.
	for _, sql := range []string{"DROP DATABASE plain", "DROP ROLE plain"} {
		_, err := root.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	for _, role := range append(migrations.Schemas(), "owner") {
		_, err := root.Exec(t.Context(), "DROP ROLE "+migrations.Role(role))
		require.NoError(t, err)
	}
	maker := login(t, pg.URL, "maker", "maker")
	urls := []string{maker, maker}
	for i := range 3 {
		name := fmt.Sprintf("other_%d", i)
		_, err := root.Exec(t.Context(), "CREATE DATABASE "+name)
		require.NoError(t, err)
		urls = append(urls, login(t, pg.URL, "", name), login(t, pg.URL, "", name))
	}
	atOnce(t, len(urls), func(i int) error { return migrations.Up(t.Context(), urls[i]) })
	for _, url := range urls {
		requireAll(t, url, "ok")
	}
}

// login is url with another user (password p; "" the same) and database.
func login(t *testing.T, server, user, database string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	if user != "" {
		u.User = url.UserPassword(user, "p")
	}
	u.Path = "/" + database
	return u.String()
}

func atOnce(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; errs[i] = do(i) })
	}
	close(start)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// as runs a statement as role and takes it back.
func as(t *testing.T, conn *pgx.Conn, role, statement string) error {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
	_, err = tx.Exec(t.Context(), "SET LOCAL ROLE "+role)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), statement)
	return err
}

func requireDenied(t *testing.T, err error, message string, args ...any) {
	t.Helper()
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg, append([]any{message}, args...)...)
	require.Equal(t, "42501", pg.Code, append([]any{message}, args...)...)
}
