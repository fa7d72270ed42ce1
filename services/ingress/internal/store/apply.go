package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
)

// Apply applies the snapshots of events as far as they are newer than what is known, records deliveries unless their key
// is known, and claims up to limit of those that may be sent at once. All of it is one round trip, whatever the number of
// events. What belongs to a lower epoch than the channel's is ignored.
func (s *Store) Apply(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent, deliveries []delivery.Delivery, limit int) ([]delivery.Claim, error) {
	batch := &pgx.Batch{}
	settings, err := queueChannels(batch, events)
	if err != nil {
		return nil, err
	}
	queueResets(batch, events)
	runs, err := queueRuns(batch, events)
	if err != nil {
		return nil, err
	}
	queueUsuals(batch, events)
	if err := queueChanges(batch, events); err != nil {
		return nil, err
	}
	for _, e := range events {
		queueErasure(batch, e)
	}
	var claims []delivery.Claim
	if err := s.queueDeliveries(batch, deliveries, limit, &claims); err != nil {
		return nil, err
	}
	if err := tx.Pgx().SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	for i := range claims {
		c := &claims[i]
		if e := settings[place{c.WorkspaceID, c.ChannelID}]; e != nil {
			c.Settings = e.GetSettings()
		}
		if c.RunID == "" {
			continue
		}
		// What these events brought is the newest state, unless a newer one was known already.
		if c.Run = runs[place{c.WorkspaceID, c.RunID}]; c.Run == nil {
			if c.Run, err = s.runIn(ctx, tx, c.WorkspaceID, c.RunID); err != nil {
				return nil, err
			}
		}
	}
	return claims, nil
}

func (s *Store) runIn(ctx context.Context, tx *postgres.Tx, workspaceID, runID string) (*runv1.Run, error) {
	var snapshot []byte
	err := tx.Pgx().QueryRow(ctx, `SELECT snapshot FROM ingress.run WHERE workspace_id = $1 AND run_id = $2`, workspaceID, runID).Scan(&snapshot)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	run := &runv1.Run{}
	if err == nil {
		err = proto.Unmarshal(snapshot, run)
	}
	if err != nil {
		return nil, fmt.Errorf("load run %s: %w", runID, err)
	}
	return run, nil
}

// marshal is stable, so that equal messages are equal bytes.
var marshal = proto.MarshalOptions{Deterministic: true}

// current says whether a row of what is written is not of a lower epoch than its channel. (As a join the server would
// read all channels for it.)
const current = `COALESCE((SELECT c.epoch FROM ingress.channel c
	WHERE c.workspace_id = u.workspace_id AND c.channel_id = u.channel_id), 0) <= u.epoch`

// place is a channel, or a thing by its id.
type place struct{ workspaceID, id string }

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.workspaceID, b.workspaceID), cmp.Compare(a.id, b.id))
}

// sorted lists the values in the order of their keys: whoever locks several rows does so in that order.
func sorted[T any](m map[place]T) []T {
	list := make([]T, 0, len(m))
	for _, k := range slices.SortedFunc(maps.Keys(m), comparePlaces) {
		list = append(list, m[k])
	}
	return list
}

// queueChannels keeps the newest settings of each channel, and its epoch. Most events change neither.
// It returns the newest event of each.
func queueChannels(batch *pgx.Batch, events []*runv1.RunEvent) (map[place]*runv1.RunEvent, error) {
	newest := map[place]*runv1.RunEvent{}
	for _, e := range events {
		if e.GetSettings() == nil {
			continue
		}
		k := place{e.GetWorkspaceId(), e.GetChannelId()}
		if n := newest[k]; n == nil || n.GetEpoch() <= e.GetEpoch() {
			newest[k] = e
		}
	}
	if len(newest) == 0 {
		return nil, nil
	}
	var workspaces, channels []string
	var epochs, versions []int64
	var settings [][]byte
	for _, e := range sorted(newest) {
		bytes, err := marshal.Marshal(e.GetSettings())
		if err != nil {
			return nil, fmt.Errorf("settings of %s: %w", e.GetChannelId(), err)
		}
		workspaces, channels = append(workspaces, e.GetWorkspaceId()), append(channels, e.GetChannelId())
		epochs, versions = append(epochs, int64(e.GetEpoch())), append(versions, int64(e.GetSettings().GetVersion()))
		settings = append(settings, nonNil(bytes))
	}
	batch.Queue(`
		INSERT INTO ingress.channel AS c (workspace_id, channel_id, epoch, settings_version, settings)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])
		ON CONFLICT (workspace_id, channel_id) DO UPDATE SET
			epoch = excluded.epoch, settings_version = excluded.settings_version, settings = excluded.settings
		WHERE (excluded.epoch, excluded.settings_version) > (c.epoch, c.settings_version)
			-- Defaults are version 0 and come from the environment of runs, so they can change.
			OR (excluded.epoch, excluded.settings_version) = (c.epoch, c.settings_version) AND excluded.settings <> c.settings`,
		workspaces, channels, epochs, versions, settings)
	return newest, nil
}

