package app

import (
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Config is what fairness reads from its environment, beside what every service does. Policy and window are the
// channel's settings and come with the events.
type Config struct {
	Postgres postgres.Config
	Kafka    bus.Config
}
