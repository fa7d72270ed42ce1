package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

var errRule = errors.New("a rule that cannot hold")

// picky fails in every way that a record can be at fault for, and tells the authors.
type picky struct{ told *atomic.Int64 }

func (p picky) Handle(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
	if err := apply("picky")(ctx, tx, records); err != nil {
		return err
	}
	for _, r := range records {
		switch r.Type {
		case "test.Rule":
			return fmt.Errorf("handle: %w", errRule)
		case "test.Panic":
			var none *bus.Record
			return errors.New(none.Key)
		case "test.Syntax":
			if err := tx.Exec("SELECT ?::integer", string(r.Value)).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

func (p picky) Parked(ctx context.Context, tx *postgres.Tx, r *bus.Record, reason error) error {
	p.told.Add(1)
	if r.Type == "test.Rule" && !errors.Is(reason, errRule) {
		return errors.New("told another reason")
	}
	if r.Type == "test.Panic" {
		panic("again")
	}
	return tx.Exec(`INSERT INTO channel (key) VALUES (?)`, "told "+r.Type).Error
}

// What cannot be handled lands in the dead-letter topic with reason and original headers, and the partition goes on.
func TestWhatCannotBeHandledIsParked(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	good := func(n int) {
		for i := range n {
			require.NoError(t, f.client.Publish(t.Context(), f.message("w/good", "test.Event", fmt.Sprint(i))))
		}
	}
	// All of this waits when the consumer starts, so it comes as one batch.
	good(3)
	f.put(&kgo.Record{Key: []byte("w/foreign"), Value: []byte{0xff, 0x00}, Headers: []kgo.RecordHeader{{Key: "x-origin", Value: []byte("elsewhere")}, {Key: "x-origin", Value: []byte("twice")}}})
	good(2)
	broken := f.message("w/rule", "test.Rule", "\x00\x01 payload")
	broken.Headers = map[string]string{"x-own": "kept", "correlation-id": "corr-7"}
	require.NoError(t, f.client.Publish(t.Context(), broken, f.message("w/panic", "test.Panic", ""), f.message("forbidden", "test.Check", ""), f.message("w/syntax", "test.Syntax", "secret text")))
	good(2)

	told := picky{told: &atomic.Int64{}}
	k, _ := f.consume(told)
	dead := f.read(f.Dead, 5)
	f.eventually("the others are applied", func() bool { return f.applied() == 7 })
	good(1)
	f.eventually("the partition goes on", func() bool { return f.applied() == 8 })
	require.NoError(t, k.Check(t.Context()))
	require.Equal(t, 7+5, f.count(`SELECT max("offset") FROM applied`))
	require.Equal(t, 5, f.length(f.Dead))

	for i, want := range []struct{ key, offset, reason, attempts string }{
		{"w/foreign", "3", "not a CloudEvent", "0"},
		{"w/rule", "6", "handle: a rule that cannot hold", "1"},
		{"w/panic", "7", "panic: runtime error: invalid memory address", "1"},
		{"forbidden", "8", "violates check constraint", "1"},
		{"w/syntax", "9", "invalid input syntax", "1"},
	} {
		require.Equal(t, want.key, string(dead[i].Key))
		require.Contains(t, header(dead[i], "dead-letter-reason"), want.reason)
		require.Equal(t, want.offset, header(dead[i], "dead-letter-offset"))
		require.Equal(t, want.attempts, header(dead[i], "dead-letter-attempt"), want.key)
		require.Equal(t, f.Topic, header(dead[i], "dead-letter-topic"))
		require.Equal(t, "0", header(dead[i], "dead-letter-partition"))
		require.Equal(t, f.Group, header(dead[i], "dead-letter-consumer"))
		require.NotEmpty(t, header(dead[i], "dead-letter-time"))
	}
	require.Equal(t, []byte{0xff, 0x00}, dead[0].Value)
	require.Equal(t, []kgo.RecordHeader{{Key: "x-origin", Value: []byte("elsewhere")}, {Key: "x-origin", Value: []byte("twice")}}, dead[0].Headers[:2])
	require.Equal(t, broken.Value, dead[1].Value)
	for key, value := range map[string]string{"ce_id": broken.ID, "ce_type": "test.Rule", "ce_source": "bustest", "x-own": "kept", "correlation-id": "corr-7", "content-type": "application/protobuf"} {
		require.Equal(t, value, header(dead[1], key), key)
	}
	require.NotEmpty(t, header(dead[1], "traceparent"))
	require.EqualValues(t, 4, told.told.Load(), "authors of all but the foreign one are told")
	require.Equal(t, 3, f.count("SELECT count(*) FROM channel WHERE key LIKE 'told %'"))
}

// A record that fits into its topic may not fit into the dead-letter topic with the headers it gets there.
func TestAParkedRecordThatIsTooLargeLeavesItsValueBehind(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	f.consume(handler(func(context.Context, *postgres.Tx, []*bus.Record) error {
		return errors.New(strings.Repeat("a long reason ", 20_000))
	}))
	require.NoError(t, f.client.Publish(t.Context(), f.message("w/large", "test.Event", strings.Repeat("x", 1<<20-1000))))
	dead := f.read(f.Dead, 1)[0]
	require.Empty(t, dead.Value)
	require.Equal(t, "0", header(dead, "dead-letter-offset"))
}
