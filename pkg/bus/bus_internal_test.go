package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// The numbers are those of org.apache.kafka.common.utils.Utils.murmur2, which Java's producers use: a channel stays in its
// partition whoever publishes, and whichever library does it here.
func TestPartitionsAreThoseOfTheJavaClient(t *testing.T) {
	t.Parallel()
	numbers := make([]int, 12)
	for i := range numbers {
		numbers[i] = i
	}
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		require.Equal(t, int(hash&0x7fffffff)%12, partitioner.Balance(kafka.Message{Key: []byte(key)}, numbers...), key)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		nil: false, errors.New("x"): false, context.DeadlineExceeded: false,
		kafka.NotLeaderForPartition: false, kafka.UnknownTopicOrPartition: false, kafka.NotEnoughReplicas: false,
		fmt.Errorf("publish: %w", kafka.MessageSizeTooLarge): true, kafka.TopicAuthorizationFailed: true,
	} {
		require.Equal(t, want, Refused(err), "%v", err)
	}
}

func TestAgainTriesUntilTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tries := 0
		require.ErrorIs(t, again(ctx, func() error { tries++; return kafka.NotLeaderForPartition }), kafka.NotLeaderForPartition)
		require.Greater(t, tries, 6)
		require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)

		tries = 0
		require.NoError(t, again(t.Context(), func() error {
			if tries++; tries < 4 {
				return kafka.LeaderNotAvailable
			}
			return nil
		}))
		require.Equal(t, 4, tries)
		require.ErrorIs(t, again(t.Context(), func() error { return kafka.MessageSizeTooLarge }), kafka.MessageSizeTooLarge)
	})
}

func TestLogsDoNotQuoteTheDatabase(t *testing.T) {
	t.Parallel()
	quoting := &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "oat milk"`}
	require.Equal(t, "SQLSTATE 22P02", kind(fmt.Errorf("place order: %w", quoting)))
	require.Equal(t, "SQLSTATE 23505, constraint one_open_run", kind(&pgconn.PgError{Code: "23505", ConstraintName: "one_open_run", Message: "oat milk"}))
	require.Equal(t, "panic: string", kind(safely(func() error { panic("oat milk") })))
	require.Contains(t, kind(safely(func() error { var s []int; return errors.New(fmt.Sprint(s[3])) })), "index out of range")
	require.Equal(t, "a rule", kind(errors.New("a rule")))
	require.Empty(t, kind(nil))
	require.Less(t, len(kind(errors.New(strings.Repeat("é", 5000)))), logLimit+10)
	require.Equal(t, strings.Repeat("é", 10)+"…", shorten(strings.Repeat("é", 100), 21))
}

func TestARebalanceIsNoReasonNotToBeReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m membership
		m.leave(errors.New("joining"))
		_, err := m.check()
		require.EqualError(t, err, "joining", "it never was a member")
		m.join([]*partition{{id: 3}})
		got, err := m.check()
		require.NoError(t, err)
		require.Equal(t, 3, got[0].id)

		m.leave(errors.New("rebalance"))
		<-time.After(absence - time.Second)
		m.leave(errors.New("no coordinator"))
		_, err = m.check()
		require.NoError(t, err)
		<-time.After(2 * time.Second)
		_, err = m.check()
		require.EqualError(t, err, "no coordinator")

		m.join(nil)
		m.leave(errStopped)
		_, err = m.check()
		require.ErrorIs(t, err, errStopped)
	})
}

func TestAPartitionWithoutASignOfLifeIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(&Consumer{}, Subscription{Topic: "t"}, 4)
		require.NoError(t, p.check())
		<-time.After(stall + time.Second)
		require.ErrorContains(t, p.check(), "partition 4 gives no sign of life for 46s")
		p.alive()
		require.NoError(t, p.check())
	})
}

func TestRemindersAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r reminders
		require.True(t, r.due("a"))
		require.False(t, r.due("a"))
		require.True(t, r.due("b"))
		<-time.After(remindAfter)
		require.True(t, r.due("a"))
	})
}
