// Package smoke plays one coffee run through the whole product, as three people would, and prints what they read.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// limit is how long the run may take, from starting the stack to the last message.
const limit = 3 * time.Minute

// Run starts a stack of its own with its state in cfg.Dir, plays a run, prints the conversation to out and forgets it.
// The error says what went wrong; everything is then left as it was, the services' logs in services.log.
func Run(ctx context.Context, cfg stack.Config, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := stack.Reset(ctx, cfg.Dir); err != nil {
		return err
	}
	if err := run(ctx, cfg, out); err != nil {
		return fmt.Errorf("%w (see %s)", err, logFile(cfg))
	}
	return stack.Reset(ctx, cfg.Dir)
}

func logFile(cfg stack.Config) string { return filepath.Join(cfg.Dir, "services.log") }

func run(ctx context.Context, cfg stack.Config, out io.Writer) error {
	lock, err := stack.Lock(cfg.Dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	logs, err := os.Create(logFile(cfg))
	if err != nil {
		return fmt.Errorf("log file: %w", err)
	}
	defer func() { _ = logs.Close() }()
	cfg.Out = logs
	s, err := stack.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := s.Ready(ctx); err != nil {
		return err
	}
	return play(ctx, s.PageURL, out)
}

// play is one run: Ana starts it, three people order in three ways, Ana closes it, the runner gets the list.
func play(ctx context.Context, page string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	here, err := office.Enter(ctx, page)
	if err != nil {
		return err
	}
	// A channel that no earlier run in the same database was in.
	channel, err := here.Found(ctx, "smoke")
	if err != nil {
		return err
	}
	ana, ben, cem := here.Person("Ana").In(channel), here.Person("Ben").In(channel), here.Person("Cem").In(channel)
	var runner office.Person
	steps := []func() error{
		func() error { return ana.Types(ctx, "/coffee in 20m Lobby café") },
		func() error { return reads(ctx, ana, "Coffee run", "Lobby café", "No orders yet") },
		func() error { return ana.Orders(ctx, "Flat white") },
		func() error { return reads(ctx, ana, "1 order", "1 × Flat white (Ana)") },
		func() error { return ben.Orders(ctx, "Earl Grey") },
		func() error { return cem.Presses(ctx, "usual") }, // his first time: the form opens
		func() error { return cem.FillsIn(ctx, "flat  WHITE") },
		func() error { return reads(ctx, ben, "3 orders", "2 × Flat white (Ana, Cem)", "1 × Earl Grey (Ben)") },
		func() error { return ben.Presses(ctx, "close") },
		func() error { return reads(ctx, ben, "Only Ana or a channel admin can close this run.") },
		func() error { return ana.Presses(ctx, "close") },
		func() error { return reads(ctx, cem, "is today's runner", "3 cups") },
		func() (err error) { runner, err = whoRuns(ctx, ana, ben, cem); return err },
		func() error {
			return reads(ctx, runner.DM(), "You're today's runner", "2 × Flat white", "I'll remind you at")
		},
		func() error { return reads(ctx, ben, "Coffee run", "Ordering is closed") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if ana.Presses(ctx, "close") == nil {
		return errors.New("the card of a closed run still has its buttons")
	}
	return transcript(ctx, out, ben, runner.DM())
}

func reads(ctx context.Context, who office.Person, words ...string) error {
	_, err := who.Reads(ctx, words...)
	return err
}

func whoRuns(ctx context.Context, people ...office.Person) (office.Person, error) {
	for _, p := range people {
		if told, err := p.Showing(ctx, p.Name+" is today's runner"); err != nil || len(told) > 0 {
			return p, err
		}
	}
	return office.Person{}, errors.New("nobody is named as the runner")
}

func transcript(ctx context.Context, out io.Writer, people ...office.Person) error {
	for _, p := range people {
		text, err := p.Conversation(ctx, p.Channel, p.ID)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "──── what %s reads %s ────\n%s\n", p.Name, p.Where(), text); err != nil {
			return err
		}
	}
	return nil
}
