package app

import (
	"fmt"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// Config is what runs reads from its environment, beside what every service does.
type Config struct {
	Postgres       postgres.Config
	Kafka          bus.Config
	ReminderOffset int    `env:"REMINDER_OFFSET_DEFAULT" default:"5" desc:"Minutes before pickup at which the runner is reminded, 1 to 60, where a channel did not choose its own"`
	FairnessWindow uint32 `env:"RUN_FAIRNESS_WINDOW" default:"5" desc:"Runs that someone who served can rest, 1 to 50, where a channel did not choose its own"`
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if _, err := run.DefaultSettings(c.reminderOffset(), 1); err != nil {
		faults = append(faults, config.Fault{Variable: "REMINDER_OFFSET_DEFAULT", Problem: fmt.Sprintf("is %d, not within 1 to 60", c.ReminderOffset)})
	}
	if _, err := run.DefaultSettings(time.Minute, c.FairnessWindow); err != nil {
		faults = append(faults, config.Fault{Variable: "RUN_FAIRNESS_WINDOW", Problem: fmt.Sprintf("is %d, not within 1 to 50", c.FairnessWindow)})
	}
	return faults
}

func (c Config) reminderOffset() time.Duration { return time.Duration(c.ReminderOffset) * time.Minute }
