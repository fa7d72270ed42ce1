// Command ingress is the Slack edge: Slack's requests come in here, and everything people read in Slack goes out here.
package main

import (
	"os"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/app"
)

func main() { os.Exit(service.Main("ingress", app.Build)) }
