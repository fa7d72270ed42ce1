package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Settings returns a channel's settings, nil if nothing happened there yet.
func (s *Store) Settings(ctx context.Context, workspaceID, channelID string) (*runv1.ChannelSettings, error) {
	var rows []struct{ Settings []byte }
	err := s.db.Read(ctx).Raw(`
		SELECT settings FROM ingress.channel WHERE workspace_id = ? AND channel_id = ?`, workspaceID, channelID).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	settings := &runv1.ChannelSettings{}
	if err := proto.Unmarshal(rows[0].Settings, settings); err != nil {
		return nil, fmt.Errorf("settings of a channel: %w", err)
	}
	return settings, nil
}

// SettingsChanges returns the latest changes of a channel's settings, the newest first, as the events that told of them.
func (s *Store) SettingsChanges(ctx context.Context, workspaceID, channelID string) ([]*runv1.RunEvent, error) {
	var rows []struct {
		ChangedAt          time.Time
		ActorID            string
		Previous, Settings []byte
	}
	err := s.db.Read(ctx).Raw(`
		SELECT changed_at, actor_id, previous, settings FROM ingress.settings_change
		WHERE workspace_id = ? AND channel_id = ? ORDER BY version DESC`, workspaceID, channelID).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("load changes of settings: %w", err)
	}
	var all []*runv1.RunEvent
	for _, row := range rows {
		previous, settings := &runv1.ChannelSettings{}, &runv1.ChannelSettings{}
		if err := proto.Unmarshal(row.Previous, previous); err != nil {
			return nil, fmt.Errorf("previous settings: %w", err)
		}
		if err := proto.Unmarshal(row.Settings, settings); err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		all = append(all, &runv1.RunEvent{
			ActorId: row.ActorID, OccurredAt: timestamppb.New(row.ChangedAt), Settings: settings,
			What: &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{Previous: previous}},
		})
	}
	return all, nil
}

const savePersonal = `
	INSERT INTO ingress.personal_settings AS p (workspace_id, user_id, version, reminders, named_in_last_calls) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (workspace_id, user_id) DO UPDATE SET
		version = excluded.version, reminders = excluded.reminders, named_in_last_calls = excluded.named_in_last_calls
	WHERE excluded.version > p.version`

// SavePersonal keeps people's own settings as far as they are newer than what is known, and forgets people.
func (s *Store) SavePersonal(ctx context.Context, tx *postgres.Tx, events []*runv1.RunEvent) error {
	batch := &pgx.Batch{}
	for _, e := range events {
		changed := e.GetPersonalSettingsChanged()
		if changed == nil {
			queueErasure(batch, e)
			continue
		}
		settings := changed.GetSettings()
		batch.Queue(savePersonal, e.GetWorkspaceId(), changed.GetUserId(), int64(settings.GetVersion()), settings.GetReminders(), settings.GetNamedInLastCalls())
	}
	return tx.Pgx().SendBatch(ctx, batch).Close()
}

// Personal returns someone's own settings, nil if they never changed them.
func (s *Store) Personal(ctx context.Context, workspaceID, userID string) (*runv1.PersonalSettings, error) {
	var rows []struct {
		Version                     uint64
		Reminders, NamedInLastCalls bool
	}
	err := s.db.Read(ctx).Raw(`
		SELECT version, reminders, named_in_last_calls FROM ingress.personal_settings WHERE workspace_id = ? AND user_id = ?`,
		workspaceID, userID).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &runv1.PersonalSettings{Version: rows[0].Version, Reminders: rows[0].Reminders, NamedInLastCalls: rows[0].NamedInLastCalls}, nil
}
