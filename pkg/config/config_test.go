package config_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
)

type settings struct {
	Brokers  []string      `env:"BROKERS" required:"true" example:"kafka-1:9092,kafka-2:9092" desc:"Brokers to ask first"`
	Window   int           `env:"WINDOW" default:"5" desc:"Runs to look back"`
	Grace    time.Duration `env:"GRACE" default:"10s"`
	Level    slog.Level    `env:"LEVEL" default:"info"`
	Off      bool          `env:"OFF"`
	Ratio    *float64      `env:"RATIO" example:"0.5"`
	Database database
	ignored  string //nolint:unused // shows that unexported fields are left alone
	Note     string
}

type database struct {
	URL  string `env:"DATABASE" required:"true" secret:"true" example:"postgres://user:password@host/db"`
	Pool int    `env:"POOL" envDefault:"10"`
}

func (d database) Validate() []config.Fault {
	if d.Pool == 1 {
		return []config.Fault{{Variable: "POOL", Problem: "is below 2"}, {Variable: "DATABASE", Problem: "with " + d.URL + " is of no use"}}
	}
	return nil
}

func (s settings) Validate() error {
	var errs []error
	if s.Window < 1 || s.Window > 50 {
		errs = append(errs, config.Fault{Variable: "WINDOW", Problem: "is not within 1 and 50", Example: "7"})
	}
	if s.Off && s.Grace > time.Minute {
		errs = append(errs, errors.New("OFF and a long GRACE exclude each other"))
	}
	return errors.Join(errs...)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	valid := []string{"BROKERS=a:1", "DATABASE=postgres://secret@h/d"}
	tests := map[string]struct {
		environ []string
		faults  []config.Fault
	}{
		"valid":                      {environ: valid},
		"set to nothing is not set":  {environ: append(valid, "WINDOW=", "GRACE=")},
		"the last of two values":     {environ: append(valid, "WINDOW=x", "WINDOW=7")},
		"nothing set":                {environ: nil, faults: []config.Fault{{"BROKERS", "is not set", "kafka-1:9092,kafka-2:9092"}, {"DATABASE", "is not set", "postgres://user:password@host/db"}}},
		"a list of blanks is no set": {environ: append(valid, "BROKERS= , "), faults: []config.Fault{{"BROKERS", "is not set", "kafka-1:9092,kafka-2:9092"}}},
		"every type of value": {
			environ: append(valid, "WINDOW=many", "GRACE=7", "LEVEL=loud", "OFF=perhaps", "RATIO=half", "POOL=1.5"),
			faults: []config.Fault{
				{"WINDOW", `is "many", not a whole number`, "5"},
				{"GRACE", `is "7", not a duration such as 500ms, 10s or 5m`, "10s"},
				{"LEVEL", `is "loud", not one of debug, info, warn and error`, "info"},
				{"OFF", `is "perhaps", not true or false`, ""},
				{"RATIO", `is "half", not a number`, "0.5"},
				{"POOL", `is "1.5", not a whole number`, "10"},
			},
		},
		"what Validate finds, secrets masked": {
			environ: append(valid, "WINDOW=51", "POOL=1", "OFF=true", "GRACE=2m"),
			faults: []config.Fault{
				{"POOL", "is below 2", "10"},
				{"DATABASE", "with [redacted] is of no use", "postgres://user:password@host/db"},
				{"WINDOW", "is not within 1 and 50", "7"},
				{"", "OFF and a long GRACE exclude each other", ""},
			},
		},
		"Validate is not heard on what could not be read": {
			environ: append(valid, "WINDOW=0x"),
			faults:  []config.Fault{{"WINDOW", `is "0x", not a whole number`, "5"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load[settings](test.environ)
			if test.faults == nil {
				require.NoError(t, err)
				return
			}
			var all *config.Error
			require.ErrorAs(t, err, &all)
			require.Equal(t, test.faults, all.Faults)
		})
	}
}

func TestLoadFillsEveryField(t *testing.T) {
	t.Parallel()
	got, err := config.Load[settings]([]string{
		"BROKERS= a:1, b:2 ,", "WINDOW=7", "GRACE=1m", "LEVEL=debug", "OFF=true", "RATIO=0.25", "DATABASE=postgres://x=y", "POOL=3",
	})
	require.NoError(t, err)
	ratio := 0.25
	require.Equal(t, settings{
		Brokers: []string{"a:1", "b:2"}, Window: 7, Grace: time.Minute, Level: slog.LevelDebug, Off: true, Ratio: &ratio,
		Database: database{URL: "postgres://x=y", Pool: 3},
	}, got)

	defaults, err := config.Load[settings]([]string{"BROKERS=a:1", "DATABASE=d"})
	require.NoError(t, err)
	require.Equal(t, settings{Brokers: []string{"a:1"}, Window: 5, Grace: 10 * time.Second, Database: database{URL: "d", Pool: 10}}, defaults)
}

func TestLoadShowsNoSecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	type pin struct {
		Pin int `env:"PIN" secret:"true" example:"1234"`
	}
	_, err := config.Load[pin]([]string{"PIN=hunter2"})
	require.EqualError(t, err, "configuration has faults:\n  PIN is not a whole number (example: PIN=1234)")
}

func TestErrorHasOneLineForEachFault(t *testing.T) {
	t.Parallel()
	err := &config.Error{Faults: []config.Fault{{"A", "is not set", "1"}, {"", "B and C exclude each other", ""}}}
	require.EqualError(t, err, "configuration has faults:\n  A is not set (example: A=1)\n  B and C exclude each other")
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	all := config.Describe[settings]()
	require.Len(t, all, 8)
	require.Equal(t, config.Variable{Name: "BROKERS", Example: "kafka-1:9092,kafka-2:9092", Description: "Brokers to ask first", Required: true}, all[0])
	require.Equal(t, config.Variable{Name: "WINDOW", Default: "5", Example: "5", Description: "Runs to look back"}, all[1])
	require.Equal(t, config.Variable{Name: "DATABASE", Example: "postgres://user:password@host/db", Required: true, Secret: true, File: true}, all[6])
}

func TestLoadReadsMountedSecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "database")
	require.NoError(t, os.WriteFile(file, []byte("postgres://from-file\n"), 0o600))
	got, err := config.Load[settings]([]string{"BROKERS=a:1", "DATABASE_FILE=" + file})
	require.NoError(t, err)
	require.Equal(t, "postgres://from-file", got.Database.URL)

	_, err = config.Load[settings]([]string{"BROKERS=a:1", "DATABASE=x", "DATABASE_FILE=" + file, "POOL=1"})
	require.ErrorContains(t, err, "DATABASE is set and so is DATABASE_FILE: one of them is enough")
	_, err = config.Load[settings]([]string{"BROKERS=a:1", "DATABASE_FILE=/nowhere"})
	require.EqualError(t, err, "configuration has faults:\n  DATABASE_FILE cannot be read: open /nowhere: no such file or directory (example: DATABASE_FILE=/run/secrets/database)")
	got, err = config.Load[settings]([]string{"BROKERS=a:1", "DATABASE=d", "WINDOW_FILE=/nowhere"})
	require.NoError(t, err, "what is no secret is in no file")
	require.Equal(t, 5, got.Window)
}
