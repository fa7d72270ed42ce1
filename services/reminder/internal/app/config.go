package app

import (
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Config is what reminder reads from its environment, beside what every service does.
type Config struct {
	Postgres         postgres.Config
	Kafka            bus.Config
	DisableReminders bool `env:"DISABLE_REMINDERS" default:"false" desc:"Turns reminders off for the whole installation; decided when one is due"`
}
