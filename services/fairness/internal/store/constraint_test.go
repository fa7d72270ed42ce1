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
	b.book(t, posting(t, channelID("C1"), runID(1, 1), 1, noon, cups{"ana": 1}, "ben"))
	db := b.kit.Connect()
	for name, test := range map[string]struct{ sql, constraint string }{
		"second entry of a run":         {`INSERT INTO fairness.entry SELECT * FROM fairness.entry`, "entry_pkey"},
		"entry of no channel":           {`UPDATE fairness.entry SET channel_id = 'C2'`, "entry_workspace_id_channel_id_fkey"},
		"entry of no version":           {`UPDATE fairness.entry SET version = 0`, "entry_version_check"},
		"runner without a name":         {`UPDATE fairness.entry SET runner_id = ''`, "entry_runner_id_check"},
		"alone without a runner":        {`UPDATE fairness.entry SET runner_id = NULL, alone = true`, "entry_alone"},
		"chosen without saying why":     {`UPDATE fairness.entry SET assignment_no = 1`, "entry_explanation"},
		"a reason, but not provisional": {`UPDATE fairness.entry SET explanation = ''`, "entry_explanation"},
		"a reason, but nobody":          {`UPDATE fairness.entry SET runner_id = NULL, assignment_no = 1, explanation = ''`, "entry_explanation"},
		"assignment 0":                  {`UPDATE fairness.entry SET assignment_no = 0, explanation = ''`, "entry_assignment_no_check"},
		"second share":                  {`INSERT INTO fairness.share SELECT * FROM fairness.share`, "share_pkey"},
		"share of no run":               {`UPDATE fairness.share SET run_id = gen_random_uuid()`, "share_run_id_fkey"},
		"no cups":                       {`UPDATE fairness.share SET cups = 0`, "share_cups_check"},
		"ten cups":                      {`UPDATE fairness.share SET cups = 10`, "share_cups_check"},
		"drunk for nothing":             {`UPDATE fairness.share SET owed = 0`, "share_owed_check"},
		"more than a run":               {`UPDATE fairness.share SET owed = 10708457761`, "share_owed_check"},
		"second standing":               {`INSERT INTO fairness.standing (workspace_id, channel_id, user_id, epoch, cups, owed, served, since) VALUES ('T1', 'C1', 'ana', 1, 0, 0, 0, now())`, "standing_pkey"},
		"standing in no channel":        {`UPDATE fairness.standing SET channel_id = 'C2'`, "standing_workspace_id_channel_id_fkey"},
		"less than no cups":             {`UPDATE fairness.standing SET cups = -1`, "standing_cups_check"},
		"owes less than nothing":        {`UPDATE fairness.standing SET owed = -1 WHERE cups > 0`, "standing_owed_check"},
		"owes without a cup":            {`UPDATE fairness.standing SET cups = 0 WHERE user_id = 'ana'`, "standing_owed"},
		"served less than never":        {`UPDATE fairness.standing SET served = -1, last_served_at = NULL`, "standing_served_check"},
		"never served, but last":        {`UPDATE fairness.standing SET last_served_at = since WHERE user_id = 'ana'`, "standing_served"},
		"last served before the first":  {`UPDATE fairness.standing SET last_served_at = since - interval '1 s' WHERE user_id = 'ben'`, "standing_served"},
		"kept for too short":            {`UPDATE fairness.channel SET retention_days = 29`, "channel_retention_days_check"},
		"kept for too long":             {`UPDATE fairness.channel SET retention_days = 366`, "channel_retention_days_check"},
		"epoch below all":               {`UPDATE fairness.channel SET epoch = -1`, "channel_epoch_check"},
	} {
		_, err := db.Exec(t.Context(), test.sql)
		require.Equal(t, test.constraint, postgres.Constraint(err), "%s: %v", name, err)
	}
	_, err := db.Exec(t.Context(), `UPDATE fairness.standing SET balance = 0`)
	require.Error(t, err, "a balance is served less owed, always")
	_, err = db.Exec(t.Context(), "DELETE FROM fairness.entry")
	require.NoError(t, err, "shares go with their entry")
}
