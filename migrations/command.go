package migrations

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

const usage = `usage: migrate COMMAND [SCHEMA…]

  up                     make roles and schemas where they are missing, apply what each schema lacks
  down -yes              take schemas back to nothing, with all data in them
  to SCHEMA VERSION      take one schema up or, with -yes, down to a version
  status                 tell how far each schema is
  force SCHEMA VERSION   record a version without running anything, after a failed migration was put right by hand

No schema named means all of them. DATABASE_URL names the database
(example: DATABASE_URL=postgres://user:password@host:5432/coffeebuddy).
`

var (
	errUsage = errors.New("usage")
	errDown  = errors.New("going down deletes data: say -yes if that is meant")
)

// Command is the command migrate: it carries out args on the database, prints how far its schemas then are, and
// returns the exit code: 0, 1 with the error on stderr, 2 with the usage.
func Command(ctx context.Context, args []string, databaseURL string, stdout, stderr io.Writer) int {
	switch err := command(ctx, args, databaseURL, stdout); {
	case errors.Is(err, errUsage):
		fmt.Fprint(stderr, usage)
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "migrate:", err)
		return 1
	}
	return 0
}

func command(ctx context.Context, args []string, url string, out io.Writer) error {
	if len(args) == 0 || url == "" {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	yes := flags.Bool("yes", false, "")
	if flags.Parse(args[1:]) != nil {
		return errUsage
	}
	schemas := flags.Args()
	var version int
	if args[0] == "to" || args[0] == "force" {
		if len(schemas) != 2 {
			return errUsage
		}
		v, err := strconv.ParseUint(schemas[1], 10, 31)
		if err != nil {
			return errUsage
		}
		version, schemas = int(v), schemas[:1]
	}

	var err error
	switch args[0] {
	case "up":
		err = Up(ctx, url, schemas...)
	case "down":
		if !*yes {
			return errDown
		}
		err = Down(ctx, url, schemas...)
	case "to":
		err = to(ctx, url, schemas[0], uint(version), *yes)
	case "force":
		err = Force(ctx, url, schemas[0], version)
	case "status":
	default:
		return errUsage
	}
	if err != nil {
		return err
	}
	return printStatus(ctx, url, schemas, out)
}

func to(ctx context.Context, url, schema string, version uint, down bool) error {
	states, err := Status(ctx, url, schema)
	if err != nil {
		return err
	}
	if version < states[0].Version && !down {
		return errDown
	}
	return To(ctx, url, schema, version)
}

func printStatus(ctx context.Context, url string, schemas []string, out io.Writer) error {
	states, err := Status(ctx, url, schemas...)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCHEMA\tVERSION\tLATEST\tSTATE")
	for _, s := range states {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", s.Schema, s.Version, s.Latest, s)
	}
	return table.Flush()
}
