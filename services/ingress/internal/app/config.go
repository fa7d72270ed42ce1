package app

import (
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

// Config is what ingress reads from its environment, beside what every service does.
type Config struct {
	Postgres         postgres.Config
	Kafka            bus.Config
	Slack            slack.Config
	DisableReminders bool     `env:"DISABLE_REMINDERS" default:"false" desc:"Turns reminders off for the whole installation, as in the service reminder: none is promised"`
	Admins           []string `env:"COFFEEBUDDY_ADMIN_USER_IDS" example:"U024BE7LH,U012AB3CD" desc:"People who count as admins of the workspace beside those that Slack says are, by their Slack ids"`
	ReminderOffset   uint32   `env:"REMINDER_OFFSET_DEFAULT" default:"5" desc:"Minutes before pickup at which the runner is reminded, 1 to 60, where a channel did not choose its own"`
	FairnessWindow   uint32   `env:"RUN_FAIRNESS_WINDOW" default:"5" desc:"Runs that someone who served can rest, 1 to 50, where a channel did not choose its own"`
	SigningSecrets   []string `env:"SLACK_SIGNING_SECRET" required:"true" secret:"true" example:"8f742231b10e8888abcd99yyyzzz85a5" desc:"Signing secret of the Slack app; two, with a comma between, while it is being changed"`
}

// defaults are the settings of channels where nothing happened yet. runs decides what they are; this is what is shown.
func (c Config) defaults() *runv1.ChannelSettings {
	return &runv1.ChannelSettings{
		Enabled: true, Reminders: true, ReminderOffsetMinutes: c.ReminderOffset, LastCallLeadMinutes: 10, ClosingLeadMinutes: 10,
		DefaultPickupMinutes: 30, Policy: runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, FairnessWindow: c.FairnessWindow, RetentionDays: 90,
	}
}
