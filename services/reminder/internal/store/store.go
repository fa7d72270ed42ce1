// Package store keeps runs and their timers in the schema reminder. It is the only package here that knows SQL.
package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/reminder/internal/reminder"
)

// Schema is where the tables are, Role whom connections act as; Migration is the version of the schema that this release needs.
const (
	Schema    = "reminder"
	Role      = "coffeebuddy_reminder"
	Migration = 3
)

// Store is reminder's part of the database.
type Store struct{ db *postgres.DB }

// New makes a store.
func New(db *postgres.DB) *Store { return &Store{db} }

// A higher epoch voids what was known of the channel; of the same epoch the newer settings count. The rows are taken in
// the order of the arrays, which is the same for everybody, and stay locked until the transaction ends.
const saveChannels = `
INSERT INTO reminder.channel AS c (workspace_id, channel_id, epoch, settings_version, reminders, last_call)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::boolean[])
ON CONFLICT (workspace_id, channel_id) DO UPDATE SET
	epoch = greatest(c.epoch, excluded.epoch),
	settings_version = CASE WHEN excluded.epoch > c.epoch THEN excluded.settings_version ELSE greatest(c.settings_version, excluded.settings_version) END,
	reminders = CASE WHEN (excluded.epoch, excluded.settings_version) >= (c.epoch, c.settings_version) THEN excluded.reminders ELSE c.reminders END,
	last_call = CASE WHEN (excluded.epoch, excluded.settings_version) >= (c.epoch, c.settings_version) THEN excluded.last_call ELSE c.last_call END
`

const purgeLowerEpochs = `
DELETE FROM reminder.run r USING reminder.channel c, unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)
WHERE (c.workspace_id, c.channel_id) = (k.workspace_id, k.channel_id)
  AND (r.workspace_id, r.channel_id) = (c.workspace_id, c.channel_id) AND r.epoch < c.epoch`

// State is applied only if it is newer, and of the channel's present epoch.
const saveRuns = `
INSERT INTO reminder.run AS r (run_id, workspace_id, channel_id, epoch, version, pickup_at, snapshot, correlation_id, trace)
SELECT n.run_id, n.workspace_id, n.channel_id, n.epoch, n.version, n.pickup_at, n.snapshot, n.correlation_id, n.trace::jsonb
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::bytea[], $8::text[], $9::text[])
	AS n(run_id, workspace_id, channel_id, epoch, version, pickup_at, snapshot, correlation_id, trace)
JOIN reminder.channel c ON (c.workspace_id, c.channel_id, c.epoch) = (n.workspace_id, n.channel_id, n.epoch)
ON CONFLICT (run_id) DO UPDATE SET
	epoch = excluded.epoch, version = excluded.version, pickup_at = excluded.pickup_at, snapshot = excluded.snapshot,
	correlation_id = excluded.correlation_id, trace = excluded.trace
WHERE (excluded.epoch, excluded.version) > (r.epoch, r.version)`

// Timers are those of the snapshot that is kept: an older one changes nothing.
const dropTimers = `
DELETE FROM reminder.timer t USING unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(run_id, epoch, version)
JOIN reminder.run r ON (r.run_id, r.epoch, r.version) = (n.run_id, n.epoch, n.version)
WHERE t.run_id = n.run_id AND t.fired_at IS NULL`

// A timer that has fired stays so: the same assignment is reminded once, and there is one last call, whatever moves. But a
// run that was moved at the moment of its deadline has another.
const addTimers = `
INSERT INTO reminder.timer AS t (run_id, kind, assignment_no, due_at, user_id)
SELECT n.run_id, n.kind, n.assignment_no, n.due_at, n.user_id
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[], $6::timestamptz[], $7::text[])
	AS n(run_id, epoch, version, kind, assignment_no, due_at, user_id)
JOIN reminder.run r ON (r.run_id, r.epoch, r.version) = (n.run_id, n.epoch, n.version)
ON CONFLICT (run_id, kind, assignment_no) DO UPDATE SET due_at = excluded.due_at, fired_at = NULL
WHERE t.kind = 'deadline' AND t.due_at <> excluded.due_at`

// Save applies channels and runs, each sorted by the caller and at most once per channel and run, as far as they are
// news, and re-arms the timers of these runs. It takes one round trip.
func (s *Store) Save(ctx context.Context, tx *postgres.Tx, channels []reminder.Channel, runs []reminder.Armed) error {
	var batch pgx.Batch
	saveAllChannels(&batch, channels)
	if len(runs) > 0 {
		saveAllRuns(&batch, runs)
		arm(&batch, runs)
	}
	return tx.Pgx().SendBatch(ctx, &batch).Close()
}

func saveAllChannels(batch *pgx.Batch, channels []reminder.Channel) {
	var workspaces, names []string
	var epochs, versions []int64
	var reminders, lastCalls []bool
	for _, c := range channels {
		workspaces, names = append(workspaces, c.WorkspaceID), append(names, c.ChannelID)
		epochs, versions = append(epochs, int64(c.Epoch)), append(versions, int64(c.SettingsVersion))
		reminders, lastCalls = append(reminders, c.Reminders), append(lastCalls, c.LastCall)
	}
	batch.Queue(saveChannels, workspaces, names, epochs, versions, reminders, lastCalls)
	batch.Queue(purgeLowerEpochs, workspaces, names)
}

func saveAllRuns(batch *pgx.Batch, runs []reminder.Armed) {
	var ids [][16]byte
	var workspaces, channels, correlations, traces []string
	var epochs, versions []int64
	var pickups []time.Time
	var snapshots [][]byte
	for _, r := range runs {
		ids = append(ids, r.ID)
		workspaces, channels = append(workspaces, r.WorkspaceID), append(channels, r.ChannelID)
		epochs, versions = append(epochs, int64(r.Epoch)), append(versions, int64(r.Version))
		pickups, snapshots = append(pickups, r.PickupAt), append(snapshots, r.Source.Snapshot)
		correlations, traces = append(correlations, r.Source.CorrelationID), append(traces, r.Source.Trace)
	}
	batch.Queue(saveRuns, ids, workspaces, channels, epochs, versions, pickups, snapshots, correlations, traces)
	batch.Queue(dropTimers, ids, epochs, versions)
}

func arm(batch *pgx.Batch, runs []reminder.Armed) {
	var ids [][16]byte
	var kinds, users []string
	var epochs, versions []int64
	var numbers []int32
	var dues []time.Time
	for _, r := range runs {
		for _, t := range r.Timers {
			ids, kinds, numbers, dues = append(ids, r.ID), append(kinds, string(t.Kind)), append(numbers, int32(t.AssignmentNo)), append(dues, t.DueAt)
			users = append(users, t.UserID)
			epochs, versions = append(epochs, int64(r.Epoch)), append(versions, int64(r.Version))
		}
	}
	if len(ids) > 0 {
		batch.Queue(addTimers, ids, epochs, versions, kinds, numbers, dues, users)
	}
}
