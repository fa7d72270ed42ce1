package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// The locks are taken in the order of the arrays, which are sorted: two batches cannot wait for each other.
// NO KEY, so that the foreign keys that point to the row need not wait.
const lockChannels = `
SELECT ` + channelColumns + `
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM runs.channel c WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id FOR NO KEY UPDATE) c`

const overdue = `
SELECT id, workspace_id, channel_id FROM runs.run WHERE answer_due_at <= $1 AND id <> ALL($3::uuid[]) ORDER BY answer_due_at LIMIT $2`

// Who finds a channel locked comes again later: whoever holds it changes the run anyway.
const lockIdleChannels = `
SELECT ` + channelColumns + `
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)) k,
LATERAL (SELECT * FROM runs.channel c
	WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id FOR NO KEY UPDATE SKIP LOCKED) c`

const addChannels = `
INSERT INTO runs.channel (workspace_id, channel_id)
SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING`

const claimCommands = `
INSERT INTO runs.inbox (command_id)
SELECT * FROM unnest($1::uuid[])
ON CONFLICT DO NOTHING
RETURNING command_id`

// scope are the ids of the open runs of channels ($1, $2) and of those named ($3).
// OFFSET 0, here and elsewhere, has the planner use the index: a plan is kept, and it may have been made while a table was small.
const scope = `
SELECT r.id FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT id FROM runs.run r
	WHERE r.workspace_id = k.workspace_id AND r.channel_id = k.channel_id AND r.status IN ('open', 'closing') OFFSET 0) r
UNION SELECT unnest($3::uuid[])`

const loadRuns = `
SELECT ` + runColumns + ` FROM (` + scope + `) s, LATERAL (SELECT * FROM runs.run WHERE id = s.id OFFSET 0) r`

const loadOrders = `
SELECT o.run_id, o.user_id, o.version, o.drink, o.quantity, o.placed_at, o.changed_at
FROM (` + scope + `) s, LATERAL (SELECT * FROM runs.drink_order WHERE run_id = s.id OFFSET 0) o
ORDER BY o.placed_at`

const loadUsuals = `
SELECT u.workspace_id, u.channel_id, u.user_id, u.drink, u.quantity
FROM unnest($1::text[], $2::text[], $3::text[]) AS k(workspace_id, channel_id, user_id),
LATERAL (SELECT * FROM runs.usual u
	WHERE u.workspace_id = k.workspace_id AND u.channel_id = k.channel_id AND u.user_id = k.user_id OFFSET 0) u`

// Load locks the channels in scope until tx ends, in an order that is the same for everybody, and returns them with what
// is in scope. Channels that were never heard of are made. Of the command ids it claims those that are new and returns
// them: the others have taken effect before.
func (s *Store) Load(ctx context.Context, tx *postgres.Tx, in run.Scope, commands []uuid.UUID) (map[run.ChannelID]*run.Channel, map[uuid.UUID]bool, error) {
	ids := slices.Clone(in.Channels)
	slices.SortFunc(ids, func(a, b run.ChannelID) int {
		return cmp.Or(cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.Channel, b.Channel))
	})
	ids = slices.Compact(ids)
	workspaces, channels := columns(ids)
	fresh := make(map[uuid.UUID]bool, len(commands))
	loaded := make(map[run.ChannelID]*run.Channel, len(ids))
	for claimed := len(commands) == 0; ; claimed = true {
		var t trip
		if !claimed {
			t.query("claim commands", claimCommands, []any{uuids(commands)}, func(rows pgx.Rows) error {
				var id uuid.UUID
				err := rows.Scan((*[16]byte)(&id))
				fresh[id] = true
				return err
			})
		}
		clear(loaded)
		t.query("lock channels", lockChannels, []any{workspaces, channels}, s.scanChannel(loaded))
		s.load(&t, loaded, workspaces, channels, in)
		if err := t.send(ctx, tx); err != nil {
			return nil, nil, err
		}
		if len(loaded) == len(ids) {
			return loaded, fresh, nil
		}
		if _, err := tx.Pgx().Exec(ctx, addChannels, workspaces, channels); err != nil {
			return nil, nil, err
		}
	}
}

// LoadOverdue locks and returns channels that have a run in which an answer of fairness is due at now, at most limit runs,
// with these runs, leaving out channels that someone else works on, and the runs not wanted.
func (s *Store) LoadOverdue(ctx context.Context, tx *postgres.Tx, now time.Time, limit int, not []uuid.UUID) ([]*run.Channel, error) {
	var in run.Scope
	var workspaces, channels []string
	var find, lock, load trip
	find.query("find overdue runs", overdue, []any{now, limit, uuids(not)}, func(rows pgx.Rows) error {
		var id uuid.UUID
		var workspace, channel string
		err := rows.Scan((*[16]byte)(&id), &workspace, &channel)
		in.Runs, workspaces, channels = append(in.Runs, id), append(workspaces, workspace), append(channels, channel)
		return err
	})
	if err := find.send(ctx, tx); err != nil || len(in.Runs) == 0 {
		return nil, err
	}
	loaded := map[run.ChannelID]*run.Channel{}
	lock.query("lock overdue channels", lockIdleChannels, []any{workspaces, channels}, s.scanChannel(loaded))
	if err := lock.send(ctx, tx); err != nil || len(loaded) == 0 {
		return nil, err
	}
	s.load(&load, loaded, nil, nil, in)
	return slices.Collect(maps.Values(loaded)), load.send(ctx, tx)
}

