package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// write commits one event of a channel, numbered in commit order because the channel's row is locked.
func (f *fixture) write(box *outbox.Outbox, channel string) error {
	return f.pool.InTx(f.t.Context(), func(tx *postgres.Tx) error {
		var seq int
		if err := tx.Raw(`INSERT INTO channel (key, seq) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET seq = channel.seq + 1 RETURNING seq`, channel).Scan(&seq).Error; err != nil {
			return err
		}
		return box.Add(f.t.Context(), tx, f.message(channel, "test.Event", strconv.Itoa(seq)))
	})
}

// inOrder checks that a key's events are there without a gap, each for the first time after the one before it.
func inOrder(t testing.TB, records []*kgo.Record, want map[string]int) (repeated int) {
	t.Helper()
	reached := map[string]int{}
	overtaken := 0
	for _, r := range records {
		seq, err := strconv.Atoi(string(r.Value))
		require.NoError(t, err)
		switch key := string(r.Key); {
		case seq == reached[key]+1:
			reached[key] = seq
		case seq <= reached[key]:
			repeated++
		default:
			overtaken++
			reached[key] = seq
		}
	}
	require.Zero(t, overtaken, "events out of order among %d", len(records))
	require.Equal(t, want, reached)
	return repeated
}

func TestEventsOfAChannelArePublishedInCommitOrder(t *testing.T) {
	t.Parallel()
	const channels, writers, events, replicas = 6, 24, 6000, 3
	f := setup(t, 4)
	boxes := make([]*outbox.Outbox, replicas) // of which each flushes what it was told of, so their flushes compete
	for i := range boxes {
		boxes[i] = f.outbox(f.client)
		background(t, boxes[i].Run)
	}
	var left atomic.Int64
	left.Store(events)
	var all sync.WaitGroup
	errs := make([]error, writers)
	begun := time.Now()
	for w := range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 && errs[w] == nil {
				errs[w] = f.write(boxes[rand.IntN(replicas)], fmt.Sprintf("w/%d", rand.IntN(channels)))
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	f.eventually("the outbox is empty", func() bool { return f.count("SELECT count(*) FROM runs.outbox") == 0 })
	took := time.Since(begun)
	want := map[string]int{}
	for i := range channels {
		key := fmt.Sprintf("w/%d", i)
		want[key] = f.count("SELECT seq FROM channel WHERE key = $1", key)
	}
	repeated := inOrder(t, f.read(f.Topic, events), want)
	require.Less(t, repeated, events/20, "flushers publish the same rows")
	t.Logf("%d events of %d channels by %d writers and %d replicas: 0 out of order, %d repeated, %.0f/s", events, channels, writers, replicas, repeated, events/took.Seconds())
}

// flaky fails to publish now and then: before anything was sent, or after it landed.
type flaky struct {
	client *bus.Client
	calls  *atomic.Int64
}

var errFlaky = errors.New("the network failed")

func (f flaky) Publish(ctx context.Context, msgs ...bus.Message) error {
	n := f.calls.Add(1) % 5
	if n == 1 {
		return errFlaky
	}
	if err := f.client.Publish(ctx, msgs...); err != nil || n != 3 {
		return err
	}
	return errFlaky
}

func TestOrderIsKeptWhenPublishingFails(t *testing.T) {
	t.Parallel()
	const rounds, events = 4, 200
	f := setup(t, 2)
	cluster := flaky{client: f.client, calls: &atomic.Int64{}}
	boxes := []*outbox.Outbox{f.outbox(cluster), f.outbox(cluster)}
	for _, box := range boxes {
		background(t, box.Run)
	}
	for range rounds {
		var all sync.WaitGroup
		errs := make([]error, 4)
		for w := range errs {
			all.Go(func() {
				for i := 0; i < events/len(errs) && errs[w] == nil; i++ {
					errs[w] = f.write(boxes[rand.IntN(len(boxes))], "w/busy")
				}
			})
		}
		all.Wait()
		require.NoError(t, errors.Join(errs...))
		f.eventually("the outbox is empty", func() bool { return f.count("SELECT count(*) FROM runs.outbox") == 0 })
	}
	repeated := inOrder(t, f.read(f.Topic, f.length(f.Topic)), map[string]int{"w/busy": rounds * events})
	require.Positive(t, repeated, "nothing failed after it had landed, so nothing was tried")
}

func TestPublishKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	const keys, events = 5, 400
	want := map[string]int{}
	var msgs []bus.Message
	value := make([]byte, 0, 8)
	for i := range events {
		for k := range keys {
			key := fmt.Sprintf("w/%d", k)
			want[key] = i + 1
			msgs = append(msgs, f.message(key, "test.Event", string(strconv.AppendInt(value, int64(i+1), 10))))
		}
	}
	require.NoError(t, f.client.Publish(t.Context(), msgs...))
	require.Zero(t, inOrder(t, f.read(f.Topic, len(msgs)), want))
}

