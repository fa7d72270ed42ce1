package bustest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

const (
	schema = "runs" // any service's will do: all have the bus' and the outbox' tables
	role   = "coffeebuddy_runs"
	soon   = 45 * time.Second
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		os.Exit(runChild(name))
	}
	os.Exit(m.Run())
}

// fixture is a database, a topic, a dead-letter topic and a client of its own.
type fixture struct {
	names
	t       testing.TB
	cluster *testkit.Cluster
	db      *testkit.Database
	pool    *postgres.DB
	client  *bus.Client
	tel     *telemetry.Telemetry
	spans   *testkit.SpanRecorder
	raw     *kgo.Client // knows nothing of pkg/bus

	partitions int

	looking sync.Mutex
	eye     *pgx.Conn
}

// names are what several processes of a test agree on.
type names struct{ Topic, Dead, Group string }

func setup(t testing.TB, partitions int) *fixture {
	t.Helper()
	return setupOn(t, partitions, nil)
}

// setupOn is setup on a given cluster.
func setupOn(t testing.TB, partitions int, cluster *testkit.Cluster) *fixture {
	t.Helper()
	id := strings.ToLower(rand.Text()[:10])
	f := &fixture{t: t, partitions: partitions, names: names{Topic: "bustest." + id, Dead: "bustest." + id + ".dead", Group: "bustest-" + id}}
	topics := []bus.Topic{{Name: f.Topic, Partitions: partitions, Replication: 1}, {Name: f.Dead, Partitions: partitions, Replication: 1}}
	if f.cluster = cluster; cluster == nil {
		f.cluster = testkit.Kafka(t, topics...)
	} else {
		cluster.Create(t, topics...)
	}
	f.db = testkit.Postgres(t)
	f.db.Exec(`CREATE TABLE applied (n bigint GENERATED ALWAYS AS IDENTITY, member text, topic text, partition int, "offset" bigint, id text, key text CHECK (key <> 'forbidden'));
		CREATE TABLE channel (key text PRIMARY KEY, seq bigint NOT NULL DEFAULT 0);
		GRANT ALL ON applied, channel TO PUBLIC`)
	f.pool = f.db.Open(role)
	f.tel, f.spans = testkit.Telemetry(t)
	f.client = f.connect(f.cluster.Config())
	var err error
	f.raw, err = kgo.NewClient(kgo.SeedBrokers(f.cluster.Bootstrap...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(f.raw.Close)
	return f
}

func (f *fixture) connect(cfg bus.Config) *bus.Client {
	f.t.Helper()
	client, err := bus.Connect(cfg, "bustest", f.tel)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = client.Close() })
	return client
}

// handler is a bus.Handler.
type handler func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error

func (h handler) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	return h(ctx, tx, records)
}

// apply records each record in the table applied, which does not mind one that is there already.
func apply(member string) handler {
	return func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		for _, r := range records {
			if err := tx.Exec(`INSERT INTO applied (member, topic, partition, "offset", id, key) VALUES (?, ?, ?, ?, ?, ?)`,
				member, r.Topic, r.Partition, r.Offset, r.ID, r.Key).Error; err != nil {
				return fmt.Errorf("apply %s: %w", r, err)
			}
		}
		return nil
	}
}

func (n names) consumer(db *postgres.DB, client *bus.Client, h bus.Handler, options ...func(*bus.ConsumerConfig)) (*bus.Consumer, error) {
	cfg := bus.ConsumerConfig{Group: n.Group, Schema: schema, DeadLetter: n.Dead, Subscriptions: []bus.Subscription{{Topic: n.Topic, Handler: h}}}
	for _, o := range options {
		o(&cfg)
	}
	return client.NewConsumer(db, cfg)
}

// consume runs a consumer until the test ends, or stop is called.
func (f *fixture) consume(h bus.Handler, options ...func(*bus.ConsumerConfig)) (k *bus.Consumer, stop func()) {
	f.t.Helper()
	k, err := f.consumer(f.pool, f.client, h, options...)
	require.NoError(f.t, err)
	return k, background(f.t, k.Run)
}

