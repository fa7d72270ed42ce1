// Command slacksim serves a simulated Slack workspace for one app, in any language.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("slacksim", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8065", "address of the page and the APIs")
	app := flags.String("app", "http://127.0.0.1:3000", "base URL of the app: its /slack/commands, /slack/interactions and /slack/events")
	url := flags.String("url", "", "base URL under which the app reaches the simulator, for response_urls (as in the person's own request)")
	statePath := flags.String("state", "", "JSON file that keeps the workspace over restarts")
	workspace := flags.String("workspace", "", "JSON file with team, bot, commands, users and channels, as GET /sim/workspace shows them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := slacksim.Config{
		SigningSecret: env("SLACK_SIGNING_SECRET", "slacksim-signing-secret"),
		BotToken:      env("SLACK_BOT_TOKEN", "xoxb-slacksim"),
		AppURL:        *app, URL: *url, StatePath: *statePath,
	}
	if *workspace != "" {
		raw, err := os.ReadFile(*workspace)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &cfg.Workspace); err != nil {
			return fmt.Errorf("%s: %w", *workspace, err)
		}
	}
	sim, err := slacksim.New(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return errors.Join(err, sim.Close())
	}
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}
	fmt.Printf("page     http://%s\nWeb API  http://%s/api/  (the base URL of your Slack client)\napp      %s\n", listener.Addr(), listener.Addr(), *app)

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = nil
	}
	err = errors.Join(err, sim.Close()) // first: it ends the streams the server would wait for
	drained, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(drained))
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
