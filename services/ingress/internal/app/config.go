package app

import (
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

// Config is what ingress reads from its environment, beside what every service does.
type Config struct {
	Postgres         postgres.Config
	Kafka            bus.Config
	Slack            slack.Config
	DisableReminders bool     `env:"DISABLE_REMINDERS" default:"false" desc:"Turns reminders off for the whole installation, as in the service reminder: none is promised"`
	SigningSecrets   []string `env:"SLACK_SIGNING_SECRET" required:"true" secret:"true" example:"8f742231b10e8888abcd99yyyzzz85a5" desc:"Signing secret of the Slack app; two, with a comma between, while it is being changed"`
}
