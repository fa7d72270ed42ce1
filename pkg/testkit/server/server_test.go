package server_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

// dataDir is a folder of the test's own, and what the server makes of it is removed too.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "postgres")
	real, err := server.PostgresDir(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(real) })
	return dir
}

func start(t *testing.T, cfg server.PostgresConfig) *server.Postgres {
	t.Helper()
	pg, err := server.StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pg.Kill() })
	return pg
}

func exec(t *testing.T, pg *server.Postgres, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestPostgresKeepsItsDataAndSettings(t *testing.T) {
	t.Parallel()
	cfg := server.PostgresConfig{Dir: dataDir(t), Settings: map[string]string{"work_mem": "7MB"}}
	pg := start(t, cfg)
	exec(t, pg, "CREATE TABLE kept AS SELECT current_setting('work_mem') AS work_mem, current_setting('fsync') AS fsync")
	require.NoError(t, pg.Stop())
	<-pg.Exited()
	_, err := pgx.Connect(t.Context(), pg.URL)
	require.Error(t, err)

	pg = start(t, cfg)
	conn, err := pgx.Connect(t.Context(), pg.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var memory, fsync string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT work_mem, fsync FROM kept").Scan(&memory, &fsync))
	require.Equal(t, []string{"7MB", "on"}, []string{memory, fsync})
}

func TestPostgresTakesOverFromAServerLeftBehind(t *testing.T) {
	t.Parallel()
	cfg := server.PostgresConfig{Dir: dataDir(t), Unsafe: true}
	first := start(t, cfg)
	exec(t, first, "CREATE TABLE kept ()")
	second := start(t, cfg)
	<-first.Exited()
	exec(t, second, "SELECT FROM kept")
}

func TestAPortThatIsTakenIsNoFailure(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	pg := start(t, server.PostgresConfig{Dir: dataDir(t), Port: port, Unsafe: true})
	require.NotEqual(t, port, pg.Port)
	exec(t, pg, "SELECT 1")
	kafka, err := server.StartKafka(t.Context(), server.KafkaConfig{Port: port})
	require.NoError(t, err)
	defer func() { require.NoError(t, kafka.Stop()) }()
	require.NotContains(t, kafka.Bootstrap, fmt.Sprintf(":%d", port))
}

func TestPostgresSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := server.StartPostgres(t.Context(), server.PostgresConfig{Dir: dataDir(t), Settings: map[string]string{"work_mem": "much"}})
	require.ErrorContains(t, err, "work_mem")

	_, err = server.StartPostgres(t.Context(), server.PostgresConfig{Dir: dataDir(t), Binaries: t.TempDir()})
	require.ErrorContains(t, err, "initdb")

	cfg := server.PostgresConfig{Dir: dataDir(t), Unsafe: true}
	pg := start(t, cfg)
	require.NoError(t, pg.Kill())
	require.NoError(t, os.WriteFile(filepath.Join(pg.Dir, "data", "PG_VERSION"), []byte("9\n"), 0o644))
	_, err = server.StartPostgres(t.Context(), cfg)
	require.ErrorContains(t, err, "made by PostgreSQL 9")
}

func TestKafkaKeepsItsRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kafka, err := server.StartKafka(t.Context(), server.KafkaConfig{Dir: dir})
	require.NoError(t, err)
	create := kmsg.NewPtrCreateTopicsRequest()
	tp := kmsg.NewCreateTopicsRequestTopic()
	tp.Topic, tp.NumPartitions, tp.ReplicationFactor = "kept", 1, 1
	create.Topics = append(create.Topics, tp)
	client := newClient(t, kafka)
	_, err = create.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "kept", Value: []byte("coffee")}).FirstErr())
	require.NoError(t, kafka.Stop())

	kafka, err = server.StartKafka(t.Context(), server.KafkaConfig{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, kafka.Stop()) }()
	records := newClient(t, kafka, kgo.ConsumeTopics("kept")).PollFetches(t.Context()).Records()
	require.Len(t, records, 1)
	require.Equal(t, "coffee", string(records[0].Value))
}

func TestKafkaCreatesNoTopicByItself(t *testing.T) {
	t.Parallel()
	kafka, err := server.StartKafka(t.Context(), server.KafkaConfig{})
	require.NoError(t, err)
	defer func() { require.NoError(t, kafka.Stop()) }()
	require.Error(t, newClient(t, kafka, kgo.UnknownTopicRetries(0)).ProduceSync(t.Context(), &kgo.Record{Topic: "unknown"}).FirstErr())
}

func newClient(t *testing.T, kafka *server.Kafka, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(kafka.Bootstrap))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}
