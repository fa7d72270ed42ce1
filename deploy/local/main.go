// Command local runs CoffeeBuddy on this machine without Docker and without Slack:
//
//	local up      start everything, print the address of the page, stop on Ctrl-C
//	local reset   forget all state of earlier runs
//	local smoke   start everything, play one coffee run through it, print the conversation
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/smoke"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// pagePort is where the simulator's page is served unless the port is taken.
const pagePort = 8580

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "coffeebuddy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, ".local")
	if len(args) != 1 {
		return errors.New("usage: local up|reset|smoke")
	}
	switch args[0] {
	case "up":
		return up(ctx, root, dir)
	case "reset":
		return stack.Reset(ctx, dir)
	case "smoke":
		return smoke.Run(ctx, root, filepath.Join(dir, "smoke"), os.Stdout)
	default:
		return fmt.Errorf("unknown word %q; usage: local up|reset|smoke", args[0])
	}
}

func up(ctx context.Context, root, dir string) error {
	lock, err := stack.Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	started := time.Now()
	fmt.Println("Starting CoffeeBuddy: Postgres, broker, Slack simulator and four services …")
	s, err := stack.Start(ctx, stack.Config{
		Root: root, Dir: dir, PagePort: pagePort,
		DatabaseURL:    os.Getenv("DATABASE_URL"),
		KafkaBootstrap: os.Getenv("KAFKA_BOOTSTRAP"),
		SlackAPIURL:    os.Getenv("SLACK_API_URL"),
		Out:            os.Stdout, Colour: stack.Colourful(os.Stdout),
	})
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := s.Ready(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if err := s.WriteEnv(filepath.Join(dir, "env")); err != nil {
		return err
	}
	defer func() { _ = os.Remove(filepath.Join(dir, "env")) }()
	s.PrintAddresses(os.Stdout, time.Since(started))
	<-ctx.Done()
	fmt.Println("\nStopping …")
	return nil
}
