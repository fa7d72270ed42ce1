package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// A run stays in its channel.
const saveEntries = `
INSERT INTO fairness.entry AS e (run_id, workspace_id, channel_id, epoch, version, at, runner_id, alone, assignment_no, explanation)
SELECT run_id, workspace_id, channel_id, epoch, version, at, nullif(runner_id, ''), alone, nullif(assignment_no, 0), explanation
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::boolean[], $9::integer[], $10::bytea[])
	AS n(run_id, workspace_id, channel_id, epoch, version, at, runner_id, alone, assignment_no, explanation)
ON CONFLICT (run_id) DO UPDATE SET
	epoch = excluded.epoch, version = excluded.version, runner_id = excluded.runner_id, alone = excluded.alone,
	assignment_no = excluded.assignment_no, explanation = excluded.explanation
WHERE e.workspace_id = excluded.workspace_id AND e.channel_id = excluded.channel_id`

const dropShares = `DELETE FROM fairness.share WHERE run_id = ANY ($1::uuid[])`

const addShares = `
INSERT INTO fairness.share (run_id, user_id, workspace_id, channel_id, at, cups, owed)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::smallint[], $7::bigint[])`

const addStandings = `
INSERT INTO fairness.standing (workspace_id, channel_id, user_id, epoch, cups, owed, served, since)
SELECT workspace_id, channel_id, user_id, epoch, 0, 0, 0, at
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) AS n(workspace_id, channel_id, user_id, epoch, at)
ON CONFLICT DO NOTHING`

// Sums are moved by the difference. When someone first took part and last served is looked up in the entries, for what
// is taken back or comes late may be any of them: each an index's first or last row, or what dropped ones left.
const moveStandings = `
UPDATE fairness.standing s SET
	cups = s.cups + d.cups, owed = s.owed + d.owed, served = s.served + d.served,
	since = coalesce(least(d.since, s.opened_since), s.since), last_served_at = greatest(d.last_served_at, s.opened_served_at)
FROM (SELECT n.*,
		least(
			(SELECT min(h.at) FROM fairness.share h
				WHERE h.workspace_id = n.workspace_id AND h.channel_id = n.channel_id AND h.user_id = n.user_id),
			(SELECT min(e.at) FROM fairness.entry e
				WHERE e.workspace_id = n.workspace_id AND e.channel_id = n.channel_id AND e.runner_id = n.user_id AND NOT e.alone)) AS since,
		(SELECT max(e.at) FROM fairness.entry e
			WHERE e.workspace_id = n.workspace_id AND e.channel_id = n.channel_id AND e.runner_id = n.user_id AND NOT e.alone) AS last_served_at
	FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::integer[])
		AS n(workspace_id, channel_id, user_id, cups, owed, served)) d
WHERE s.workspace_id = d.workspace_id AND s.channel_id = d.channel_id AND s.user_id = d.user_id`

// Who neither drank nor served is in no entry any more.
const dropStandings = `
DELETE FROM fairness.standing s USING unnest($1::text[], $2::text[], $3::text[]) AS n(workspace_id, channel_id, user_id)
WHERE s.workspace_id = n.workspace_id AND s.channel_id = n.channel_id AND s.user_id = n.user_id AND s.cups = 0 AND s.served = 0`

const raiseVersions = `
UPDATE fairness.channel c SET standings_version = standings_version + 1
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)
WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id
RETURNING c.workspace_id, c.channel_id, c.epoch, c.standings_version`

const loadTables = `
SELECT ` + standingColumns + `
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM fairness.standing s WHERE s.workspace_id = k.workspace_id AND s.channel_id = k.channel_id
	ORDER BY s.balance, s.user_id LIMIT $3) s
ORDER BY s.balance, s.user_id`

// maxRows of a table are told: an event about more people would be of no more use, only larger.
const maxRows = 200

// Book writes changes of channels that tx has loaded, at most one per channel, and returns the tables of those in which
// they moved somebody, most indebted people first and 200 at most.
func (Store) Book(ctx context.Context, tx *postgres.Tx, changes []ledger.Change) ([]ledger.Table, error) {
	var batch pgx.Batch
	saveAll(&batch, changes)
	var moves []ledger.Change
	for _, c := range changes {
		if c.Moves() {
			moves = append(moves, c)
		}
	}
	if len(moves) == 0 {
		return nil, tx.Pgx().SendBatch(ctx, &batch).Close()
	}
	share(&batch, moves)
	move(&batch, moves)
	tables := make([]ledger.Table, 0, len(moves))
	var moved []ledger.ChannelID
	for _, c := range moves {
		moved = append(moved, c.After.Channel)
	}
	tabulate(&batch, moved, &tables)
	return tables, tx.Pgx().SendBatch(ctx, &batch).Close()
}

