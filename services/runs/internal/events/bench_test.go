package events_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/events"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/store"
)

// BenchmarkCommands applies commands of 2000 channels, 8 partitions at a time, each in transactions of as many commands
// as the name says, with their events through the outbox to a broker that takes everything.
// A run is 8 commands: started, six orders, cancelled. DATABASE_URL_TEST names a server with fsync on to compare with pgbench.
func BenchmarkCommands(b *testing.B) {
	for _, size := range []int{1, 8, 50} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) { benchmarkCommands(b, size) })
	}
}

const partitions, channelsEach = 8, 250

func benchmarkCommands(b *testing.B, size int) {
	kit := testkit.Postgres(b)
	tel, err := telemetry.New("runs", "bench", telemetry.Config{}, io.Discard)
	require.NoError(b, err)
	db, err := postgres.Open(postgres.Config{URL: kit.URL, MaxConnections: 10}, store.Role, tel)
	require.NoError(b, err)
	defer db.Close()
	settings, err := run.DefaultSettings(5*time.Minute, 5)
	require.NoError(b, err)
	broker := &taker{}
	box := outbox.New(db, store.Schema, broker, tel)
	recorder, err := events.NewRecorder(db, store.New(db, settings), box, tel, time.Now)
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx) }()

	sources := make([]*source, partitions)
	for p := range sources {
		sources[p] = newSource(b, kit, p)
	}
	handler := events.Commands{Recorder: recorder}
	batches := b.N/size + 1
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for _, s := range sources {
		wg.Go(func() {
			for next.Add(1) <= int64(batches) {
				records := s.records(size)
				err := db.InTxAfter(ctx, []postgres.Statement{s.move(size)}, func(tx *postgres.Tx) error {
					return handler.Handle(ctx, tx, records)
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(batches*size)/b.Elapsed().Seconds(), "commands/s")
	require.Eventually(b, func() bool { return broker.taken.Load() >= int64(batches*size) }, time.Minute, 10*time.Millisecond, "all published")
	stop()
	require.NoError(b, <-ended)
	require.Zero(b, broker.rejected.Load())
}

// taker is a broker that takes everything.
type taker struct{ taken, rejected atomic.Int64 }

func (t *taker) Publish(_ context.Context, msgs ...bus.Message) error {
	for _, m := range msgs {
		if strings.HasSuffix(m.Type, ".CommandRejected") {
			t.rejected.Add(1)
		}
	}
	t.taken.Add(int64(len(msgs)))
	return nil
}

// source makes the commands of one partition: of one channel after the other.
type source struct {
	b         testing.TB
	partition int
	offset    int64
	runs      [channelsEach]uuid.UUID
}

func newSource(b testing.TB, kit *testkit.Database, partition int) *source {
	kit.Exec("INSERT INTO runs.consumer_position (consumer_group, topic, partition, next_offset) VALUES ('runs', $1, $2, 0)", topic.Commands, partition)
	return &source{b: b, partition: partition}
}

// move is the statement with which the bus moves the position.
func (s *source) move(n int) postgres.Statement {
	return postgres.Statement{
		SQL: `UPDATE runs.consumer_position SET next_offset = $5, updated_at = now()
			WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $4`,
		Args: []any{"runs", topic.Commands, s.partition, s.offset - int64(n), s.offset},
	}
}

func (s *source) records(n int) []*bus.Record {
	records := make([]*bus.Record, n)
	for i := range records {
		channel, step := int(s.offset)%channelsEach, int(s.offset)/channelsEach%8
		if step == 0 {
			s.runs[channel] = uuid.Must(uuid.NewV7())
		}
		id := s.runs[channel].String()
		command := &commandv1.Command{
			Actor: &commandv1.Actor{UserId: fmt.Sprint("U", step)}, ChannelId: fmt.Sprintf("C%d-%d", s.partition, channel), IssuedAt: timestamppb.Now(),
		}
		switch step {
		case 0:
			command.What = &commandv1.Command_StartRun{StartRun: &commandv1.StartRun{RunId: id, Place: "Lobby café"}}
		case 7:
			command.Actor.UserId = "U0"
			command.What = &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{RunId: id}}
		default:
			command.What = &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{RunId: id, Drink: "Flat white, oat milk", RememberAsUsual: true}}
		}
		records[i] = record(s.b, command)
		s.offset++
	}
	return records
}
