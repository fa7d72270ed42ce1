package testkit_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

func TestPostgresGivesEachTestADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := testkit.Postgres(t), testkit.Postgres(t)
	a.Exec("INSERT INTO runs.consumer_position (consumer_group, topic, partition, next_offset) VALUES ('g', 't', 0, 1)")
	count := func(db *testkit.Database) (n int) {
		require.NoError(t, db.Connect().QueryRow(t.Context(), "SELECT count(*) FROM runs.consumer_position").Scan(&n))
		return n
	}
	require.Equal(t, 1, count(a))
	require.Equal(t, 0, count(b))
}

func TestPostgresIsDroppedWithTheTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("test", func(t *testing.T) { name = testkit.Postgres(t).Name })
	var exists bool
	require.NoError(t, testkit.EmptyPostgres(t).Connect().
		QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists))
	require.False(t, exists)
}

func TestOpenActsAsTheRole(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t).Open(migrations.Role("runs"))
	var role string
	require.NoError(t, db.Read(t.Context()).Raw("SELECT current_user").Scan(&role).Error)
	require.Equal(t, "coffeebuddy_runs", role)
	require.NoError(t, db.Check(t.Context(), "runs", migrations.Latest("runs")))
	require.ErrorContains(t, db.Check(t.Context(), "runs", 999999), "version 999999 is needed")
}

func TestAwayIsAnOutage(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Open(migrations.Role("runs"))
	one := func() error { return pool.Read(t.Context()).Exec("SELECT 1").Error }
	require.NoError(t, one())
	back := db.Away()
	err := one()
	require.Error(t, err)
	require.True(t, postgres.Infrastructure(err), "%v", err)
	back()
	require.NoError(t, one())
}

// TestHelperProcess is what the test processes do that tests of the shared server start; by itself it is a test too.
func TestHelperProcess(t *testing.T) {
	var port string
	require.NoError(t, testkit.Postgres(t).Connect().QueryRow(t.Context(), "SHOW port").Scan(&port))
	t.Log("PORT=" + port + "=")
}

// helper is a test process that uses the server of dir.
func helper(dir, linger string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "COFFEEBUDDY_TESTKIT_DIR="+dir, "COFFEEBUDDY_TESTKIT_LINGER="+linger, "DATABASE_URL_TEST=")
	return cmd
}

// useServer uses the shared server of dir from a test process of its own, and returns the server's port.
func useServer(t *testing.T, dir, linger string) string {
	t.Helper()
	out, err := helper(dir, linger).CombinedOutput()
	parts := strings.Split(string(out), "PORT=")
	if err != nil || len(parts) != 2 {
		t.Errorf("%v\n%s", err, out)
		return ""
	}
	port, _, _ := strings.Cut(parts[1], "=")
	return port
}

func TestServerIsSharedAndEndsWithItsLastUser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	t.Parallel()
	dir := keeperDir(t)
	ports := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ports {
		wg.Go(func() { ports[i] = useServer(t, dir, "1s") })
	}
	wg.Wait()
	require.NotEmpty(t, ports[0])
	for _, p := range ports {
		require.Equal(t, ports[0], p, "all at once share one server: %v", ports)
	}
	gone := func() bool {
		conn, err := pgx.Connect(t.Context(), "postgres://postgres@127.0.0.1:"+ports[0]+"/postgres?sslmode=disable&connect_timeout=1")
		if err == nil {
			_ = conn.Close(t.Context())
		}
		_, left := os.Stat(filepath.Join(dir, "postgres"))
		return err != nil && strings.Contains(err.Error(), "refused") && errors.Is(left, os.ErrNotExist)
	}
	require.Eventually(t, gone, 20*time.Second, 100*time.Millisecond)
}

// A server that does not answer at the moment, because it has too many connections, must not be given up.
func TestTheServerOfALiveKeeperIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keeper, err := os.Create(filepath.Join(dir, "keeper"))
	require.NoError(t, err)
	defer keeper.Close()
	require.NoError(t, syscall.Flock(int(keeper.Fd()), syscall.LOCK_EX))
	const away = "postgres://127.0.0.1:1/postgres"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "url"), []byte(away), 0o600))
	out, err := helper(dir, "1s").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "127.0.0.1:1")
	url, err := os.ReadFile(filepath.Join(dir, "url"))
	require.NoError(t, err)
	require.Equal(t, away, string(url))
}

func TestAKilledKeeperIsReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	t.Parallel()
	dir := keeperDir(t)
	require.NotEmpty(t, useServer(t, dir, "1m"))
	text, err := os.ReadFile(filepath.Join(dir, "keeper"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.NotEmpty(t, useServer(t, dir, "100ms"))
	require.Eventually(t, func() bool {
		_, left := os.Stat(filepath.Join(dir, "postgres"))
		return errors.Is(left, os.ErrNotExist)
	}, 20*time.Second, 100*time.Millisecond)
}

// keeperDir is a folder that the unprivileged server of a test run by root can enter.
func keeperDir(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		return t.TempDir()
	}
	require.NoError(t, os.MkdirAll("/var/lib/coffeebuddy", 0o755))
	dir, err := os.MkdirTemp("/var/lib/coffeebuddy", "testkit-test-") //nolint:usetesting // t.TempDir is closed to others
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
