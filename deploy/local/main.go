// Command local runs CoffeeBuddy on this machine without Docker and without Slack:
//
//	local up      start everything, print the address of the page, stop on Ctrl-C
//	local reset   forget all state of earlier runs
//	local smoke   start everything, play one coffee run through it, print the conversation
//
// Flags, before the word: -state FOLDER (.local in the repository), -binaries FOLDER of services that are built already.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/smoke"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// port is where the simulator's page is served unless the port is taken; the services are at those after it.
const port = 8580

// hint is how often someone who waits for the services is told what they wait for.
const hint = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal ends us at once
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "coffeebuddy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var cfg stack.Config
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.StringVar(&cfg.Dir, "state", "", "folder of the `state` (.local in the repository)")
	flags.StringVar(&cfg.Binaries, "binaries", "", "`folder` of the services, ready-built (they are built)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	usage := errors.New("usage: local [-state FOLDER] [-binaries FOLDER] up|reset|smoke")
	if flags.NArg() != 1 {
		return usage
	}
	var err error
	if cfg.Root, err = stack.Root(); err != nil {
		return err
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(cfg.Root, ".local")
	}
	cfg.DatabaseURL, cfg.KafkaBootstrap = os.Getenv("DATABASE_URL"), os.Getenv("KAFKA_BOOTSTRAP")
	cfg.Socket = os.Getenv("SLACK_TRANSPORT") == "socket"
	switch flags.Arg(0) {
	case "up":
		return up(ctx, cfg)
	case "reset":
		return reset(ctx, cfg)
	case "smoke":
		cfg.Dir = filepath.Join(cfg.Dir, "smoke")
		return smoke.Run(ctx, cfg, os.Stdout)
	default:
		return usage
	}
}

func up(ctx context.Context, cfg stack.Config) error {
	lock, err := stack.Lock(cfg.Dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	started := time.Now()
	fmt.Println("Starting CoffeeBuddy: Postgres, broker, Slack simulator and four services …")
	cfg.SlackAPIURL = os.Getenv("SLACK_API_URL")
	cfg.Port, cfg.Traces, cfg.Out, cfg.Colour = port, true, os.Stdout, stack.Colourful(os.Stdout)
	s, err := stack.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Stop()
	if !ready(ctx, s) {
		return nil
	}
	if err := s.WriteEnv(); err != nil {
		return err
	}
	s.PrintAddresses(os.Stdout, time.Since(started))
	<-ctx.Done()
	fmt.Println("\nStopping …")
	return nil
}

// ready waits for the services, and says what it waits for if that takes long. false: ctx ended.
func ready(ctx context.Context, s *stack.Stack) bool {
	for {
		waiting, cancel := context.WithTimeout(ctx, hint)
		err := s.Ready(waiting)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err == nil
		}
		s.Say("%v", err)
		s.Say("still trying; Ctrl-C and make demo-reset start over, without what was played so far")
	}
}

func reset(ctx context.Context, cfg stack.Config) error {
	if err := stack.Reset(ctx, cfg.Dir); err != nil {
		return err
	}
	fmt.Println("Forgotten. make demo starts anew.")
	if cfg.DatabaseURL != "" || cfg.KafkaBootstrap != "" {
		fmt.Println("What is in the given DATABASE_URL and KAFKA_BOOTSTRAP is as it was.")
	}
	return nil
}