func TestManyLargeMessagesArePublishedInSeveralRequests(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	var msgs []bus.Message
	for range 10 {
		msgs = append(msgs, f.message("w/large", "test.Event", string(make([]byte, 400_000))))
	}
	require.NoError(t, f.client.Publish(t.Context(), msgs...))
	for i, r := range f.read(f.Topic, len(msgs)) {
		require.Equal(t, msgs[i].ID, header(r, "ce_id"))
	}
}

func TestAMessageTooLargeIsRefusedAndHoldsBackOnlyItsKey(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	large := f.message("w/large", "test.Event", string(make([]byte, 2<<20)))
	require.True(t, bus.Refused(f.client.Publish(t.Context(), large)))

	box := f.outbox(f.client)
	require.NoError(t, f.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		return box.Add(t.Context(), tx, large, f.message("w/small", "test.Event", "1"))
	}))
	background(t, box.Run)
	require.Equal(t, "w/small", string(f.read(f.Topic, 1)[0].Key))
	require.Equal(t, 1, f.count("SELECT count(*) FROM runs.outbox"))
}

// halfDead is a cluster that lost the leader of a partition: messages with its keys wait for nothing until time is up.
type halfDead struct {
	client *bus.Client
	dead   atomic.Bool
	waited atomic.Int64
}

func (h *halfDead) Publish(ctx context.Context, msgs ...bus.Message) error {
	var alive []bus.Message
	lost := &bus.Unpublished{Err: context.DeadlineExceeded}
	for i, m := range msgs {
		if h.dead.Load() && strings.HasPrefix(m.Key, "w/dead") {
			lost.Places = append(lost.Places, i)
		} else {
			alive = append(alive, m)
		}
	}
	if err := h.client.Publish(ctx, alive...); err != nil || len(lost.Places) == 0 {
		return err
	}
	h.waited.Add(1)
	<-ctx.Done()
	return lost
}

func TestAPartitionThatIsAwayHoldsBackOnlyItsKeys(t *testing.T) {
	t.Parallel()
	const events, deadKeys = 100, 4 // more than there are flushers
	f := setup(t, 2)
	cluster := &halfDead{client: f.client}
	cluster.dead.Store(true)
	box := f.outbox(cluster)
	background(t, box.Run)
	want := map[string]int{"w/alive": events}
	for i := range events {
		if i < 20 {
			key := fmt.Sprintf("w/dead-%d", i%deadKeys)
			want[key]++
			require.NoError(t, f.write(box, key))
		}
		require.NoError(t, f.write(box, "w/alive"))
		f.eventually("a living key's event is published", func() bool {
			return f.count("SELECT count(*) FROM runs.outbox WHERE key = 'w/alive'") == 0
		})
	}
	require.Less(t, cluster.waited.Load(), int64(events/4), "living keys wait with dead ones")
	cluster.dead.Store(false)
	f.eventually("the outbox is empty", func() bool { return f.count("SELECT count(*) FROM runs.outbox") == 0 })
	require.Zero(t, inOrder(t, f.read(f.Topic, events+20), want))
}

func TestATopicThatIsMissingHoldsBackNothingElse(t *testing.T) {
	t.Parallel()
	f := setup(t, 2)
	lost := f.message("w/1", "test.Event", "1")
	lost.Topic += ".missing"
	err := f.client.Publish(t.Context(), f.message("w/1", "test.Event", "1"), lost, f.message("w/2", "test.Event", "1"), lost)
	require.ErrorContains(t, err, "does not exist")
	var unpublished *bus.Unpublished
	require.ErrorAs(t, err, &unpublished)
	require.Equal(t, []int{1, 3}, unpublished.Places)
	require.Equal(t, 2, f.length(f.Topic))
}

func TestOutboxRefusesWhatCannotBePublished(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	box := f.outbox(f.client)
	for name, m := range map[string]bus.Message{
		"no uuid":  {Topic: f.Topic, Key: "k", ID: "1", Type: "test.Event"},
		"no topic": {Key: "k", ID: uuid.NewString(), Type: "test.Event"},
		"no type":  {Topic: f.Topic, Key: "k", ID: uuid.NewString()},
	} {
		require.Error(t, f.pool.InTx(t.Context(), func(tx *postgres.Tx) error { return box.Add(t.Context(), tx, m) }), name)
	}
	require.NoError(t, f.pool.InTx(t.Context(), func(tx *postgres.Tx) error { return box.Add(t.Context(), tx) }))
}

func TestNothingIsPublishedOfATransactionThatRollsBack(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	box := f.outbox(f.client)
	background(t, box.Run)
	no := errors.New("no")
	require.ErrorIs(t, f.pool.InTx(t.Context(), func(tx *postgres.Tx) error {
		require.NoError(t, box.Add(t.Context(), tx, f.message("w/1", "test.Event", "never")))
		return no
	}), no)
	require.NoError(t, f.write(box, "w/1"))
	require.Equal(t, "1", string(f.read(f.Topic, 1)[0].Value))
	require.Equal(t, 1, f.length(f.Topic))
}
