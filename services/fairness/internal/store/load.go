package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// The locks are taken in the order of the arrays, which are sorted: two batches cannot wait for each other.
const lockChannels = `
SELECT c.workspace_id, c.channel_id, c.epoch, c.retention_days, c.purged_before
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM fairness.channel c WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id FOR NO KEY UPDATE) c`

const addChannels = `
INSERT INTO fairness.channel (workspace_id, channel_id, epoch)
SELECT *, 0 FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING`

const raiseEpochs = `
UPDATE fairness.channel c SET epoch = k.epoch FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k(workspace_id, channel_id, epoch)
WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id`

// Shares go with their entries.
const purgeEntries = `
WITH purged AS (
	DELETE FROM fairness.entry e USING unnest($1::text[], $2::text[], $3::bigint[]) AS k(workspace_id, channel_id, epoch)
	WHERE e.workspace_id = k.workspace_id AND e.channel_id = k.channel_id AND e.epoch < k.epoch
	RETURNING e.workspace_id, e.channel_id, e.runner_id
)
SELECT workspace_id, channel_id, count(runner_id) FROM purged GROUP BY workspace_id, channel_id`

const purgeStandings = `
DELETE FROM fairness.standing s USING unnest($1::text[], $2::text[], $3::bigint[]) AS k(workspace_id, channel_id, epoch)
WHERE s.workspace_id = k.workspace_id AND s.channel_id = k.channel_id AND s.epoch < k.epoch`

const loadEntries = `
SELECT run_id, workspace_id, channel_id, epoch, version, at, coalesce(runner_id, ''), coalesce(assignment_no, 0), explanation
FROM fairness.entry WHERE run_id = ANY ($1::uuid[])`

const loadShares = `SELECT run_id, user_id, cups, owed FROM fairness.share WHERE run_id = ANY ($1::uuid[])`

const loadStandings = `
SELECT ` + standingColumns + `
FROM unnest($1::text[], $2::text[], $3::text[]) AS k(workspace_id, channel_id, user_id),
LATERAL (SELECT * FROM fairness.standing s
	WHERE s.workspace_id = k.workspace_id AND s.channel_id = k.channel_id AND s.user_id = k.user_id LIMIT 1) s`

// No policy looks further back than the largest window.
const loadRunners = `
SELECT t.workspace_id, t.channel_id, t.runner_id
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM fairness.entry e
	WHERE e.workspace_id = k.workspace_id AND e.channel_id = k.channel_id AND e.runner_id IS NOT NULL AND NOT e.alone
	ORDER BY e.at DESC, e.run_id DESC LIMIT $3) t
ORDER BY t.at, t.run_id`

// Load locks channels until tx ends, in an order that is the same for everybody, and returns what is kept of them and of
// the runs. Channels that were never heard of are made, with epoch 0. A higher epoch than before voids all that was kept
// of the channel.
func (Store) Load(ctx context.Context, tx *postgres.Tx, channels map[ledger.ChannelID]uint64, runs []uuid.UUID) (ledger.Books, error) {
	heard := columnsOf(channels)
	var books ledger.Books
	for {
		books = ledger.Books{
			Channels: make(map[ledger.ChannelID]ledger.Channel, len(channels)),
			Postings: make(map[uuid.UUID]ledger.Posting, len(runs)),
		}
		var batch pgx.Batch
		each(&batch, lockChannels, []any{heard.workspaces, heard.channels}, func(rows pgx.Rows) error {
			id, c, err := scanChannel(rows)
			books.Channels[id] = c
			return err
		})
		loadPostings(&batch, books.Postings, runs)
		if err := tx.Pgx().SendBatch(ctx, &batch).Close(); err != nil {
			return ledger.Books{}, err
		}
		if len(books.Channels) == len(channels) {
			return books, purge(ctx, tx, channels, books)
		}
		if _, err := tx.Pgx().Exec(ctx, addChannels, heard.workspaces, heard.channels); err != nil {
			return ledger.Books{}, fmt.Errorf("add channels: %w", err)
		}
	}
}

