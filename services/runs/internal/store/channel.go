package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

const saveSettings = `
UPDATE runs.channel SET settings_version = $3, enabled = $4, reminders = $5, reminder_offset_minutes = $6, last_call = $7,
	last_call_lead_minutes = $8, closing_lead_minutes = $9, default_pickup_minutes = $10, policy = $11, fairness_window = $12,
	retention_days = $13, admin_ids = $14
WHERE workspace_id = $1 AND channel_id = $2`

const addAudit = `
INSERT INTO runs.audit (workspace_id, channel_id, at, actor_id, action, changes, correlation_id)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)`

const raiseEpoch = `UPDATE runs.channel SET epoch = $3 WHERE workspace_id = $1 AND channel_id = $2`

var purgeChannel = []string{
	`DELETE FROM runs.run WHERE workspace_id = $1 AND channel_id = $2`, // with their orders
	`DELETE FROM runs.usual WHERE workspace_id = $1 AND channel_id = $2`,
}

const saveReset = `
INSERT INTO runs.reset (workspace_id, channel_id, epoch, counts, missing, due_at, actor_id, command_id, correlation_id, reply_to)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10)
ON CONFLICT (workspace_id, channel_id) DO UPDATE SET epoch = excluded.epoch, counts = excluded.counts, missing = excluded.missing,
	due_at = excluded.due_at, actor_id = excluded.actor_id, command_id = excluded.command_id,
	correlation_id = excluded.correlation_id, reply_to = excluded.reply_to`

const endReset = `DELETE FROM runs.reset WHERE workspace_id = $1 AND channel_id = $2`

func (c changes) writeChannels(tx *postgres.Tx) {
	for _, e := range c.channels {
		workspace, channel := e.Channel.Workspace, e.Channel.Channel
		switch what := e.What.(type) {
		case run.SettingsChanged:
			if e.Settings.Version == what.Previous.Version {
				continue
			}
			s := e.Settings
			tx.BeforeCommit(saveSettings, workspace, channel, s.Version, s.Enabled, s.Reminders, inMinutes(s.ReminderOffset), s.LastCall,
				inMinutes(s.LastCallLead), inMinutes(s.ClosingLead), inMinutes(s.DefaultPickup), string(s.Policy), int16(s.FairnessWindow),
				int16(s.RetentionDays), texts(s.Admins))
			action, changed := changedSettings(what.Previous, s)
			audit(tx, e, action, changed, what.By)
		case run.ChannelReset:
			for _, sql := range purgeChannel {
				tx.BeforeCommit(sql, workspace, channel)
			}
			tx.BeforeCommit(raiseEpoch, workspace, channel, e.Epoch)
			audit(tx, e, "data_reset", what.Reset.Counts, what.Reset.By)
			writeReset(tx, e, what.Reset)
		case run.ResetReported:
			writeReset(tx, e, what.Reset)
		case run.ChannelResetCompleted:
			tx.BeforeCommit(endReset, workspace, channel)
		}
	}
}

func audit(tx *postgres.Tx, e run.Event, action string, changes any, by run.Request) {
	tx.BeforeCommit(addAudit, e.Channel.Workspace, e.Channel.Channel, e.At, by.Actor, action, asJSON(changes), by.CorrelationID)
}

func writeReset(tx *postgres.Tx, e run.Event, r run.Reset) {
	tx.BeforeCommit(saveReset, e.Channel.Workspace, e.Channel.Channel, r.Epoch, asJSON(r.Counts), r.Missing, r.DueAt,
		r.By.Actor, r.By.CommandID, r.By.CorrelationID, r.By.ReplyTo)
}

// changedSettings names the change for the audit, and each setting with what it was and is.
func changedSettings(from, to run.Settings) (action string, changed map[string][2]any) {
	action, changed = "update_config", map[string][2]any{}
	before, after := settingValues(from), settingValues(to)
	for name, was := range before {
		if is := after[name]; fmt.Sprint(was) != fmt.Sprint(is) {
			changed[name] = [2]any{was, is}
		}
	}
	switch {
	case to.Enabled && !from.Enabled:
		action = "enable"
	case from.Enabled && !to.Enabled:
		action = "disable"
	}
	return action, changed
}

// settingValues are by the names of their columns.
func settingValues(s run.Settings) map[string]any {
	return map[string]any{
		"enabled": s.Enabled, "reminders": s.Reminders, "reminder_offset_minutes": inMinutes(s.ReminderOffset),
		"last_call": s.LastCall, "last_call_lead_minutes": inMinutes(s.LastCallLead), "closing_lead_minutes": inMinutes(s.ClosingLead),
		"default_pickup_minutes": inMinutes(s.DefaultPickup), "policy": string(s.Policy), "fairness_window": s.FairnessWindow,
		"retention_days": s.RetentionDays, "admin_ids": texts(s.Admins),
	}
}

func inMinutes(d time.Duration) int16 { return int16(d / time.Minute) }

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // they are numbers and strings
	}
	return string(text)
}

const loadReset = `
SELECT r.workspace_id, r.channel_id, r.epoch, r.counts, r.missing, r.due_at, r.actor_id, r.command_id, r.correlation_id, r.reply_to
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id),
LATERAL (SELECT * FROM runs.reset r WHERE r.workspace_id = k.workspace_id AND r.channel_id = k.channel_id OFFSET 0) r`

const countChannel = `
SELECT k.workspace_id, k.channel_id,
	(SELECT count(*) FROM runs.run r WHERE r.workspace_id = k.workspace_id AND r.channel_id = k.channel_id),
	(SELECT count(*) FROM runs.run r JOIN runs.drink_order o ON o.run_id = r.id AND o.drink IS NOT NULL
		WHERE r.workspace_id = k.workspace_id AND r.channel_id = k.channel_id),
	(SELECT count(*) FROM runs.usual u WHERE u.workspace_id = k.workspace_id AND u.channel_id = k.channel_id)
FROM unnest($1::text[], $2::text[]) AS k(workspace_id, channel_id)`

// loadResets loads resets under way, and what there is to purge.
func loadResets(t *trip, loaded map[run.ChannelID]*run.Channel, of []run.ChannelID) {
	workspaces, channels := columns(of)
	t.query("load resets", loadReset, []any{workspaces, channels}, func(rows pgx.Rows) error {
		var id run.ChannelID
		var r run.Reset
		var counts []byte
		err := rows.Scan(&id.Workspace, &id.Channel, &r.Epoch, &counts, &r.Missing, &r.DueAt,
			&r.By.Actor, &r.By.CommandID, &r.By.CorrelationID, &r.By.ReplyTo)
		if err == nil {
			err = json.Unmarshal(counts, &r.Counts)
		}
		r.DueAt = r.DueAt.UTC()
		if c := loaded[id]; c != nil {
			c.Reset = &r
		}
		return err
	})
	t.query("count data", countChannel, []any{workspaces, channels}, func(rows pgx.Rows) error {
		var id run.ChannelID
		var runs, orders, usuals uint64
		err := rows.Scan(&id.Workspace, &id.Channel, &runs, &orders, &usuals)
		if c := loaded[id]; c != nil {
			c.Counts = run.Counts{"runs": runs, "orders": orders, "usuals": usuals}
		}
		return err
	})
}
