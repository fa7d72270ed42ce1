// Command migrate brings the schemas of the database that DATABASE_URL names up or down, or tells how far they are.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/coffeebuddy/coffeebuddy/migrations"
)

func main() {
	// A signal stops between two migrations.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(migrations.Command(ctx, os.Args[1:], os.Getenv("DATABASE_URL"), os.Stdout, os.Stderr))
}
