package bustest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// latencies reports the median and the 99th percentile, and this process' CPU time for each.
type latencies struct {
	b     *testing.B
	mu    sync.Mutex
	all   []time.Duration
	begun time.Duration
}

func measure(b *testing.B) *latencies {
	b.Helper()
	b.ReportAllocs()
	return &latencies{b: b, begun: cpu()}
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
}

func (l *latencies) report() {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.all)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	l.b.ReportMetric(us(l.all[len(l.all)/2]), "µs-p50")
	l.b.ReportMetric(us(l.all[len(l.all)*99/100]), "µs-p99")
	l.b.ReportMetric(us(cpu()-l.begun)/float64(len(l.all)), "µs-cpu/op")
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// One message, acknowledged.
func BenchmarkPublish(b *testing.B) {
	f := setup(b, 12)
	value := string(make([]byte, 600))
	n := 0
	publish := func() error {
		n++
		return f.client.Publish(context.Background(), f.message(fmt.Sprintf("w/%d", n%100), "test.Event", value))
	}
	for range 100 {
		if err := publish(); err != nil {
			b.Fatal(err)
		}
	}
	l := measure(b)
	for b.Loop() {
		begun := time.Now()
		if err := publish(); err != nil {
			b.Fatal(err)
		}
		l.add(time.Since(begun))
	}
	l.report()
}

// applying counts records that were committed.
func applying(f *fixture, work handler) (applied chan int) {
	applied = make(chan int, 1<<16)
	f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		tx.AfterCommit(func() { applied <- len(records) })
		return work(ctx, tx, records)
	}))
	return applied
}

func nothing(context.Context, *postgres.Tx, []*bus.Record) error { return nil }

// From handing one message over to the commit of what its handler did.
func BenchmarkHop(b *testing.B) {
	f := setup(b, 12)
	value := string(make([]byte, 600))
	applied := applying(f, nothing)
	n := 0
	hop := func() {
		n++
		if err := f.client.Publish(context.Background(), f.message(fmt.Sprintf("w/%d", n%100), "test.Event", value)); err != nil {
			b.Fatal(err)
		}
		<-applied
	}
	for range 100 {
		hop()
	}
	l := measure(b)
	for b.Loop() {
		begun := time.Now()
		hop()
		l.add(time.Since(begun))
	}
	l.report()
}

// From the begin of a transaction that writes an event to the commit of what that event's handler did.
func BenchmarkOutboxHop(b *testing.B) {
	f := setup(b, 12)
	box := f.outbox(f.client)
	background(b, box.Run)
	applied := applying(f, nothing)
	n := 0
	hop := func() {
		n++
		m := f.message(fmt.Sprintf("w/%d", n%100), "test.Event", string(make([]byte, 600)))
		if err := f.pool.InTx(context.Background(), func(tx *postgres.Tx) error { return box.Add(context.Background(), tx, m) }); err != nil {
			b.Fatal(err)
		}
		<-applied
	}
	for range 100 {
		hop()
	}
	l := measure(b)
	for b.Loop() {
		begun := time.Now()
		hop()
		l.add(time.Since(begun))
	}
	l.report()
}

// Records applied while more wait than can be: as many as the handler's transactions take.
func BenchmarkConsume(b *testing.B) {
	f := setup(b, 12)
	var msgs []bus.Message
	for i := range 10_000 {
		msgs = append(msgs, f.message(fmt.Sprintf("w/%d", i%500), "test.Event", string(make([]byte, 600))))
	}
	total := 0
	for b.Loop() {
		b.StopTimer()
		if err := f.client.Publish(context.Background(), msgs...); err != nil {
			b.Fatal(err)
		}
		f.Group += "x"
		b.StartTimer()
		applied := applying(f, nothing)
		for left := f.length(f.Topic); left > 0; {
			n := <-applied
			left, total = left-n, total+n
		}
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "records/s")
}
