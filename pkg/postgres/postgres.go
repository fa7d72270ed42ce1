// Package postgres is the product's way to PostgreSQL: GORM over pgx, transactions that are tried again when the
// server asks for it, and errors sorted into those of the surroundings and those of the data.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Config says where the database is.
type Config struct {
	URL            string `env:"DATABASE_URL" required:"true" secret:"true" example:"postgres://coffeebuddy:password@postgres:5432/coffeebuddy" desc:"PostgreSQL; a postgresql+psycopg:// prefix is accepted too"`
	MaxConnections int    `env:"DATABASE_MAX_CONNECTIONS" default:"10" desc:"Most connections this process opens, besides three of the outbox"`
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if _, err := c.parse(); err != nil {
		// pgx's text may quote the URL; the example says enough.
		faults = append(faults, config.Fault{Variable: "DATABASE_URL", Problem: "is not a PostgreSQL URL"})
	}
	if c.MaxConnections < 2 {
		faults = append(faults, config.Fault{Variable: "DATABASE_MAX_CONNECTIONS", Problem: fmt.Sprintf("is %d, less than 2", c.MaxConnections), Example: "10"})
	}
	return faults
}

func (c Config) parse() (*pgx.ConnConfig, error) {
	url := c.URL
	if scheme, rest, ok := strings.Cut(url, "://"); ok {
		// SQLAlchemy writes the driver's name into the scheme: postgresql+psycopg://
		scheme, _, _ = strings.Cut(scheme, "+")
		url = scheme + "://" + rest
	}
	return pgx.ParseConfig(url)
}

// Limits that the server enforces for us: a process that is paused or cut off in the middle of a transaction must not
// keep its locks, because its successor waits for them. Both are shorter than a consumer group's session.
const (
	idleInTransaction = 5 * time.Second
	statementLimit    = 30 * time.Second
	connectLimit      = 5 * time.Second
	slow              = 500 * time.Millisecond // statements that take longer are logged
)

// DB is a pool of connections that all act as one role.
type DB struct {
	sql    *sql.DB
	gorm   *gorm.DB
	config *pgx.ConnConfig
	log    *slog.Logger
}

// Open prepares a pool. It does not connect: a database that is away is a red readiness, not a crash.
// Every connection acts as role, of which the user in the URL is a member; "" leaves it the user itself.
func Open(cfg Config, role string, tel *telemetry.Telemetry) (*DB, error) {
	parsed, err := cfg.parse()
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	params := map[string]string{
		"idle_in_transaction_session_timeout": milliseconds(idleInTransaction),
		"statement_timeout":                   milliseconds(statementLimit),
		"timezone":                            "UTC",
		// Left to itself the server plans queries over arrays anew each time, which costs more than running them.
		// Ours are written so that one plan is good for all.
		"plan_cache_mode": "force_generic_plan",
	}
	if role != "" {
		params["role"] = role
	}
	if parsed.ConnectTimeout == 0 {
		parsed.ConnectTimeout = connectLimit
	}
	parsed.DialFunc = impatient(parsed.DialFunc, silence)
	return open(parsed, params, max(cfg.MaxConnections, 2), tel.Log)
}

// Sibling prepares a further pool to the same database as the same role, with connections of its own so that it can
// neither starve nor be starved, and with further run-time parameters.
func (db *DB) Sibling(connections int, params map[string]string) (*DB, error) {
	return open(db.config.Copy(), params, connections, db.log)
}

func open(cfg *pgx.ConnConfig, params map[string]string, connections int, log *slog.Logger) (*DB, error) {
	maps.Copy(cfg.RuntimeParams, params)
	cfg.Tracer = slowLog{log}
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	g, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: pool}), &gorm.Config{
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		NowFunc:                func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("gorm: %w", err)
	}
	return &DB{sql: pool, gorm: g, config: cfg, log: log}, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Read is for single statements outside a transaction.
func (db *DB) Read(ctx context.Context) *gorm.DB { return db.gorm.WithContext(ctx) }

// Close closes every connection that is not in use.
func (db *DB) Close() error { return db.sql.Close() }

// Check reports why the database cannot be used: not reachable, or the migrations of schema are below the version
// that the caller needs (later ones are fine) or ended half-way.
func (db *DB) Check(ctx context.Context, schema string, needs uint) error {
	var version int64
	var dirty bool
	err := db.sql.QueryRowContext(ctx, "SELECT version, dirty FROM "+pgx.Identifier{schema, "schema_migrations"}.Sanitize()+" LIMIT 1").Scan(&version, &dirty)
	switch {
	case err == sql.ErrNoRows || isUndefined(err):
		return fmt.Errorf("schema %s: not migrated, version %d is needed", schema, needs)
	case err != nil:
		return fmt.Errorf("schema %s: %w", schema, err)
	case dirty:
		return fmt.Errorf("schema %s: migration %d ended half-way", schema, version)
	case version < int64(needs):
		return fmt.Errorf("schema %s: migrated to version %d, version %d is needed", schema, version, needs)
	}
	return nil
}
