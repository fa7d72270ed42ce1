package store

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

const channelColumns = `c.workspace_id, c.channel_id, c.epoch, c.settings_version,
	c.enabled, c.reminders, c.reminder_offset_minutes, c.last_call, c.last_call_lead_minutes, c.closing_lead_minutes,
	c.default_pickup_minutes, c.policy, c.fairness_window, c.retention_days, c.admin_ids`

func scanChannel(rows pgx.Rows, defaults run.Settings) (*run.Channel, error) {
	c := run.Channel{Usuals: map[run.UserID]run.Usual{}}
	var s settingsRow
	err := rows.Scan(&c.ID.Workspace, &c.ID.Channel, &c.Epoch, &s.version,
		&s.enabled, &s.reminders, &s.reminderOffset, &s.lastCall, &s.lastCallLead, &s.closingLead,
		&s.defaultPickup, &s.policy, &s.window, &s.retention, &s.admins)
	c.Settings = defaults
	if s.version > 0 {
		c.Settings = s.settings()
	}
	return &c, err
}

// settingsRow has NULLs until someone changes the settings.
type settingsRow struct {
	version                                   uint64
	enabled, reminders, lastCall              pgtype.Bool
	reminderOffset, lastCallLead, closingLead pgtype.Int2
	defaultPickup, window, retention          pgtype.Int2
	policy                                    pgtype.Text
	admins                                    []run.UserID
}

func (s settingsRow) settings() run.Settings {
	return run.Settings{
		Version: s.version, Enabled: s.enabled.Bool, Reminders: s.reminders.Bool, ReminderOffset: minutes(s.reminderOffset),
		LastCall: s.lastCall.Bool, LastCallLead: minutes(s.lastCallLead), ClosingLead: minutes(s.closingLead),
		DefaultPickup: minutes(s.defaultPickup), Policy: run.Policy(s.policy.String),
		FairnessWindow: uint32(s.window.Int16), RetentionDays: uint32(s.retention.Int16), Admins: s.admins,
	}
}

func minutes(n pgtype.Int2) time.Duration { return time.Duration(n.Int16) * time.Minute }

const runColumns = `r.id, r.workspace_id, r.channel_id, r.epoch, r.status, r.version, r.initiator_id, r.correlation_id, r.place,
	r.started_at, r.pickup_at, r.ended_at, coalesce(r.end_reason, ''), coalesce(r.assignment_no, 0), coalesce(r.assignment_state, ''),
	coalesce(r.runner_id, ''), r.requested_at, r.asked_at, r.assigned_at, r.explanation,
	r.closes_at, r.volunteer_ids, r.declined_ids, coalesce(r.previous_runner_id, ''), coalesce(r.offered_by_id, '')`

func scanRun(rows pgx.Rows) (*run.Run, error) {
	var r run.Run
	var started, pickup, closes, ended, requested, asked, assigned pgtype.Timestamptz
	a := &r.Assignment
	err := rows.Scan((*[16]byte)(&r.ID), &r.Channel.Workspace, &r.Channel.Channel, &r.Epoch, (*string)(&r.Status), &r.Version,
		(*string)(&r.Initiator), &r.CorrelationID, (*string)(&r.Place), &started, &pickup, &ended, (*string)(&r.EndReason),
		&a.No, (*string)(&a.State), (*string)(&a.Runner), &requested, &asked, &assigned, &a.Explanation,
		&closes, &r.Volunteers, &r.Declined, (*string)(&a.Previous), (*string)(&a.OfferedBy))
	for _, people := range []*[]run.UserID{&r.Volunteers, &r.Declined} {
		if len(*people) == 0 {
			*people = nil
		}
	}
	r.StartedAt, r.PickupAt, r.ClosesAt, r.EndedAt = instant(started), instant(pickup), instant(closes), instant(ended)
	a.RequestedAt, a.AskedAt, a.AssignedAt = instant(requested), instant(asked), instant(assigned)
	return &r, err
}

// scanOrder returns an order without a drink where it was withdrawn.
func scanOrder(rows pgx.Rows) (id uuid.UUID, version uint64, o run.Order, err error) {
	var drink pgtype.Text
	var quantity pgtype.Int2
	var placed, changed pgtype.Timestamptz
	err = rows.Scan((*[16]byte)(&id), (*string)(&o.User), &version, &drink, &quantity, &placed, &changed)
	o.Drink, o.Quantity, o.PlacedAt, o.ChangedAt = run.Drink(drink.String), run.Quantity(quantity.Int16), instant(placed), instant(changed)
	return id, version, o, err
}

func scanUsual(rows pgx.Rows) (run.ChannelID, run.Usual, error) {
	var id run.ChannelID
	var u run.Usual
	var quantity int16
	err := rows.Scan(&id.Workspace, &id.Channel, (*string)(&u.User), (*string)(&u.Drink), &quantity)
	u.Quantity = run.Quantity(quantity)
	return id, u, err
}

// instant is a column's time in UTC; NULL is the zero time.
func instant(t pgtype.Timestamptz) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

// orNull is the column value of a time; the zero time is NULL.
func orNull(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

// texts is never nil, which would be NULL.
func texts(people []run.UserID) []string {
	raw := make([]string, len(people))
	for i, id := range people {
		raw[i] = string(id)
	}
	return raw
}

func uuids(ids []uuid.UUID) [][16]byte {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	return raw
}
