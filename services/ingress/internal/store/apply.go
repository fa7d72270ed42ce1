package store

import (
	"cmp"
	"context"
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
// is known, and claims up to limit of these. All of it is one round trip, whatever the number of events. What belongs to
// a lower epoch than the channel's is ignored.
func (s *Store) Apply(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent, deliveries []delivery.Delivery, limit int) ([]delivery.Claim, error) {
	batch := &pgx.Batch{}
	if err := queueChannels(batch, events); err != nil {
		return nil, err
	}
	if err := queueRuns(batch, events); err != nil {
		return nil, err
	}
	queueUsuals(batch, events)
	keys, err := queueDeliveries(batch, deliveries)
	if err != nil {
		return nil, err
	}
	var claims []delivery.Claim
	if limit > 0 && len(keys.keys) > 0 {
		s.queueClaim(batch, &claims, claimRecorded, limit, keys.workspaces, keys.keys)
	}
	if err := tx.Pgx().SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	return claims, nil
}

// marshal is stable, so that equal messages are equal bytes.
var marshal = proto.MarshalOptions{Deterministic: true}

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
func queueChannels(batch *pgx.Batch, events []*runv1.RunEvent) error {
	newest := map[place]*runv1.RunEvent{}
	for _, e := range events {
		if e.GetSettings() != nil {
			newest[place{e.GetWorkspaceId(), e.GetChannelId()}] = e
		}
	}
	if len(newest) == 0 {
		return nil
	}
	var workspaces, channels []string
	var epochs, versions []int64
	var settings [][]byte
	for _, e := range sorted(newest) {
		bytes, err := marshal.Marshal(e.GetSettings())
		if err != nil {
			return fmt.Errorf("settings of %s: %w", e.GetChannelId(), err)
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
	return nil
}

// queueRuns keeps the newest snapshot of each run.
func queueRuns(batch *pgx.Batch, events []*runv1.RunEvent) error {
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
		return nil
	}
	var workspaces, runs, channels []string
	var epochs, versions []int64
	var statuses []int16
	var started []time.Time
	var snapshots [][]byte
	for _, e := range sorted(newest) {
		run := e.GetRun()
		snapshot, err := marshal.Marshal(run)
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", run.GetId(), err)
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
		WHERE NOT EXISTS (SELECT FROM ingress.channel c
			WHERE c.workspace_id = u.workspace_id AND c.channel_id = u.channel_id AND c.epoch > u.epoch)
		ON CONFLICT (workspace_id, run_id) DO UPDATE SET
			epoch = excluded.epoch, version = excluded.version, status = excluded.status, snapshot = excluded.snapshot
		WHERE excluded.version > r.version AND excluded.epoch >= r.epoch`,
		workspaces, runs, channels, epochs, versions, statuses, started, snapshots)
	return nil
}

// queueUsuals keeps the newest usual of each person and channel.
func queueUsuals(batch *pgx.Batch, events []*runv1.RunEvent) {
	newest := map[place]*runv1.RunEvent{}
	for _, e := range events {
		if usual := e.GetUsualSaved().GetUsual(); usual != nil {
			newest[place{e.GetWorkspaceId(), e.GetChannelId() + "/" + usual.GetUserId()}] = e
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
		WHERE NOT EXISTS (SELECT FROM ingress.channel c
			WHERE c.workspace_id = u.workspace_id AND c.channel_id = u.channel_id AND c.epoch > u.epoch)
		ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE SET
			epoch = excluded.epoch, drink = excluded.drink, quantity = excluded.quantity, saved_at = excluded.saved_at
		WHERE (excluded.epoch, excluded.saved_at) >= (o.epoch, o.saved_at)`,
		workspaces, channels, users, epochs, drinks, quantities, saved)
}

// nonNil: a nil slice would be NULL.
func nonNil(b []byte) []byte { return append([]byte{}, b...) }