// queueRuns keeps the newest snapshot of each run. It returns those that were newer than what was known,
// once the batch is through.
func queueRuns(batch *pgx.Batch, events []*runv1.RunEvent) (map[place]*runv1.Run, error) {
	newest := map[place]*runv1.RunEvent{}
	for _, e := range events {
		if e.GetRun() == nil {
			continue
		}
		k := place{e.GetWorkspaceId(), e.GetRun().GetId()}
		if n := newest[k]; n == nil || n.GetEpoch() <= e.GetEpoch() && n.GetRun().GetVersion() < e.GetRun().GetVersion() {
			newest[k] = e
		}
	}
	if len(newest) == 0 {
		return nil, nil
	}
	applied := make(map[place]*runv1.Run, len(newest))
	var workspaces, runs, channels []string
	var epochs, versions []int64
	var statuses []int16
	var started []time.Time
	var snapshots [][]byte
	for _, e := range sorted(newest) {
		run := e.GetRun()
		snapshot, err := marshal.Marshal(run)
		if err != nil {
			return nil, fmt.Errorf("snapshot of %s: %w", run.GetId(), err)
		}
		workspaces, runs, channels = append(workspaces, e.GetWorkspaceId()), append(runs, run.GetId()), append(channels, e.GetChannelId())
		epochs, versions = append(epochs, int64(e.GetEpoch())), append(versions, int64(run.GetVersion()))
		statuses, started = append(statuses, int16(run.GetStatus())), append(started, run.GetStartedAt().AsTime())
		snapshots = append(snapshots, nonNil(snapshot))
	}
	batch.Queue(`
		INSERT INTO ingress.run AS r (workspace_id, run_id, channel_id, epoch, version, status, started_at, snapshot)
		SELECT u.* FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::smallint[], $7::timestamptz[], $8::bytea[])
			AS u (workspace_id, run_id, channel_id, epoch, version, status, started_at, snapshot)
		WHERE `+current+`
		ON CONFLICT (workspace_id, run_id) DO UPDATE SET
			epoch = excluded.epoch, version = excluded.version, status = excluded.status, snapshot = excluded.snapshot
		WHERE excluded.version > r.version AND excluded.epoch >= r.epoch
		RETURNING workspace_id, run_id`,
		workspaces, runs, channels, epochs, versions, statuses, started, snapshots,
	).Query(func(rows pgx.Rows) error {
		var k place
		_, err := pgx.ForEachRow(rows, []any{&k.workspaceID, &k.id}, func() error {
			applied[k] = newest[k].GetRun()
			return nil
		})
		return err
	})
	return applied, nil
}

