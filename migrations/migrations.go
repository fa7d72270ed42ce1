// Package migrations holds the SQL of every schema and brings a database to it.
//
// Each service has a schema of its own, named like it, with its files in the folder of that name
// (000001_name.up.sql, 000001_name.down.sql) and its version in <schema>.schema_migrations. A file runs as one
// transaction, as the role Owner, and names its tables with their schema. Schemas and roles are made beforehand
// (see prepare); migrations never create or drop them.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	driver "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

//go:embed */*.sql
var files embed.FS

// Schemas lists the schemas there are, sorted.
func Schemas() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // cannot be: the root of an embedded tree
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Latest returns the version that Up brings schema to; 0 if there is no such schema.
func Latest(schema string) uint {
	var latest uint
	names, _ := fs.Glob(files, path.Join(schema, "*.up.sql"))
	for _, name := range names {
		var version uint
		if _, err := fmt.Sscanf(path.Base(name), "%d_", &version); err == nil {
			latest = max(latest, version)
		}
	}
	return latest
}

// Hash names the content of all migrations: two databases migrated from files with the same hash are alike.
func Hash() string {
	sum := sha256.New()
	for _, schema := range Schemas() {
		names, _ := fs.Glob(files, path.Join(schema, "*.sql"))
		for _, name := range names {
			text, _ := files.ReadFile(name)
			fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// Up makes roles and schemas where they are missing and applies what each schema lacks; none named: all of them.
// It may be repeated and be called by several processes at once; they take turns. A schema that is newer than
// these files (after a release was taken back) is left as it is.
// The login of databaseURL needs CREATEROLE, or roles and schemas that exist: otherwise the error is a *PrivilegeError.
// It must not go through a pooler that shares connections between transactions.
func Up(ctx context.Context, databaseURL string, schemas ...string) error {
	return each(ctx, databaseURL, schemas, func(schema string, m *migrate.Migrate) error {
		switch version, _, err := m.Version(); {
		case err != nil && !errors.Is(err, migrate.ErrNilVersion):
			return err
		case err == nil && version > Latest(schema):
			return nil
		}
		return m.Up()
	})
}

// Down takes the schemas back to nothing, with all data in them. The schemas and roles stay.
func Down(ctx context.Context, databaseURL string, schemas ...string) error {
	return each(ctx, databaseURL, schemas, func(_ string, m *migrate.Migrate) error { return m.Down() })
}

// To takes one schema up or down to version; 0 is nothing.
func To(ctx context.Context, databaseURL, schema string, version uint) error {
	return each(ctx, databaseURL, []string{schema}, func(_ string, m *migrate.Migrate) error {
		if version == 0 {
			return m.Down()
		}
		return m.Migrate(version)
	})
}

// Force records that schema is at version and not dirty, without running anything: after a migration failed
// half-way and its remains were put right by hand.
func Force(ctx context.Context, databaseURL, schema string, version int) error {
	return each(ctx, databaseURL, []string{schema}, func(_ string, m *migrate.Migrate) error { return m.Force(version) })
}

// State is how far a schema is.
type State struct {
	Schema  string
	Version uint // 0: nothing applied
	Latest  uint // what Up brings it to
	Dirty   bool // a migration failed half-way; nothing goes on before someone looked
}

// Status reports on the schemas (none named: all of them) and changes nothing.
func Status(ctx context.Context, databaseURL string, schemas ...string) ([]State, error) {
	schemas, err := known(schemas)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SET ROLE "+Owner); err != nil && !isCode(err, "22023") { // 22023: no such role yet
		return nil, fmt.Errorf("become %s: %w", Owner, err)
	}
	var states []State
	for _, schema := range schemas {
		s := State{Schema: schema, Latest: Latest(schema)}
		table := pgx.Identifier{schema, versionTable}.Sanitize()
		err := conn.QueryRow(ctx, "SELECT version, dirty FROM "+table).Scan(&s.Version, &s.Dirty)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) && !isCode(err, "42P01") { // 42P01: no such table or schema yet
			return nil, fmt.Errorf("schema %s: version: %w", schema, err)
		}
		states = append(states, s)
	}
	return states, nil
}

// versionTable is golang-migrate's own (version bigint, dirty boolean), one in each schema. Services read it.
const versionTable = "schema_migrations"

// each prepares the database and calls do for each schema, under a lock that lets one migrator work at a time.
func each(ctx context.Context, databaseURL string, schemas []string, do func(schema string, m *migrate.Migrate) error) error {
	schemas, err := known(schemas)
	if err != nil {
		return err
	}
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // releases the lock
	// golang-migrate's own lock is one per version table and so lets several migrators into one database.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended('coffeebuddy migrations', 0))"); err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	if err := prepare(ctx, conn, schemas); err != nil {
		return err
	}
	for _, schema := range schemas {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("schema %s: %w", schema, err)
		}
		if err := with(ctx, conn.Config(), schema, do); err != nil {
			return fmt.Errorf("schema %s: %w", schema, err)
		}
		if err := protect(ctx, conn, schema); err != nil {
			return fmt.Errorf("schema %s: %w", schema, err)
		}
	}
	return nil
}

// with calls do with a migrator for schema whose connections run as Owner.
func with(ctx context.Context, cfg *pgx.ConnConfig, schema string, do func(string, *migrate.Migrate) error) error {
	cfg = cfg.Copy()
	cfg.RuntimeParams["role"] = Owner
	target, err := driver.WithInstance(stdlib.OpenDB(*cfg), &driver.Config{SchemaName: schema, MigrationsTable: versionTable})
	if err != nil {
		return err
	}
	from, err := iofs.New(files, schema)
	if err != nil {
		return errors.Join(err, target.Close())
	}
	m, err := migrate.NewWithInstance("embedded", from, schema, target)
	if err != nil {
		return errors.Join(err, target.Close())
	}
	defer m.Close()
	// Between two files, never inside one.
	defer context.AfterFunc(ctx, func() { m.GracefulStop <- true })()
	err = do(schema, m)
	var dirty migrate.ErrDirty
	switch {
	case errors.Is(err, migrate.ErrNoChange):
		return nil
	case errors.As(err, &dirty):
		return fmt.Errorf("version %d failed half-way: see what of it is there, complete or undo it, then `migrate force %s VERSION` with the version it is then at: %w",
			dirty.Version, schema, err)
	case err == nil:
		return ctx.Err() // a graceful stop is no error to the library
	}
	return err
}

func connect(ctx context.Context, databaseURL string) (*pgx.Conn, error) {
	// SQLAlchemy's spelling is accepted everywhere that DATABASE_URL is.
	cfg, err := pgx.ParseConfig(strings.Replace(databaseURL, "postgresql+psycopg://", "postgresql://", 1))
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be read as a connection URL (example: postgres://user:password@host:5432/coffeebuddy)") // err quotes it
	}
	cfg.RuntimeParams["application_name"] = "coffeebuddy-migrate"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

func known(schemas []string) ([]string, error) {
	if len(schemas) == 0 {
		return Schemas(), nil
	}
	for _, s := range schemas {
		if !slices.Contains(Schemas(), s) {
			return nil, fmt.Errorf("no schema %q: there are %s", s, strings.Join(Schemas(), ", "))
		}
	}
	return schemas, nil
}

// String is one word: ok, pending, newer (than these files) or dirty.
func (s State) String() string {
	switch {
	case s.Dirty:
		return "dirty"
	case s.Version < s.Latest:
		return "pending"
	case s.Version > s.Latest:
		return "newer"
	default:
		return "ok"
	}
}
