// Command bench measures the product on this machine: the four service binaries, a Postgres that really syncs, a broker
// and a Slack that answers at once. It prints every figure with its goal and the ratio to it, and exits 0 whatever they
// are; docs/performance.md says what they were and where the time goes.
//
//	go run ./deploy/local/bench [-only PATTERN] [-binaries FOLDER] [-v]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// limit ends a bench that hangs: on a quiet machine of two cores it takes two and a half minutes.
const limit = 10 * time.Minute

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == brokerMode {
		err = runBroker(os.Args[2])
	} else {
		err = bench(os.Args[1:])
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal ends us at once
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return run(ctx, args)
}

// step is one thing to measure. Steps follow each other on the same product; the last ones leave it in pieces.
type step struct {
	name string
	run  func(ctx context.Context, w *world, r *report) error
}

var steps = []step{
	{"start", measureStart},
	{"idle", measureIdle},
	{"crowd", measureCrowd},
	{"clicks", measureClicks},
	{"coalescing", measureCoalescing},
	{"acknowledgement", measureAcknowledgement},
	{"flood", measureFlood},
	{"throughput", measureThroughput},
	{"history", measureHistory},
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measure only what matches `PATTERN`: start, idle, crowd, clicks, coalescing, acknowledgement, flood, throughput, history")
	binaries := flags.String("binaries", "", "`folder` of the services, ready-built (they are built)")
	verbose := flags.Bool("v", false, "print the services' logs, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	debug.SetGCPercent(400) // the load generator's collections are nobody's latency

	began := time.Now()
	fmt.Println("Starting four services, Postgres and a broker …")
	w, err := newWorld(ctx, stack.Config{Binaries: *binaries}, *verbose)
	if err != nil {
		return err
	}
	defer w.close()
	r := &report{}
	r.machine, err = describe(ctx, w)
	if err != nil {
		return err
	}
	defer func() { r.print(os.Stdout, time.Since(began)) }() // as far as it came
	for _, s := range steps {
		if !wanted.MatchString(s.name) {
			continue
		}
		fmt.Printf("%5.0f s  %s\n", time.Since(began).Seconds(), s.name)
		if err := s.run(ctx, w, r); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
