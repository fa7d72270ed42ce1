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
	c := channel("C1")
	b.save(c, armed(c, 1, noon))
	db := b.kit.Connect()
	for name, test := range map[string]struct{ sql, constraint string }{
		"channel without a name": {`INSERT INTO reminder.channel VALUES ('T1', '', 1, 0, true, false)`, "channel_channel_id_check"},
		"epoch below all":        {`UPDATE reminder.channel SET epoch = -1`, "channel_epoch_check"},
		"run of no channel":      {`UPDATE reminder.run SET channel_id = 'C2'`, "run_workspace_id_channel_id_fkey"},
		"run of no version":      {`UPDATE reminder.run SET version = 0`, "run_version_check"},
		"second snapshot":        {`INSERT INTO reminder.run SELECT * FROM reminder.run`, "run_pkey"},
		"timer of no run":        {`UPDATE reminder.timer SET run_id = gen_random_uuid()`, "timer_run_id_fkey"},
		"timer for anything":     {`UPDATE reminder.timer SET kind = 'any', assignment_no = 0, user_id = ''`, "timer_kind_check"},
		"deadline of a number":   {`UPDATE reminder.timer SET kind = 'deadline'`, "timer_assignment_no_check"},
		"timer for nobody":       {`UPDATE reminder.timer SET assignment_no = 0`, "timer_assignment_no_check"},
		"second timer":           {`INSERT INTO reminder.timer SELECT * FROM reminder.timer`, "timer_pkey"},
	} {
		_, err := db.Exec(t.Context(), test.sql)
		require.Equal(t, test.constraint, postgres.Constraint(err), "%s: %v", name, err)
	}
	_, err := db.Exec(t.Context(), "DELETE FROM reminder.run")
	require.NoError(t, err, "timers go with their run")
}
