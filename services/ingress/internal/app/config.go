package app

import (
	"fmt"
	"strings"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/config"
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
	Transport        string   `env:"SLACK_TRANSPORT" default:"http" desc:"How Slack's requests come in: http, to this service, or socket (Socket Mode), through connections that it opens to Slack"`
	Connections      int      `env:"SLACK_SOCKET_CONNECTIONS" default:"2" desc:"Connections that each replica keeps open with SLACK_TRANSPORT=socket, 1 to 10; Slack takes 10 of all replicas together"`
	SigningSecrets   []string `env:"SLACK_SIGNING_SECRET" secret:"true" example:"8f742231b10e8888abcd99yyyzzz85a5" desc:"Signing secret of the Slack app, needed with SLACK_TRANSPORT=http; two, with a comma between, while it is being changed"`
}

// The ways in which Slack's requests come in.
const (
	overHTTP   = "http"
	overSocket = "socket"
)

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	switch {
	case c.Transport != overHTTP && c.Transport != overSocket:
		faults = append(faults, config.Fault{Variable: "SLACK_TRANSPORT", Problem: fmt.Sprintf("is %q, not http or socket", c.Transport)})
	case c.Transport == overHTTP && len(c.SigningSecrets) == 0:
		faults = append(faults, config.Fault{Variable: "SLACK_SIGNING_SECRET", Problem: "is not set"})
	case c.Transport == overSocket && c.Slack.AppToken == "":
		faults = append(faults, config.Fault{Variable: "SLACK_APP_TOKEN", Problem: "is not set, and SLACK_TRANSPORT=socket needs it"})
	}
	if c.Slack.AppToken != "" && !strings.HasPrefix(c.Slack.AppToken, "xapp-") {
		faults = append(faults, config.Fault{Variable: "SLACK_APP_TOKEN", Problem: "is no app-level token: those begin with xapp-"})
	}
	if c.Connections < 1 || c.Connections > 10 {
		faults = append(faults, config.Fault{Variable: "SLACK_SOCKET_CONNECTIONS", Problem: fmt.Sprintf("is %d, not within 1 and 10", c.Connections)})
	}
	return faults
}

// defaults are the settings of channels where nothing happened yet. runs decides what they are; this is what is shown.
func (c Config) defaults() *runv1.ChannelSettings {
	return &runv1.ChannelSettings{
		Enabled: true, Reminders: true, ReminderOffsetMinutes: c.ReminderOffset, LastCallLeadMinutes: 10, ClosingLeadMinutes: 10,
		DefaultPickupMinutes: 30, Policy: runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, FairnessWindow: c.FairnessWindow, RetentionDays: 90,
	}
}
