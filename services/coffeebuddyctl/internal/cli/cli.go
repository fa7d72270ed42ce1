// Package cli is the command line of coffeebuddyctl: a file per command.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/coffeebuddyctl/internal/store"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it did not work, or doctor found something broken
	exitUsage  = 2 // the command line or the environment is not right
	exitDrift  = 3 // topics plan: something has to be done
)

// commands is the command line.
type commands struct {
	JSON bool `help:"Print JSON instead of text."`

	Doctor     doctor     `cmd:"" help:"Check everything that CoffeeBuddy needs; say what is wrong and what to do."`
	Ref        ref        `cmd:"" help:"Tell what happened to a click, by the ref that its user was shown."`
	Lag        lag        `cmd:"" help:"How far each service is behind its topics."`
	Positions  positions  `cmd:"" help:"Where services go on reading."`
	Outbox     outbox     `cmd:"" help:"Events that services have not published yet."`
	Run        run        `cmd:"" help:"Runs."`
	DeadLetter deadLetter `cmd:"" name:"dead-letter" help:"Messages that could not be handled."`
	Topics     topics     `cmd:"" help:"Topics and access to them, as the product needs them."`
}

// env is what a command works with. What it needs of the surroundings is connected on demand, from the environment
// variables that the services read.
type env struct {
	ctx     context.Context
	environ []string
	out     io.Writer
	json    bool
	now     func() time.Time
	tel     *telemetry.Telemetry
	closers []func()
}

// status is an error that is only an exit code: everything was said.
type status int

func (s status) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// Run carries out a command line and returns the exit code.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	tel, err := telemetry.New("coffeebuddyctl", "", telemetry.Config{}, io.Discard)
	if err != nil {
		fmt.Fprintln(stderr, "coffeebuddyctl:", err)
		return exitFailed
	}
	var all commands
	done := false
	parser, err := kong.New(&all, kong.Name("coffeebuddyctl"), kong.Writers(stdout, stderr), kong.Exit(func(int) { done = true }),
		kong.Description("For the people who run CoffeeBuddy. It reads the environment variables that the services read: DATABASE_URL, KAFKA_BOOTSTRAP and so on."))
	if err != nil {
		fmt.Fprintln(stderr, "coffeebuddyctl:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if done { // help was asked for
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "coffeebuddyctl: %v (coffeebuddyctl --help)\n", err)
		return exitUsage
	}
	e := &env{ctx: ctx, environ: environ, out: stdout, json: all.JSON, now: time.Now, tel: tel}
	defer e.close()
	err = chosen.Run(e)
	var code status
	var faults *config.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, "coffeebuddyctl:", faults)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "coffeebuddyctl:", err)
		return exitFailed
	}
}

func (e *env) close() {
	for _, c := range e.closers {
		c()
	}
}

func (e *env) kafkaConfig() (bus.Config, error) { return config.Load[bus.Config](e.environ) }

func (e *env) kafka() (*bus.Client, error) {
	cfg, err := e.kafkaConfig()
	if err != nil {
		return nil, err
	}
	client, err := bus.Connect(cfg, "coffeebuddyctl", e.tel)
	if err == nil {
		e.closers = append(e.closers, func() { _ = client.Close() })
	}
	return client, err
}

func (e *env) admin() (*bus.Admin, error) {
	cfg, err := e.kafkaConfig()
	if err != nil {
		return nil, err
	}
	admin, err := bus.NewAdmin(cfg)
	if err == nil {
		e.closers = append(e.closers, admin.Close)
	}
	return admin, err
}

// store is the database, as the user of DATABASE_URL: who owns the schemas sees all of them.
func (e *env) store() (*store.Store, error) {
	cfg, err := config.Load[postgres.Config](e.environ)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(cfg, "", e.tel)
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, func() { _ = db.Close() })
	return store.New(db), nil
}

// print writes v as JSON if that was asked for, else a table with these columns.
func (e *env) print(v any, columns string, rows [][]string) error {
	if e.json {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, columns)
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// ago is how long ago something was, in words for a table.
func (e *env) ago(at time.Time) string { return e.now().Sub(at).Round(time.Second).String() }
