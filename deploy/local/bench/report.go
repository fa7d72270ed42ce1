package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report collects the figures.
type report struct {
	machine []string
	rows    []row
}

// row is a figure, with the goal it has, or none.
type row struct{ what, figure, goal, ratio, remark string }

// atMost adds a figure that is to be no larger than its goal.
func (r *report) atMost(what string, figure, goal float64, unit, remark string) {
	r.add(what, figure, goal, unit, "≤", figure <= goal, remark)
}

// atLeast adds a figure that is to be no smaller than its goal.
func (r *report) atLeast(what string, figure, goal float64, unit, remark string) {
	r.add(what, figure, goal, unit, "≥", figure >= goal, remark)
}

func (r *report) add(what string, figure, goal float64, unit, relation string, met bool, remark string) {
	verdict := "met"
	if !met {
		verdict = "MISSED"
	}
	r.rows = append(r.rows, row{
		what, value(figure, unit), relation + " " + value(goal, unit), fmt.Sprintf("%.2f %s", figure/goal, verdict), remark,
	})
}

// note adds a figure without a goal.
func (r *report) note(what, figure, remark string, args ...any) {
	r.rows = append(r.rows, row{what: what, figure: figure, remark: fmt.Sprintf(remark, args...)})
}

func value(v float64, unit string) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return strings.TrimSpace(fmt.Sprintf("%.2f %s", v, unit))
}

func (r *report) print(out io.Writer, took time.Duration) {
	fmt.Fprintln(out)
	for _, line := range r.machine {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tmeasured\tgoal\tratio\t")
	for _, row := range r.rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", row.what, row.figure, row.goal, row.ratio, row.remark)
	}
	_ = table.Flush()
	fmt.Fprintf(out, "\nTook %.0f s.\n", took.Seconds())
}

// quantile of durations, in milliseconds: 0.99 is what 99 of 100 are no longer than.
func quantile(all []time.Duration, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return milliseconds(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)])
}

func (s *samples) quantile(q float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return quantile(s.all, q)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