func saveAll(batch *pgx.Batch, changes []ledger.Change) {
	var ids [][16]byte
	var workspaces, channels, runners []string
	var epochs, versions []int64
	var times []time.Time
	var alone []bool
	var numbers []int32
	var explanations [][]byte
	for _, c := range changes {
		p := c.After
		ids, workspaces, channels = append(ids, p.RunID), append(workspaces, p.Channel.Workspace), append(channels, p.Channel.Channel)
		epochs, versions, times = append(epochs, int64(p.Epoch)), append(versions, int64(p.Version)), append(times, p.At)
		runners, alone = append(runners, string(p.Runner)), append(alone, p.Alone())
		numbers, explanations = append(numbers, int32(p.AssignmentNo)), append(explanations, p.Explanation)
	}
	exec(batch, "save entries", len(changes), saveEntries, ids, workspaces, channels, epochs, versions, times, runners, alone, numbers, explanations)
}

// share writes what the entries cost whom.
func share(batch *pgx.Batch, moves []ledger.Change) {
	var before, ids [][16]byte
	var users, workspaces, channels []string
	var times []time.Time
	var cups []int16
	var owed []int64
	for _, c := range moves {
		if c.Before.Runner != "" {
			before = append(before, c.Before.RunID)
		}
		for user, share := range c.After.Owed {
			ids, users = append(ids, c.After.RunID), append(users, string(user))
			workspaces, channels = append(workspaces, c.After.Channel.Workspace), append(channels, c.After.Channel.Channel)
			times, cups, owed = append(times, c.After.At), append(cups, int16(c.After.Cups[user])), append(owed, int64(share))
		}
	}
	if len(before) > 0 {
		batch.Queue(dropShares, before)
	}
	if len(ids) > 0 {
		exec(batch, "add shares", len(ids), addShares, ids, users, workspaces, channels, times, cups, owed)
	}
}

// move moves the standings of all who are in an entry, before or after.
func move(batch *pgx.Batch, moves []ledger.Change) {
	var workspaces, channels, users []string
	var epochs, owed []int64
	var times []time.Time
	var cups, served []int32
	for _, c := range moves {
		for user, d := range c.Difference() {
			workspaces, channels, users = append(workspaces, c.After.Channel.Workspace), append(channels, c.After.Channel.Channel), append(users, string(user))
			epochs, times = append(epochs, int64(c.After.Epoch)), append(times, c.After.At)
			cups, owed, served = append(cups, int32(d.Cups)), append(owed, int64(d.Owed)), append(served, int32(d.Served))
		}
	}
	batch.Queue(addStandings, workspaces, channels, users, epochs, times)
	exec(batch, "move standings", len(users), moveStandings, workspaces, channels, users, cups, owed, served)
	batch.Queue(dropStandings, workspaces, channels, users)
}

// tabulate raises the versions of channels that have changed and reads their tables.
func tabulate(batch *pgx.Batch, changed []ledger.ChannelID, tables *[]ledger.Table) {
	var workspaces, channels []string
	for _, id := range changed {
		workspaces, channels = append(workspaces, id.Workspace), append(channels, id.Channel)
	}
	at := make(map[ledger.ChannelID]int, len(changed))
	each(batch, raiseVersions, []any{workspaces, channels}, func(rows pgx.Rows) error {
		var t ledger.Table
		err := rows.Scan(&t.Channel.Workspace, &t.Channel.Channel, &t.Epoch, &t.Version)
		at[t.Channel] = len(*tables)
		*tables = append(*tables, t)
		return err
	})
	each(batch, loadTables, []any{workspaces, channels, maxRows}, func(rows pgx.Rows) error {
		id, candidate, err := scanStanding(rows)
		if err == nil {
			t := &(*tables)[at[id]]
			t.Rows = append(t.Rows, candidate)
		}
		return err
	})
}
