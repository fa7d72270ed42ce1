package main

import (
	"context"
	"fmt"
)

const pastRuns = 1_000_000

// past fills the tables of runs with what a large installation has after half a year: closed runs with three orders
// each, spread over all channels and over 80 days, which are older than the 90 days for which they are kept.
var past = []string{
	fmt.Sprintf(`
	INSERT INTO runs.run (id, workspace_id, channel_id, epoch, status, version, initiator_id, correlation_id, place,
		started_at, pickup_at, ended_at, assignment_no, assignment_state, runner_id, requested_at, asked_at, assigned_at)
	SELECT gen_random_uuid(), workspace_id, channel_id, epoch, 'closed', 5, 'U000001', '', 'Lobby café',
		at, at + interval '30 min', at + interval '20 min', 1, 'assigned', 'U000002', at + interval '20 min', at + interval '20 min', at + interval '20 min'
	FROM (SELECT workspace_id, channel_id, epoch, now() - interval '80 days' * (n / %[1]d.0) - interval '91 days' AS at
		FROM runs.channel CROSS JOIN generate_series(1, %[1]d) n) AS old`, pastRuns/channelCount),
	`INSERT INTO runs.drink_order (run_id, user_id, version, drink, quantity, placed_at, changed_at)
	SELECT id, 'U00000' || n, n + 1, 'Flat white, oat milk, no sugar', 1, started_at, started_at
	FROM runs.run CROSS JOIN generate_series(1, 3) n WHERE status = 'closed'`,
	`VACUUM ANALYZE runs.run, runs.drink_order`,
}

// measureHistory compares how fast commands are applied before and after a million runs have piled up.
// It comes after throughput, which has left runs alone on the machine.
func measureHistory(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	// The same people order each time: an event carries all orders of its run, so with more of them it would be dearer.
	first := regulars + 2*ordersEach
	if _, err := w.backlog(ctx, first); err != nil {
		return err
	}
	measure := func() (rates, error) {
		if _, err := w.db.Exec(ctx, "CHECKPOINT"); err != nil { // so that nobody pays for what others wrote
			return rates{}, fmt.Errorf("checkpoint: %w", err)
		}
		return w.backlog(ctx, first)
	}
	young, err := measure()
	if err != nil {
		return err
	}
	for _, sql := range past {
		if _, err := w.db.Exec(ctx, sql); err != nil {
			return fmt.Errorf("past runs: %w", err)
		}
	}
	old, err := measure()
	if err != nil {
		return err
	}
	r.atLeast("commands applied with 1 000 000 past runs / with none", old.applied/young.applied, 0.9, "", others(old.usage, old.took))
	r.note("  applied", value(old.applied, "/s"), "%.0f/s before", young.applied)
	return measureRetention(ctx, w, r, measure, old)
}

// measureRetention has all these runs purged while commands are applied.
func measureRetention(ctx context.Context, w *world, r *report, measure func() (rates, error), undisturbed rates) error {
	if _, err := w.db.Exec(ctx, "UPDATE runs.channel SET purge_due_at = now()"); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	const purged = "SELECT count(*) FROM runs.channel WHERE purge_due_at > now()"
	if _, err := w.progress(ctx, purged, 1, lookEvery, throughputLimit); err != nil {
		return err
	}
	const left = "SELECT count(*) FROM runs.run"
	before, err := w.number(ctx, left)
	if err != nil {
		return err
	}
	during, err := measure()
	if err != nil {
		return err
	}
	after, err := w.number(ctx, left)
	if err != nil {
		return err
	}
	done, err := w.number(ctx, purged)
	if err != nil {
		return err
	}
	r.atLeast("commands applied while old runs are purged / while not", during.applied/undisturbed.applied, 0.8, "", others(during.usage, during.took))
	r.note("  purged meanwhile", value(float64(before-after)/during.took.Seconds(), "runs/s"), "%d of %d channels were done", done, channelCount)
	return nil
}