// queueUsuals keeps the newest usual of each person and channel.
func queueUsuals(batch *pgx.Batch, events []*runv1.RunEvent) {
	newest := map[place]*runv1.RunEvent{}
	for _, e := range events {
		if usual := e.GetUsualSaved().GetUsual(); usual != nil {
			newest[place{e.GetWorkspaceId(), e.GetChannelId() + "/" + usual.GetUserId()}] = e
		}
		if cleared := e.GetUsualCleared(); cleared != nil {
			delete(newest, place{e.GetWorkspaceId(), e.GetChannelId() + "/" + cleared.GetUserId()})
			batch.Queue(`DELETE FROM ingress.usual WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3
				AND (epoch, saved_at) <= ($4, $5)`,
				e.GetWorkspaceId(), e.GetChannelId(), cleared.GetUserId(), int64(e.GetEpoch()), e.GetOccurredAt().AsTime())
		}
	}
	if len(newest) == 0 {
		return
	}
	var workspaces, channels, users, drinks []string
	var epochs []int64
	var quantities []int16
	var saved []time.Time
	for _, e := range sorted(newest) {
		usual := e.GetUsualSaved().GetUsual()
		workspaces, channels, users = append(workspaces, e.GetWorkspaceId()), append(channels, e.GetChannelId()), append(users, usual.GetUserId())
		epochs, drinks, quantities = append(epochs, int64(e.GetEpoch())), append(drinks, usual.GetDrink()), append(quantities, int16(max(usual.GetQuantity(), 1)))
		saved = append(saved, e.GetOccurredAt().AsTime())
	}
	batch.Queue(`
		INSERT INTO ingress.usual AS o (workspace_id, channel_id, user_id, epoch, drink, quantity, saved_at)
		SELECT u.* FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::timestamptz[])
			AS u (workspace_id, channel_id, user_id, epoch, drink, quantity, saved_at)
		WHERE `+current+`
		ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE SET
			epoch = excluded.epoch, drink = excluded.drink, quantity = excluded.quantity, saved_at = excluded.saved_at
		WHERE (excluded.epoch, excluded.saved_at) >= (o.epoch, o.saved_at)`,
		workspaces, channels, users, epochs, drinks, quantities, saved)
}

// resetChannel deletes what a reset voids. What Slack shows stays there: a click on it is answered.
var resetChannel = []string{
	`DELETE FROM ingress.run WHERE workspace_id = $1 AND channel_id = $2 AND epoch < $3`,
	`DELETE FROM ingress.usual WHERE workspace_id = $1 AND channel_id = $2 AND epoch < $3`,
	`DELETE FROM ingress.standings WHERE workspace_id = $1 AND channel_id = $2 AND epoch < $3`,
	`DELETE FROM ingress.delivery WHERE workspace_id = $1 AND channel_id = $2 AND epoch < $3`,
}

func queueResets(batch *pgx.Batch, events []*runv1.RunEvent) {
	for _, e := range events {
		if e.GetChannelReset() == nil {
			continue
		}
		for _, sql := range resetChannel {
			batch.Queue(sql, e.GetWorkspaceId(), e.GetChannelId(), int64(e.GetEpoch()))
		}
	}
}

// keptChanges are the latest changes of a channel's settings that are remembered.
const keptChanges = 5

// queueChanges keeps what was changed about channels, the latest few changes of each.
func queueChanges(batch *pgx.Batch, events []*runv1.RunEvent) error {
	for _, e := range events {
		changed := e.GetSettingsChanged()
		version := e.GetSettings().GetVersion()
		if changed == nil || changed.GetPrevious().GetVersion() == version {
			continue
		}
		previous, err := marshal.Marshal(changed.GetPrevious())
		if err != nil {
			return fmt.Errorf("settings of %s: %w", e.GetChannelId(), err)
		}
		settings, err := marshal.Marshal(e.GetSettings())
		if err != nil {
			return fmt.Errorf("settings of %s: %w", e.GetChannelId(), err)
		}
		batch.Queue(`
			INSERT INTO ingress.settings_change (workspace_id, channel_id, version, changed_at, actor_id, previous, settings)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			e.GetWorkspaceId(), e.GetChannelId(), int64(version), e.GetOccurredAt().AsTime(), e.GetActorId(), nonNil(previous), nonNil(settings))
		batch.Queue(`DELETE FROM ingress.settings_change WHERE workspace_id = $1 AND channel_id = $2 AND version <= $3`,
			e.GetWorkspaceId(), e.GetChannelId(), int64(version)-keptChanges)
	}
	return nil
}

// nonNil: a nil slice would be NULL.
func nonNil(b []byte) []byte { return append([]byte{}, b...) }
