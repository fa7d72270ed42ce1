package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// The database refuses by itself what the domain must never do.
func TestTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.start(channelID("C1"))
	db := b.kit.Connect()
	for name, test := range map[string]struct{ sql, constraint string }{
		"second open run": {`INSERT INTO runs.run (id, workspace_id, channel_id, epoch, status, version, initiator_id, correlation_id, place, started_at, pickup_at)
			VALUES (gen_random_uuid(), 'T1', 'C1', 1, 'open', 1, 'ana', '', '', now(), now() + interval '1 minute')`, "run_one_open_per_channel"},
		"run of no channel": {`INSERT INTO runs.run (id, workspace_id, channel_id, epoch, status, version, initiator_id, correlation_id, place, started_at, pickup_at)
			VALUES (gen_random_uuid(), 'T1', 'C2', 1, 'open', 1, 'ana', '', '', now(), now() + interval '1 minute')`, "run_workspace_id_channel_id_fkey"},
		"second order":            {`INSERT INTO runs.drink_order SELECT run_id, user_id, 9, 'Tea', 1, now(), now() FROM runs.drink_order`, "drink_order_pkey"},
		"empty drink":             {`UPDATE runs.drink_order SET drink = ''`, "drink_order_drink_check"},
		"long drink":              {`UPDATE runs.drink_order SET drink = repeat('é', 281)`, "drink_order_drink_check"},
		"half withdrawn":          {`UPDATE runs.drink_order SET drink = NULL`, "drink_order_withdrawn"},
		"ten cups":                {`UPDATE runs.drink_order SET quantity = 10`, "drink_order_quantity_check"},
		"long place":              {`UPDATE runs.run SET place = repeat('é', 81)`, "run_place_check"},
		"pickup before start":     {`UPDATE runs.run SET pickup_at = started_at, closes_at = NULL`, "run_pickup_after_start"},
		"unknown status":          {`UPDATE runs.run SET status = 'late'`, "run_status_check"},
		"closing, nobody chooses": {`UPDATE runs.run SET status = 'closing'`, "run_assignment"},
		"closed without end": {`UPDATE runs.run SET status = 'closed', assignment_no = 1, assignment_state = 'wanted',
			requested_at = now(), asked_at = now()`, "run_ended"},
		"closing with a runner": {`UPDATE runs.run SET status = 'closing', assignment_no = 1, assignment_state = 'assigned', runner_id = 'ben',
			requested_at = now(), asked_at = now(), assigned_at = now()`, "run_choosing"},
		"an offer of the runner's": {`UPDATE runs.run SET status = 'closed', ended_at = now(), assignment_no = 1, assignment_state = 'assigned', runner_id = 'ben',
			requested_at = now(), asked_at = now(), assigned_at = now(), offered_by_id = 'ben'`, "run_offer"},
		"closes after pickup":     {`UPDATE runs.run SET closes_at = pickup_at + interval '1 second'`, "run_closes"},
		"closes before the start": {`UPDATE runs.run SET closes_at = started_at`, "run_closes"},
		"too many volunteers":     {`UPDATE runs.run SET volunteer_ids = array_fill('ben'::text, ARRAY[301])`, "run_people"},
		"assigned to nobody": {`UPDATE runs.run SET status = 'closed', ended_at = now(), assignment_no = 1, assignment_state = 'assigned',
			requested_at = now(), asked_at = now(), assigned_at = now()`, "run_runner"},
		"wanted with a runner": {`UPDATE runs.run SET status = 'closed', ended_at = now(), assignment_no = 1, assignment_state = 'wanted',
			requested_at = now(), asked_at = now(), assigned_at = now(), runner_id = 'ben'`, "run_runner"},
		"never chased": {`UPDATE runs.run SET status = 'closing', assignment_no = 1, assignment_state = 'choosing',
			requested_at = now(), asked_at = now()`, "run_answer_due"},
		"cancelled without reason": {`UPDATE runs.run SET status = 'cancelled', ended_at = now()`, "run_end_reason"},
		"half of the settings":     {`UPDATE runs.channel SET settings_version = 1, enabled = true`, "channel_settings_all_or_none"},
		"settings unchanged":       {`UPDATE runs.channel SET enabled = true`, "channel_settings_all_or_none"},
		"usual without drink":      {`UPDATE runs.usual SET drink = ''`, "usual_drink_check"},
	} {
		_, err := db.Exec(t.Context(), test.sql)
		require.Equal(t, test.constraint, postgres.Constraint(err), "%s: %v", name, err)
	}
	_, err := db.Exec(t.Context(), "DELETE FROM runs.run WHERE id = $1", id)
	require.NoError(t, err, "orders go with their run")
}
