// Command fairness keeps who ran and who owes what, and chooses who runs next.
package main

import (
	"os"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/app"
)

func main() { os.Exit(service.Main("fairness", app.Build)) }
