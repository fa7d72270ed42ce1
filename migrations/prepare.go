package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Owner owns every schema and table. Nobody logs in as it; migrations run as it.
const Owner = "coffeebuddy_owner"

// Role returns the role that a service works as: it may read and write the rows of its own schema and see no other.
// Nobody logs in as it; logins (a developer's, the platform's, Vault's) are members.
func Role(schema string) string { return "coffeebuddy_" + schema }

// PrivilegeError says that the login may not create what is missing.
type PrivilegeError struct {
	SQL string // what someone who may has to run, once, in this database
	Err error
}

func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("the login may not create roles and schemas (%v); have this run in the database by someone who may, then migrate again:\n\n%s", e.Err, e.SQL)
}

func (e *PrivilegeError) Unwrap() error { return e.Err }

// prepare makes what is missing of roles, memberships and schemas, and grants each service its own schema.
// Roles belong to the whole cluster, where migrators of other databases may be doing the same at this moment: what
// collides with them is looked at again. Where nothing is missing, no privilege is needed for that.
func prepare(ctx context.Context, conn *pgx.Conn, schemas []string) error {
	for attempt := 1; ; attempt++ {
		todo, err := missing(ctx, conn, schemas)
		if err != nil {
			return fmt.Errorf("look for roles and schemas: %w", err)
		}
		if len(todo) == 0 {
			break
		}
		_, err = conn.Exec(ctx, strings.Join(todo, ";\n"))
		switch {
		case err == nil, collides(err) && attempt < 20:
			select {
			case <-time.After(time.Duration(attempt-1) * 5 * time.Millisecond):
			case <-ctx.Done():
			}
		case isCode(err, "42501"):
			return &PrivilegeError{SQL: strings.Join(todo, ";\n") + ";", Err: err}
		default:
			return fmt.Errorf("create roles and schemas: %w", err)
		}
	}
	for _, schema := range schemas {
		err := asOwner(ctx, conn,
			"GRANT USAGE ON SCHEMA "+schema+" TO "+Role(schema),
			"ALTER DEFAULT PRIVILEGES IN SCHEMA "+schema+" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "+Role(schema),
		)
		if err != nil {
			return fmt.Errorf("grant schema %s: %w", schema, err)
		}
	}
	return nil
}

// protect leaves a service only a look at the version of its schema.
func protect(ctx context.Context, conn *pgx.Conn, schema string) error {
	err := asOwner(ctx, conn, "REVOKE INSERT, UPDATE, DELETE ON "+schema+"."+versionTable+" FROM "+Role(schema))
	if err != nil {
		return fmt.Errorf("protect the version: %w", err)
	}
	return nil
}

// missing lists the statements that make the roles, memberships and schemas that are not there.
func missing(ctx context.Context, conn *pgx.Conn, schemas []string) ([]string, error) {
	roles := []string{Owner}
	for _, s := range schemas {
		roles = append(roles, Role(s))
	}
	// From Postgres 16 on a member may not be allowed to SET ROLE.
	const members = `SELECT rolname FROM pg_roles WHERE rolname = ANY($1)
		AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`
	existing, err1 := names(ctx, conn, `SELECT rolname FROM pg_roles WHERE rolname = ANY($1)`, roles)
	member, err2 := names(ctx, conn, members, roles)
	owned, err3 := names(ctx, conn, `SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)
		AND nspowner = (SELECT oid FROM pg_roles WHERE rolname = '`+Owner+`')`, schemas)
	foreign, err4 := names(ctx, conn, `SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)`, schemas)
	var login string
	var superuser bool
	err5 := conn.QueryRow(ctx, `SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&login, &superuser)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}

	var todo []string
	for _, r := range roles {
		if !slices.Contains(existing, r) {
			todo = append(todo, "CREATE ROLE "+r+" NOLOGIN")
		}
		if !slices.Contains(member, r) && !superuser { // a superuser is everything's member
			todo = append(todo, "GRANT "+r+" TO "+pgx.Identifier{login}.Sanitize())
		}
	}
	for _, s := range schemas {
		switch {
		case slices.Contains(owned, s):
		case slices.Contains(foreign, s):
			todo = append(todo, "ALTER SCHEMA "+s+" OWNER TO "+Owner)
		default:
			todo = append(todo, "CREATE SCHEMA "+s+" AUTHORIZATION "+Owner)
		}
	}
	return todo, nil
}

func names(ctx context.Context, conn *pgx.Conn, query string, of []string) ([]string, error) {
	rows, err := conn.Query(ctx, query, of)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// asOwner runs statements as the role Owner, in one transaction.
func asOwner(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	_, err := conn.Exec(ctx, "SET LOCAL ROLE "+Owner+";\n"+strings.Join(statements, ";\n"))
	return err
}

// collides reports whether err comes from another migrator doing the same at the same time:
// 23505 and 42710 it was first, XX000 both changed one catalog row.
func collides(err error) bool { return isCode(err, "23505", "42710", "XX000") }

func isCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}
