package e2e_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// down ends all services and keeps them so.
func (w *world) down() {
	w.t.Helper()
	for _, service := range stack.Services {
		require.NoError(w.t, w.Hold(service))
	}
}

func (w *world) up() {
	w.t.Helper()
	for _, service := range stack.Services {
		w.Release(service)
	}
	w.ready()
}

// What happened after the backup is in Kafka, and would be ahead of what is restored: it is skipped, and the run goes on
// from where it was.
func TestARestoredBackup(t *testing.T) {
	t.Parallel()
	w := begin(t)
	cfg, err := pgx.ParseConfig(w.db.URL)
	require.NoError(t, err)
	cfg.Database = "postgres"
	server, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	backup := w.db.Name + "_backup"
	copyTo := func(from, to string) {
		_, err := server.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", from)
		require.NoError(t, err)
		_, err = server.Exec(t.Context(), "DROP DATABASE IF EXISTS "+to+" WITH (FORCE)")
		require.NoError(t, err)
		_, err = server.Exec(t.Context(), "CREATE DATABASE "+to+" TEMPLATE "+from)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, _ = server.Exec(context.Background(), "DROP DATABASE IF EXISTS "+backup)
		_ = server.Close(context.Background())
	})
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 50m")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 order")
	w.settled()
	w.down()
	copyTo(w.db.Name, backup)
	w.up()

	ana.orders("Ristretto")
	ben.reads("2 orders")
	ana.presses("close")
	w.assigned(ana, ben)
	w.settled()
	w.down()
	copyTo(backup, w.db.Name)
	require.Regexp(t, `runs +coffeebuddy.commands +2\n`, w.tells("positions", "skip"))
	require.Regexp(t, `runs +coffeebuddy.commands +0\n`, w.tells("lag"))
	w.up()

	ana.types("/coffee status")
	ana.reads("only visible to Ana", "1 × Earl Grey (Ben)")
	ana.orders("Mocha")
	ben.reads("Coffee run", "2 orders", "1 × Earl Grey (Ben)", "1 × Mocha (Ana)", "[ Close run ]") // the card is open again
	ana.presses("close")
	w.assigned(ana, ben)
	w.settled()
	require.Zero(t, w.deadLetters())
}