// background runs a component and checks that it ends without an error when it is stopped.
func background(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(30 * time.Second):
			require.Fail(t, "a component does not stop")
		}
	}
	t.Cleanup(stop)
	return stop
}

func (f *fixture) outbox(pub outbox.Publisher) *outbox.Outbox {
	return outbox.New(f.pool, schema, pub, f.tel)
}

func (n names) message(key, ceType, value string) bus.Message {
	return bus.Message{Topic: n.Topic, Key: key, ID: uuid.NewString(), Type: ceType, Value: []byte(value)}
}

// publish publishes count messages, over as many keys.
func (f *fixture) publish(count int) {
	f.t.Helper()
	var msgs []bus.Message
	for i := range count {
		msgs = append(msgs, f.message(fmt.Sprintf("w/%d", i), "test.Event", strconv.Itoa(i)))
	}
	require.NoError(f.t, f.client.Publish(f.t.Context(), msgs...))
}

// put appends a record as it is to partition 0, without the bus.
func (f *fixture) put(r *kgo.Record) {
	f.t.Helper()
	if r.Topic == "" {
		r.Topic = f.Topic
	}
	require.NoError(f.t, f.raw.ProduceSync(f.t.Context(), r).FirstErr())
}

// read returns the first count records of a topic without the bus, in order per partition.
func (f *fixture) read(topic string, count int) []*kgo.Record {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.Bootstrap...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(f.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(f.t.Context(), soon)
	defer cancel()
	var all []*kgo.Record
	for len(all) < count {
		fetches := client.PollFetches(ctx)
		require.NoError(f.t, ctx.Err(), "%d of %d records in %s", len(all), count, topic)
		all = append(all, fetches.Records()...)
	}
	return all
}

// length returns how many records were ever appended to a topic.
func (f *fixture) length(topic string) int {
	f.t.Helper()
	total, code := f.ends(topic)
	require.Zero(f.t, code)
	return total
}

// ends is length, or the error code of a partition.
func (f *fixture) ends(topic string) (total int, code int16) {
	f.t.Helper()
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	in := kmsg.NewListOffsetsRequestTopic()
	in.Topic = topic
	for p := range f.partitions {
		end := kmsg.NewListOffsetsRequestTopicPartition()
		end.Partition, end.Timestamp = int32(p), -1
		in.Partitions = append(in.Partitions, end)
	}
	request.Topics = append(request.Topics, in)
	response, err := request.RequestWith(f.t.Context(), f.raw)
	require.NoError(f.t, err)
	for _, p := range response.Topics[0].Partitions {
		if p.ErrorCode != 0 {
			return 0, p.ErrorCode
		}
		total += int(p.Offset)
	}
	return total, 0
}

// count looks with a connection of its own, which an outage of the test's pool does not concern.
func (f *fixture) count(sql string, args ...any) int { return look[int](f, sql, args) }

func (f *fixture) text(sql string, args ...any) string { return look[string](f, sql, args) }

func look[T any](f *fixture, sql string, args []any) (v T) {
	f.t.Helper()
	f.looking.Lock()
	defer f.looking.Unlock()
	for try := 0; ; try++ {
		if f.eye == nil || f.eye.IsClosed() {
			f.eye = f.db.Connect()
		}
		err := f.eye.QueryRow(context.Background(), sql, args...).Scan(&v)
		if err != nil && try == 0 && f.eye.IsClosed() {
			continue // after an outage
		}
		require.NoError(f.t, err, sql)
		return v
	}
}

func (f *fixture) applied() int { return f.count("SELECT count(*) FROM applied") }

// eventually is for what others do: it is not a measure of time.
func (f *fixture) eventually(what string, condition func() bool) {
	f.t.Helper()
	require.Eventually(f.t, condition, soon, 10*time.Millisecond, what)
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func errorContains(err error, text string) bool { return strings.Contains(err.Error(), text) }
