// Simulation shows how fair the policy fair_share is: it plays 2 000 days of coffee runs with a crowd of whom some
// come often and some rarely, and prints what fair_share and other policies make of it.
// docs/adr/0006-fair-share.md explains the figures. Same seeds, same figures.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func main() {
	seeds := flag.Uint64("seeds", 3, "number of seeds to take the mean of")
	flag.Parse()
	if err := printTables(os.Stdout, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		os.Exit(1)
	}
}

func printTables(out io.Writer, seeds uint64) error {
	fmt.Fprintf(out, `%d days, attendance %.0f %% to %.0f %%, window %d, mean of %d seeds.
max deviation: largest |balance| anyone ever had, in runs. ratio: served ÷ owed, lowest and highest person.
back-to-back: runs of two or more people whose runner had also run the one before of that kind.
`, days, 100*rarest, 100*keenest, window, seeds)

	var rows []row
	for _, people := range []int{30, 6} {
		for _, p := range []struct {
			name   string
			policy ledger.Policy
		}{
			{"uniformly random", random{}},
			{"weighted lottery by time since served", lottery{}},
			{"reference rule, window 5", fewest{}},
			{"reference code, lifetime count", fewest{ever: true}},
			{"rotation", ledger.Rotation{}},
			{"fair_share", ledger.FairShare{}},
		} {
			rows = append(rows, row{p.name, p.policy, crowd{people: people, cups: oneCup, shares: ledger.Shares}})
		}
	}
	if err := printTable(out, "Policies, one cup each", rows, seeds); err != nil {
		return err
	}

	rows = nil
	for _, c := range []struct {
		name  string
		crowd crowd
	}{
		{"one cup each", crowd{cups: oneCup, shares: ledger.Shares}},
		{"random 1–9", crowd{cups: randomCups, shares: ledger.Shares}},
		{"keenest 9", crowd{cups: keenestNine, shares: ledger.Shares}},
		{"keenest 9, without the half-run limit", crowd{cups: keenestNine, shares: proportional}},
		{"one cup each, also runs of one", crowd{cups: oneCup, shares: ledger.Shares, alone: true}},
		{"the same, if they counted as a turn", crowd{cups: oneCup, shares: ledger.Shares, alone: true, turns: true}},
	} {
		for _, people := range []int{2, 3, 6, 12, 30} {
			c.crowd.people = people
			rows = append(rows, row{c.name, ledger.FairShare{}, c.crowd})
		}
	}
	return printTable(out, "fair_share, by quantities", rows, seeds)
}

type row struct {
	name   string
	policy ledger.Policy
	crowd  crowd
}

func printTable(out io.Writer, title string, rows []row, seeds uint64) error {
	fmt.Fprintf(out, "\n%s\n\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| case\t| people\t| max deviation\t| ratio low–high\t| back-to-back\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range rows {
		all, err := r.crowd.playEach(r.policy, seeds)
		if err != nil {
			return fmt.Errorf("%s, %d people: %w", r.name, r.crowd.people, err)
		}
		o := meanOf(all)
		fmt.Fprintf(w, "| %s\t| %d\t| %.2f\t| %.2f–%.2f\t| %.0f\t|\n", r.name, r.crowd.people, o.deviation, o.low, o.high, o.backToBack)
	}
	return w.Flush()
}
