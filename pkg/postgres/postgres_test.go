package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://u:p@db:5432/x", "postgresql://u@db/x?sslmode=disable", "postgresql+psycopg://u:p@db/x", "host=db user=u dbname=x",
	} {
		require.Empty(t, postgres.Config{URL: url, MaxConnections: 10}.Validate(), url)
	}
	faults := postgres.Config{URL: "postgres://u:secret@db:port/x", MaxConnections: 1}.Validate()
	require.Len(t, faults, 2)
	require.Equal(t, config.Fault{Variable: "DATABASE_URL", Problem: "is not a PostgreSQL URL"}, faults[0])
	require.Equal(t, "DATABASE_MAX_CONNECTIONS", faults[1].Variable)
	_, err := postgres.Open(postgres.Config{URL: "postgres://u:p@db:port/x"}, "", nil)
	require.Error(t, err)
}

func TestInfrastructure(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		nil:                       false,
		errors.New("a rule"):      false,
		context.Canceled:          false,
		context.DeadlineExceeded:  true,
		io.ErrUnexpectedEOF:       true,
		sql.ErrConnDone:           true,
		sql.ErrNoRows:             false,
		&net.OpError{Op: "read"}:  true,
		&net.DNSError{Name: "db"}: true,
		fmt.Errorf("load run 1: %w", net.ErrClosed): true,
	} {
		require.Equal(t, want, postgres.Infrastructure(err), "%v", err)
	}
	require.Empty(t, postgres.Constraint(nil))
	require.Empty(t, postgres.SQLState(io.EOF))
}
