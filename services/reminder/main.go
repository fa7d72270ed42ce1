// Command reminder watches the clock: it tells when a runner is to be reminded.
package main

import (
	"os"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/app"
)

func main() { os.Exit(service.Main("reminder", app.Build)) }
