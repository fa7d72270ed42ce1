package testkit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/migrations"
)

// fillEveryTable writes a row into each table of our schemas that has none, whatever its columns and constraints
// are, and returns the number of rows by table. So the tests of migrations cover tables they have never heard of.
func fillEveryTable(t *testing.T, url string) map[string]int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "SET session_replication_role = replica") // foreign keys are not looked at
	require.NoError(t, err)
	counts := map[string]int{}
	for _, schema := range migrations.Schemas() {
		for _, table := range tables(t, conn, schema) {
			if count(t, conn, table) == 0 {
				fill(t, conn, table)
			}
			counts[table] = count(t, conn, table)
			require.Positive(t, counts[table], table)
		}
	}
	return counts
}

func countRows(t *testing.T, url string) map[string]int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	counts := map[string]int{}
	for _, schema := range migrations.Schemas() {
		for _, table := range tables(t, conn, schema) {
			counts[table] = count(t, conn, table)
		}
	}
	return counts
}

func tables(t *testing.T, conn *pgx.Conn, schema string) []string {
	t.Helper()
	return query(t, conn, `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = $1 AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations' ORDER BY 1`, schema)
}

func anyColumn(t *testing.T, conn *pgx.Conn, table string) string {
	t.Helper()
	return columns(t, conn, table)[0].name
}

func count(t *testing.T, conn *pgx.Conn, table string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func query(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

type column struct {
	name, kind string
	candidates []string // SQL literals
}

// fill finds a row that the table's CHECKs accept: it begins anywhere and, as long as one is violated, changes one of
// the columns that one speaks of. Candidates are values usual for the type and the literals in the CHECKs.
func fill(t *testing.T, conn *pgx.Conn, table string) {
	t.Helper()
	all := columns(t, conn, table)
	random := rand.New(rand.NewPCG(1, uint64(len(table))))
	row := make([]string, len(all))
	for i, c := range all {
		row[i] = c.candidates[0]
	}
	var violated string
	for range 5000 {
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.name
		}
		_, err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(row, ", ")))
		if err == nil {
			return
		}
		var pg *pgconn.PgError
		require.True(t, errors.As(err, &pg) && (pg.Code == "23514" || pg.Code == "23502"), "row for %s: %v", table, err)
		violated = pg.Message
		speaksOf := []string{pg.ColumnName} // of a NOT NULL
		if pg.ConstraintName != "" {
			speaksOf = query(t, conn, `SELECT quote_ident(attname) FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)
				WHERE conrelid = $1::regclass AND conname = $2`, table, pg.ConstraintName)
		}
		name := speaksOf[random.IntN(len(speaksOf))]
		for i, c := range all {
			if c.name == name {
				row[i] = c.candidates[random.IntN(len(c.candidates))]
			}
		}
	}
	t.Fatalf("no row found for %s: %s", table, violated)
}

var literals = regexp.MustCompile(`'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b`)

func columns(t *testing.T, conn *pgx.Conn, table string) []column {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT quote_ident(attname), format_type(atttypid, NULL), attnotnull,
			coalesce((SELECT string_agg(pg_get_constraintdef(c.oid), ' ') FROM pg_constraint c
				WHERE conrelid = attrelid AND contype = 'c' AND attnum = ANY(conkey)), '')
		FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity <> 'a' AND attgenerated = ''
		ORDER BY attnum`, table)
	require.NoError(t, err)
	var all []column
	var kind, checks string
	var notNull bool
	var c column
	_, err = pgx.ForEachRow(rows, []any{&c.name, &kind, &notNull, &checks}, func() error {
		next := column{name: c.name, kind: kind, candidates: usual(kind)}
		for _, literal := range literals.FindAllString(checks, -1) {
			if usable(kind, literal) {
				next.candidates = append(next.candidates, literal+"::"+kind)
			}
		}
		if !notNull {
			next.candidates = append(next.candidates, "NULL")
		}
		all = append(all, next)
		return nil
	})
	require.NoError(t, err)
	return all
}

// usual are values of a type that a table is likely to accept.
func usual(kind string) []string {
	values := map[string][]string{
		"text":                     {"'a'", "''", "'C0123/U0123'", "gen_random_uuid()::text"},
		"boolean":                  {"false", "true"},
		"uuid":                     {"gen_random_uuid()"},
		"bytea":                    {`'\x01'`, `''`},
		"jsonb":                    {"'{}'", "'[]'"},
		"json":                     {"'{}'", "'[]'"},
		"date":                     {"current_date", "current_date + 1"},
		"timestamp with time zone": {"now()", "now() + interval '1 hour'", "now() - interval '1 hour'", "now() + interval '2 hours'"},
		"interval":                 {"interval '1 minute'", "interval '1 hour'"},
	}
	if v, ok := values[kind]; ok {
		return v
	}
	switch {
	case strings.HasSuffix(kind, "[]"):
		return []string{"'{}'", "'{1}'"}
	case numeric(kind):
		return []string{"1", "0", "5", "30", "100", "-1"}
	default:
		return []string{"'a'", "'1'"}
	}
}

func numeric(kind string) bool {
	switch kind {
	case "smallint", "integer", "bigint", "numeric", "real", "double precision":
		return true
	}
	return false
}

// usable reports whether a literal from a CHECK can be a value of the type.
func usable(kind, literal string) bool {
	quoted := strings.HasPrefix(literal, "'")
	return kind == "text" && quoted || numeric(kind) && !quoted
}