const overdueResets = `SELECT workspace_id, channel_id FROM runs.reset WHERE due_at <= $1 ORDER BY due_at LIMIT $2`

// LoadOverdueResets locks and returns channels whose reset is to be completed at now, at most limit, leaving out those
// that someone else works on.
func (s *Store) LoadOverdueResets(ctx context.Context, tx *postgres.Tx, now time.Time, limit int) ([]*run.Channel, error) {
	var ids []run.ChannelID
	var find, lock, load trip
	find.query("find overdue resets", overdueResets, []any{now, limit}, func(rows pgx.Rows) error {
		var id run.ChannelID
		err := rows.Scan(&id.Workspace, &id.Channel)
		ids = append(ids, id)
		return err
	})
	if err := find.send(ctx, tx); err != nil || len(ids) == 0 {
		return nil, err
	}
	loaded := map[run.ChannelID]*run.Channel{}
	workspaces, channels := columns(ids)
	lock.query("lock channels", lockIdleChannels, []any{workspaces, channels}, s.scanChannel(loaded))
	if err := lock.send(ctx, tx); err != nil || len(loaded) == 0 {
		return nil, err
	}
	loadResets(&load, loaded, ids)
	return slices.Collect(maps.Values(loaded)), load.send(ctx, tx)
}

// People who ordered in at least half of the channel's last ten closed runs and did not opt out, the most regular first.
const loadRegulars = `
SELECT k.workspace_id, k.channel_id, o.user_id
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)
CROSS JOIN LATERAL (SELECT o.user_id, count(*) AS times, max(r.latest) AS of
	FROM (SELECT id, count(*) OVER () AS latest FROM (SELECT id FROM runs.run r
		WHERE r.workspace_id = k.workspace_id AND r.channel_id = k.channel_id AND r.status = 'closed'
		ORDER BY started_at DESC LIMIT 10) r) r
	JOIN runs.drink_order o ON o.run_id = r.id AND o.drink IS NOT NULL
	GROUP BY o.user_id HAVING count(*) * 2 >= max(r.latest)) o
LEFT JOIN runs.personal_settings p ON p.workspace_id = k.workspace_id AND p.user_id = o.user_id
WHERE p.named_in_last_calls IS NOT FALSE AND NOT starts_with(o.user_id, 'erased-')
ORDER BY o.times DESC, o.user_id`

func (s *Store) load(t *trip, loaded map[run.ChannelID]*run.Channel, workspaces, channels []string, in run.Scope) {
	named := uuids(in.Runs)
	runs := make(map[uuid.UUID]*run.Run, len(channels))
	t.query("load runs", loadRuns, []any{workspaces, channels, named}, func(rows pgx.Rows) error {
		r, err := scanRun(rows)
		if err != nil {
			return err
		}
		if c := loaded[r.Channel]; c != nil { // else it was named in a channel that is not its own
			c.Runs = append(c.Runs, r)
			runs[r.ID] = r
		}
		return nil
	})
	t.query("load orders", loadOrders, []any{workspaces, channels, named}, func(rows pgx.Rows) error {
		id, version, order, err := scanOrder(rows)
		if r := runs[id]; r != nil {
			r.Version = max(r.Version, version)
			if order.Drink != "" {
				r.Orders = append(r.Orders, order)
			}
		}
		return err
	})
	if len(in.Resets) > 0 {
		loadResets(t, loaded, in.Resets)
	}
	if len(in.Regulars) > 0 {
		s.loadRegulars(t, loaded, in.Regulars)
	}
	if len(in.Usuals) == 0 {
		return
	}
	people := make([][]string, 3)
	for _, p := range in.Usuals {
		people[0], people[1], people[2] = append(people[0], p.Channel.Workspace), append(people[1], p.Channel.Channel), append(people[2], string(p.User))
	}
	t.query("load usuals", loadUsuals, []any{people[0], people[1], people[2]}, func(rows pgx.Rows) error {
		id, usual, err := scanUsual(rows)
		if c := loaded[id]; c != nil {
			c.Usuals[usual.User] = usual
		}
		return err
	})
}

// columns are the ids' parts.
func columns(ids []run.ChannelID) (workspaces, channels []string) {
	workspaces, channels = make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		workspaces[i], channels[i] = id.Workspace, id.Channel
	}
	return workspaces, channels
}

func (s *Store) loadRegulars(t *trip, loaded map[run.ChannelID]*run.Channel, of []run.ChannelID) {
	workspaces, channels := columns(of)
	t.query("load regulars", loadRegulars, []any{workspaces, channels}, func(rows pgx.Rows) error {
		var id run.ChannelID
		var user run.UserID
		err := rows.Scan(&id.Workspace, &id.Channel, (*string)(&user))
		if c := loaded[id]; c != nil {
			c.Regulars = append(c.Regulars, user)
		}
		return err
	})
}

func (s *Store) scanChannel(into map[run.ChannelID]*run.Channel) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		c, err := scanChannel(rows, s.defaults)
		if err == nil {
			into[c.ID] = c
		}
		return err
	}
}
