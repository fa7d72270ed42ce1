package bustest_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

func TestADatabaseOutageBlocksAndParksNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	k, _ := f.consume(apply("one"))
	f.publish(30)
	f.eventually("records are applied", func() bool { return f.applied() == 30 })

	back := f.db.Away()
	f.publish(30)
	f.eventually("readiness names the reason", func() bool {
		err := k.Check(t.Context())
		return err != nil && errorContains(err, "not currently accepting connections")
	})
	require.Zero(t, f.length(f.Dead))
	back()
	f.exactlyOnce(60, soon)
	f.eventually("it is ready again", func() bool { return k.Check(t.Context()) == nil })
}

// The connection is there, and nothing comes: a network that swallows packets.
func TestADatabaseThatDoesNotAnswerBlocksAndParksNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	p := newProxy(t, f.db.URL)
	pool, err := postgres.Open(postgres.Config{URL: p.url, MaxConnections: 5}, role, f.tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	k, err := f.consumer(pool, f.client, apply("one"))
	require.NoError(t, err)
	background(t, k.Run)
	f.publish(30)
	f.eventually("records are applied", func() bool { return f.applied() == 30 })

	p.hang(true)
	f.publish(30)
	<-time.After(time.Second) // for statements to get lost
	require.Equal(t, 30, f.applied())
	p.cut() // at last the system notices; what was in flight may or may not have been committed
	p.hang(false)
	f.exactlyOnce(60, soon)
}

// Whoever waits for such a database waits for less than a minute, also without a limit of his own, and may try again.
func TestADatabaseThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes as long as a server may be silent")
	}
	f := setup(t, 1)
	p := newProxy(t, f.db.URL)
	pool, err := postgres.Open(postgres.Config{URL: p.url, MaxConnections: 5}, role, f.tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	ctx := context.WithoutCancel(t.Context())

	begun := time.Now()
	var ready, silent sync.WaitGroup
	ended := make(chan error, 3)
	ready.Add(3)
	silent.Add(1)
	hanging := func(ask func(tx *postgres.Tx) error) {
		go func() {
			ended <- pool.InTx(ctx, func(tx *postgres.Tx) error {
				ready.Done()
				silent.Wait()
				return ask(tx)
			})
		}()
	}
	hanging(func(tx *postgres.Tx) error { return tx.Exec("SELECT 1").Error })
	hanging(func(tx *postgres.Tx) error { _, err := tx.Pgx().Exec(ctx, "SELECT 1"); return err })
	hanging(func(*postgres.Tx) error { return nil }) // its commit
	ready.Wait()
	p.hang(true)
	silent.Done()
	for range cap(ended) {
		err := <-ended
		require.True(t, postgres.Infrastructure(err), "%v", err)
	}
	require.Less(t, time.Since(begun), time.Minute)
	begun = time.Now()
	err = pool.Read(ctx).Exec("SELECT 1").Error
	require.True(t, postgres.Infrastructure(err), "%v", err)
	require.Less(t, time.Since(begun), time.Minute)
	p.hang(false)
	require.NoError(t, pool.Read(ctx).Exec("SELECT 1").Error)
}

func TestABrokerOutageIsSurvived(t *testing.T) {
	t.Parallel()
	f, stop, start := outage(t)
	box := f.outbox(f.client)
	background(t, box.Run)
	k, _ := f.consume(apply("one"))
	for range 20 {
		require.NoError(t, f.write(box, "w/1"))
	}
	f.eventually("events are applied", func() bool { return f.applied() >= 20 })

	stop()
	for range 20 { // users go on
		require.NoError(t, f.write(box, "w/1"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.Error(t, f.client.Publish(ctx, f.message("w/2", "test.Event", "1")), "nobody acknowledged it")
	require.Error(t, f.client.Check(ctx))
	<-time.After(3 * time.Second)
	start()
	begun := time.Now()
	f.eventually("the outbox is empty", func() bool { return f.count("SELECT count(*) FROM runs.outbox") == 0 })
	f.eventually("all events are applied", func() bool { return f.count("SELECT count(DISTINCT id) FROM applied WHERE key = 'w/1'") == 40 })
	t.Logf("everything caught up %s after an outage of 3.5 s", time.Since(begun).Round(10*time.Millisecond))
	f.eventually("it is ready", func() bool { return k.Check(t.Context()) == nil && f.client.Check(t.Context()) == nil })
	require.Zero(t, f.length(f.Dead))
	require.Equal(t, f.applied(), f.count(`SELECT count(DISTINCT (partition, "offset")) FROM applied`))
}

// outage returns a broker that can be taken away: the embedded one is stopped and started again with its data; of a
// real one whose process id is in KAFKA_PID_TEST that process is paused.
func outage(t *testing.T) (f *fixture, stop, start func()) {
	t.Helper()
	if os.Getenv("KAFKA_BOOTSTRAP_TEST") != "" {
		pid, err := strconv.Atoi(os.Getenv("KAFKA_PID_TEST"))
		if err != nil {
			t.Skip("KAFKA_PID_TEST does not name the broker's process")
		}
		f = setup(t, 2)
		return f, func() { require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) }, func() { require.NoError(t, syscall.Kill(pid, syscall.SIGCONT)) }
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := server.KafkaConfig{Dir: t.TempDir(), Port: listener.Addr().(*net.TCPAddr).Port}
	require.NoError(t, listener.Close())
	var broker *server.Kafka
	start = func() {
		require.Eventually(t, func() bool { broker, err = server.StartKafka(context.Background(), cfg); return err == nil }, soon, 50*time.Millisecond)
	}
	stop = func() { require.NoError(t, broker.Stop()) }
	start()
	t.Cleanup(func() { _ = broker.Stop() })
	return setupOn(t, 2, &testkit.Cluster{Bootstrap: []string{broker.Bootstrap}}), stop, start
}

// A handler that asks for the impossible is retried only as long as this process has the partition.
func TestStoppingEndsARetry(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	var tries atomic.Int64
	k, stop := f.consume(handler(func(context.Context, *postgres.Tx, []*bus.Record) error {
		tries.Add(1)
		return context.DeadlineExceeded
	}))
	f.publish(1)
	f.eventually("it is retried", func() bool { return tries.Load() > 2 })
	begun := time.Now()
	stop()
	require.Less(t, time.Since(begun), 3*time.Second)
	require.Error(t, k.Check(t.Context()))
	require.Zero(t, f.length(f.Dead))
	require.Zero(t, f.applied())
}

func TestStoppingFinishesTheTransactionUnderWay(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	in := make(chan struct{}, 1)
	_, stop := f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		in <- struct{}{}
		<-time.After(500 * time.Millisecond)
		return apply("one")(ctx, tx, records)
	}))
	f.publish(1)
	<-in
	stop()
	f.exactlyOnce(1, soon)
}

func TestAStuckPartitionStallsNoOther(t *testing.T) {
	t.Parallel()
	f := setup(t, 2)
	k, _ := f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		if records[0].Partition == 0 {
			return errors.Join(errors.New("something it needs is away"), context.DeadlineExceeded)
		}
		return apply("one")(ctx, tx, records)
	}))
	f.publish(40)
	f.eventually("the other partition is applied", func() bool { return f.applied() > 5 })
	f.eventually("readiness names it", func() bool {
		err := k.Check(t.Context())
		return err != nil && errorContains(err, "1 of topic "+f.Topic+"'s partitions: something it needs is away")
	})
	require.Zero(t, f.count("SELECT next_offset FROM runs.consumer_position WHERE consumer_group = $1 AND partition = 0", f.Group))
}
