// Command runs owns the truth of coffee runs, orders, usuals and channel settings.
package main

import (
	"os"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/app"
)

func main() { os.Exit(service.Main("runs", app.Build)) }
