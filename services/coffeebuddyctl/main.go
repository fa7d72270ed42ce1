// Command coffeebuddyctl is for the people who run CoffeeBuddy: it looks into topics, outboxes and runs, puts topics and
// access right, and says what is wrong and what to do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/coffeebuddy/coffeebuddy/services/coffeebuddyctl/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
