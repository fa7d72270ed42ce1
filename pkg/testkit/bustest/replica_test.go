package bustest_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
)

// exactlyOnce waits until every record of the topic is applied and checks that each was applied once, in order.
func (f *fixture) exactlyOnce(count int, within time.Duration) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		return f.count(`SELECT count(DISTINCT (partition, "offset")) FROM applied`) == count
	}, within, 50*time.Millisecond, "every record is applied")
	require.Equal(f.t, count, f.applied(), "some record was applied twice")
	require.Equal(f.t, count, f.count("SELECT sum(next_offset) FROM runs.consumer_position WHERE consumer_group = $1", f.Group))
	require.Zero(f.t, f.count(`SELECT count(*) FROM (SELECT "offset" < lag("offset") OVER (PARTITION BY partition ORDER BY n) AS back FROM applied) AS x WHERE back`), "some record was applied before an earlier one")
	require.Zero(f.t, f.length(f.Dead))
}

// Two replicas of a consumer, while records flow: one is killed, one joins, one is paused for longer than its session
// and comes back, one leaves.
func TestReplicasApplyEachRecordOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, 6)
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n += 3 {
			var msgs []bus.Message
			for i := range 3 {
				msgs = append(msgs, f.message(fmt.Sprintf("w/%d", (n+i)%50), "test.Event", fmt.Sprint(n+i)))
			}
			if err := f.client.Publish(context.Background(), msgs...); err != nil {
				t.Error(err)
			}
			<-time.After(10 * time.Millisecond)
		}
		published <- n
	}()
	members := func(names ...string) {
		t.Helper()
		mark := f.count("SELECT coalesce(max(n), 0) FROM applied")
		f.eventually(fmt.Sprint(names, " share the partitions"), func() bool {
			return f.count("SELECT count(DISTINCT member) FROM applied WHERE n > $1 AND member = ANY($2)", mark, names) == len(names) &&
				f.count("SELECT count(DISTINCT partition) FROM applied WHERE n > $1", mark) == 6
		})
	}
	a := f.start("consumer", "a")
	f.start("consumer", "b")
	members("a", "b")

	a.signal(syscall.SIGKILL)
	c := f.start("consumer", "c")
	members("b", "c")

	c.signal(syscall.SIGSTOP) // in the middle of a transaction, very likely
	members("b")
	mark := f.count("SELECT max(n) FROM applied")
	f.eventually("b has every partition", func() bool {
		return f.count("SELECT count(DISTINCT partition) FROM applied WHERE n > $1 AND member = 'b'", mark) == 6
	})
	c.signal(syscall.SIGCONT)
	members("b", "c")

	d := f.start("consumer", "d")
	members("b", "c", "d")
	d.signal(syscall.SIGKILL)
	members("b", "c")

	cancel()
	count := <-published
	f.exactlyOnce(count, soon)
	t.Logf("%d records, each applied once, by a (killed), b, c (paused for longer than its session), d (killed)", count)
}

// A member that is paused keeps what it was about to do. Its successor takes over, and when it wakes, a ghost that knows
// nothing of that, it must not do it again. In the middle of its transaction it also holds the lock of the position,
// until the server ends that transaction.
func TestAGhostCannotApplyTwice(t *testing.T) {
	t.Parallel()
	for part, when := range map[string]string{"ghost": "in the middle of its transaction", "sleeper": "before its transaction"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1)
			ghost := f.start(part, "ghost")
			f.publish(10)
			f.eventually("the first records are applied", func() bool { return f.applied() == 10 })
			require.NoError(t, f.client.Publish(t.Context(), f.message("w/x", "test.Stop", "")))
			ghost.awaitStop()
			f.publish(10)
			require.Equal(t, 10, f.applied(), "the ghost has not committed")

			heir := f.start("consumer", "heir")
			f.exactlyOnce(21, soon)
			ghost.signal(syscall.SIGCONT)
			f.publish(50)
			f.exactlyOnce(71, soon)
			heir.signal(syscall.SIGKILL) // now the ghost is of use again
			f.publish(10)
			f.exactlyOnce(81, soon)
			require.Equal(t, "heir", f.text(`SELECT member FROM applied WHERE "offset" = 10`))
		})
	}
}

func TestACrashBetweenCommitAndPublishLosesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	writer := f.start("writer", "writer")
	state, err := writer.cmd.Process.Wait()
	require.NoError(t, err)
	require.Equal(t, syscall.SIGKILL, state.Sys().(syscall.WaitStatus).Signal())
	require.Positive(t, f.count("SELECT count(*) FROM runs.outbox WHERE payload = '10'"), "the last event was committed and not published")

	background(t, f.outbox(f.client).Run)
	f.eventually("the outbox is empty", func() bool { return f.count("SELECT count(*) FROM runs.outbox") == 0 })
	inOrder(t, f.read(f.Topic, f.length(f.Topic)), map[string]int{"w/crash": 10})
}
