package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// The locks are taken in the order of the arrays, which are sorted: two batches cannot wait for each other.
const lockChannels = `
SELECT c.workspace_id, c.channel_id, c.epoch, c.purged_before
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM fairness.channel c WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id FOR NO KEY UPDATE) c`

const addChannels = `
INSERT INTO fairness.channel (workspace_id, channel_id, epoch)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT DO NOTHING`

const raiseEpochs = `
UPDATE fairness.channel c SET epoch = k.epoch FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k(workspace_id, channel_id, epoch)
WHERE c.workspace_id = k.workspace_id AND c.channel_id = k.channel_id`

// Shares go with their entries.
const purgeEntries = `
DELETE FROM fairness.entry e USING unnest($1::text[], $2::text[], $3::bigint[]) AS k(workspace_id, channel_id, epoch)
WHERE e.workspace_id = k.workspace_id AND e.channel_id = k.channel_id AND e.epoch < k.epoch`

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

const countEntries = `SELECT count(*) FROM fairness.entry WHERE workspace_id = $1 AND channel_id = $2 AND epoch < $3 AND runner_id IS NOT NULL`

// Count counts the entries of a channel that are of lower epochs: what a reset purges.
func (Store) Count(ctx context.Context, tx *postgres.Tx, channel ledger.ChannelID, epoch uint64) (n uint64, err error) {
	err = tx.Pgx().QueryRow(ctx, countEntries, channel.Workspace, channel.Channel, epoch).Scan(&n)
	return n, err
}

// Load locks channels until tx ends, in an order that is the same for everybody, and returns them with their epochs.
// Channels that were never heard of are made. A higher epoch than before voids all that was kept of the channel.
// Of the runs it returns what is kept.
func (Store) Load(ctx context.Context, tx *postgres.Tx, channels map[ledger.ChannelID]uint64, runs []uuid.UUID) (ledger.Books, error) {
	heard := columnsOf(channels)
	var books ledger.Books
	for {
		books = ledger.Books{
			Epochs:       make(map[ledger.ChannelID]uint64, len(channels)),
			PurgedBefore: make(map[ledger.ChannelID]time.Time, len(channels)),
			Postings:     make(map[uuid.UUID]ledger.Posting, len(runs)),
		}
		epochs, kept := books.Epochs, books.Postings
		var batch pgx.Batch
		each(&batch, lockChannels, []any{heard.workspaces, heard.channels}, func(rows pgx.Rows) error {
			var id ledger.ChannelID
			var epoch uint64
			var purged pgtype.Timestamptz
			err := rows.Scan(&id.Workspace, &id.Channel, &epoch, &purged)
			epochs[id] = epoch
			if purged.InfinityModifier == pgtype.Finite {
				books.PurgedBefore[id] = purged.Time
			}
			return err
		})
		loadPostings(&batch, kept, runs)
		if err := tx.Pgx().SendBatch(ctx, &batch).Close(); err != nil {
			return ledger.Books{}, err
		}
		if len(epochs) == len(channels) {
			return books, purge(ctx, tx, channels, epochs, kept)
		}
		if _, err := tx.Pgx().Exec(ctx, addChannels, heard.workspaces, heard.channels, heard.epochs); err != nil {
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
func purge(ctx context.Context, tx *postgres.Tx, channels, epochs map[ledger.ChannelID]uint64, kept map[uuid.UUID]ledger.Posting) error {
	raised := map[ledger.ChannelID]uint64{}
	for id, epoch := range channels {
		if epoch > epochs[id] {
			raised[id], epochs[id] = epoch, epoch
		}
	}
	if len(raised) == 0 {
		return nil
	}
	maps.DeleteFunc(kept, func(_ uuid.UUID, p ledger.Posting) bool { return p.Epoch < epochs[p.Channel] })
	k := columnsOf(raised)
	var batch pgx.Batch
	for _, sql := range []string{raiseEpochs, purgeEntries, purgeStandings} {
		batch.Queue(sql, k.workspaces, k.channels, k.epochs)
	}
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