func loadPostings(batch *pgx.Batch, kept map[uuid.UUID]ledger.Posting, runs []uuid.UUID) {
	if len(runs) == 0 {
		return
	}
	ids := uuids(runs)
	each(batch, loadEntries, []any{ids}, func(rows pgx.Rows) error {
		p, err := scanPosting(rows)
		kept[p.RunID] = p
		return err
	})
	each(batch, loadShares, []any{ids}, func(rows pgx.Rows) error {
		var id uuid.UUID
		var user ledger.UserID
		var cups int
		var owed ledger.Share
		if err := rows.Scan((*[16]byte)(&id), (*string)(&user), &cups, (*int64)(&owed)); err != nil {
			return err
		}
		p := kept[id]
		if p.Cups == nil {
			p.Cups, p.Owed = map[ledger.UserID]int{}, map[ledger.UserID]ledger.Share{}
		}
		p.Cups[user], p.Owed[user] = cups, owed
		kept[id] = p
		return nil
	})
}

// purge deletes what a higher epoch has voided.
func purge(ctx context.Context, tx *postgres.Tx, heard map[ledger.ChannelID]uint64, books ledger.Books) error {
	raised := map[ledger.ChannelID]uint64{}
	for id, epoch := range heard {
		if c := books.Channels[id]; epoch > c.Epoch {
			raised[id], c.Epoch, c.Reset = epoch, epoch, true
			books.Channels[id] = c
		}
	}
	if len(raised) == 0 {
		return nil
	}
	maps.DeleteFunc(books.Postings, func(_ uuid.UUID, p ledger.Posting) bool { return p.Epoch < books.Channels[p.Channel].Epoch })
	k := columnsOf(raised)
	var batch pgx.Batch
	exec(&batch, "raise epochs", len(raised), raiseEpochs, k.workspaces, k.channels, k.epochs)
	each(&batch, purgeEntries, []any{k.workspaces, k.channels, k.epochs}, func(rows pgx.Rows) error {
		var id ledger.ChannelID
		var purged int
		err := rows.Scan(&id.Workspace, &id.Channel, &purged)
		c := books.Channels[id]
		c.Purged = purged
		books.Channels[id] = c
		return err
	})
	batch.Queue(purgeStandings, k.workspaces, k.channels, k.epochs)
	if err := tx.Pgx().SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}

// Ledgers returns channels' ledgers as far as they tell of the people given, and of the latest [ledger.MaxWindow] runners.
func (Store) Ledgers(ctx context.Context, tx *postgres.Tx, people map[ledger.ChannelID][]ledger.UserID) (map[ledger.ChannelID]ledger.Ledger, error) {
	ledgers := make(map[ledger.ChannelID]ledger.Ledger, len(people))
	var workspaces, channels, ofWorkspaces, ofChannels, users []string
	for id, all := range people {
		ledgers[id] = ledger.Ledger{Standings: make(map[ledger.UserID]ledger.Standing, len(all))}
		workspaces, channels = append(workspaces, id.Workspace), append(channels, id.Channel)
		for _, user := range all {
			ofWorkspaces, ofChannels, users = append(ofWorkspaces, id.Workspace), append(ofChannels, id.Channel), append(users, string(user))
		}
	}
	var batch pgx.Batch
	each(&batch, loadStandings, []any{ofWorkspaces, ofChannels, users}, func(rows pgx.Rows) error {
		id, c, err := scanStanding(rows)
		ledgers[id].Standings[c.User] = c.Standing
		return err
	})
	each(&batch, loadRunners, []any{workspaces, channels, ledger.MaxWindow}, func(rows pgx.Rows) error {
		var id ledger.ChannelID
		var runner ledger.UserID
		err := rows.Scan(&id.Workspace, &id.Channel, (*string)(&runner))
		l := ledgers[id]
		l.Runners = append(l.Runners, runner)
		ledgers[id] = l
		return err
	})
	return ledgers, tx.Pgx().SendBatch(ctx, &batch).Close()
}

// columns are channels and epochs as arrays.
type columns struct {
	workspaces, channels []string
	epochs               []int64
}

func columnsOf(epochs map[ledger.ChannelID]uint64) columns {
	var c columns
	for _, id := range slices.SortedFunc(maps.Keys(epochs), compareChannels) {
		c.workspaces, c.channels = append(c.workspaces, id.Workspace), append(c.channels, id.Channel)
		c.epochs = append(c.epochs, int64(epochs[id]))
	}
	return c
}

func compareChannels(a, b ledger.ChannelID) int {
	return cmp.Or(cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.Channel, b.Channel))
}
