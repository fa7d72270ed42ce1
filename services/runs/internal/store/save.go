package store

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

const insertRun = `
INSERT INTO runs.run (id, version, status, ended_at, end_reason, assignment_no, assignment_state, runner_id,
	requested_at, asked_at, assigned_at, explanation, answer_due_at,
	pickup_at, closes_at, volunteer_ids, declined_ids, previous_runner_id, offered_by_id,
	workspace_id, channel_id, epoch, initiator_id, correlation_id, place, started_at)
VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, 0), nullif($7, ''), nullif($8, ''), $9, $10, $11, $12, $13,
	$14, $15, $16, $17, nullif($18, ''), nullif($19, ''),
	$20, $21, $22, $23, $24, $25, $26)`

// A run that was cancelled or has failed does not come back, and what was decided on an older state is found out.
const updateRun = `
WITH updated AS (UPDATE runs.run SET version = $2, status = $3, ended_at = $4, end_reason = nullif($5, ''),
	assignment_no = nullif($6, 0), assignment_state = nullif($7, ''), runner_id = nullif($8, ''),
	requested_at = $9, asked_at = $10, assigned_at = $11, explanation = $12, answer_due_at = $13,
	pickup_at = $14, closes_at = $15, volunteer_ids = $16, declined_ids = $17, previous_runner_id = nullif($18, ''), offered_by_id = nullif($19, '')
WHERE id = $1 AND version < $2 AND status IN ('open', 'closing', 'closed') RETURNING id)
SELECT runs.assert_rows('update run', count(*), 1) FROM updated`

// What a person is erased from may have ended long ago, and they may have started it.
const eraseRun = `
WITH updated AS (UPDATE runs.run SET version = $2, status = $3, ended_at = $4, end_reason = nullif($5, ''),
	assignment_no = nullif($6, 0), assignment_state = nullif($7, ''), runner_id = nullif($8, ''),
	requested_at = $9, asked_at = $10, assigned_at = $11, explanation = $12, answer_due_at = $13,
	pickup_at = $14, closes_at = $15, volunteer_ids = $16, declined_ids = $17, previous_runner_id = nullif($18, ''), offered_by_id = nullif($19, ''),
	initiator_id = $20
WHERE id = $1 AND version < $2 RETURNING id)
SELECT runs.assert_rows('erase from run', count(*), 1) FROM updated`

const eraseOrder = `DELETE FROM runs.drink_order WHERE run_id = $1 AND user_id = $2`

const saveOrders = `
INSERT INTO runs.drink_order (run_id, user_id, version, drink, quantity, placed_at, changed_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::smallint[], $6::timestamptz[], $7::timestamptz[])
ON CONFLICT (run_id, user_id) DO UPDATE SET
	version = excluded.version, drink = excluded.drink, quantity = excluded.quantity,
	placed_at = excluded.placed_at, changed_at = excluded.changed_at`

const saveUsuals = `
INSERT INTO runs.usual (workspace_id, channel_id, user_id, epoch, drink, quantity, saved_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::timestamptz[])
ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE SET
	epoch = excluded.epoch, drink = excluded.drink, quantity = excluded.quantity, saved_at = excluded.saved_at`

const clearUsual = `DELETE FROM runs.usual WHERE workspace_id = $1 AND channel_id = $2 AND user_id = $3`

// Save has what events changed written with tx's COMMIT. They happened in this order, to channels that tx has loaded.
func (s *Store) Save(tx *postgres.Tx, events []run.Event) {
	c := changesOf(events)
	c.writeChannels(tx) // a reset purges what there was before
	c.writeRuns(tx)     // before their orders
	c.writeOrders(tx)
	c.writeUsuals(tx)
}

// changes are what is left to write of several events: the last word about each row.
type changes struct {
	runs   map[uuid.UUID]changedRun
	order  []uuid.UUID // of runs, as they changed first: a channel's run has ended before its next one starts
	orders map[orderKey]run.Event
	erased []orderKey // of which no trace is to stay
	usuals map[run.Person]run.Event
	// channels has what happened to channels themselves, in order.
	channels []run.Event
}

type changedRun struct {
	after *run.Run
	isNew bool
	// erased: a person was taken out of it.
	erased bool
}

type orderKey struct {
	run  uuid.UUID
	user run.UserID
}

func changesOf(events []run.Event) changes {
	c := changes{runs: map[uuid.UUID]changedRun{}, orders: map[orderKey]run.Event{}, usuals: map[run.Person]run.Event{}}
	for _, e := range events {
		switch what := e.What.(type) {
		case run.CommandRejected:
		case run.SettingsChanged, run.ResetReported, run.ChannelResetCompleted:
			c.channels = append(c.channels, e)
		case run.ChannelReset:
			c.forget(e.Channel)
			c.channels = append(c.channels, e)
		case run.UsualCleared:
			c.usuals[run.Person{Channel: e.Channel, User: what.User}] = e
		case run.UsualSaved:
			c.usuals[run.Person{Channel: e.Channel, User: what.Usual.User}] = e
		case run.PersonErased:
			c.erase(e, what)
		case run.OrderPlaced:
			c.orders[orderKey{e.Run.ID, what.User}] = e
		case run.OrderWithdrawn:
			c.orders[orderKey{e.Run.ID, what.User}] = e
		default:
			c.change(e)
		}
	}
	return c
}

func (c *changes) change(e run.Event) {
	known, ok := c.runs[e.Run.ID]
	if !ok {
		c.order = append(c.order, e.Run.ID)
	}
	_, started := e.What.(run.RunStarted)
	_, erased := e.What.(run.PersonErased)
	c.runs[e.Run.ID] = changedRun{after: e.Run, isNew: started || known.isNew, erased: erased || known.erased}
}

// erase takes a person out of a run, or out of the channel's usuals. Their order goes, and in a run whose orders were
// taken another stands in its place.
func (c *changes) erase(e run.Event, what run.PersonErased) {
	if e.Run == nil {
		c.usuals[run.Person{Channel: e.Channel, User: what.User}] = e
		return
	}
	c.change(e)
	theirs := orderKey{e.Run.ID, what.User}
	delete(c.orders, theirs)
	c.erased = append(c.erased, theirs)
	if e.Run.OrderOf(what.Anonym) != nil {
		c.orders[orderKey{e.Run.ID, what.Anonym}] = e
	}
}

// forget leaves out what was changed in a channel whose data is purged after it.
func (c *changes) forget(channel run.ChannelID) {
	c.order = slices.DeleteFunc(c.order, func(id uuid.UUID) bool { return c.runs[id].after.Channel == channel })
	maps.DeleteFunc(c.runs, func(_ uuid.UUID, r changedRun) bool { return r.after.Channel == channel })
	maps.DeleteFunc(c.orders, func(_ orderKey, e run.Event) bool { return e.Channel == channel })
	maps.DeleteFunc(c.usuals, func(p run.Person, _ run.Event) bool { return p.Channel == channel })
}

func (c changes) writeRuns(tx *postgres.Tx) {
	for _, id := range c.order {
		r := c.runs[id].after
		a := &r.Assignment
		args := []any{
			[16]byte(id), r.Version, string(r.Status), orNull(r.EndedAt), string(r.EndReason), a.No, string(a.State), string(a.Runner),
			orNull(a.RequestedAt), orNull(a.AskedAt), orNull(a.AssignedAt), a.Explanation, orNull(r.AnswerDue()),
			r.PickupAt, orNull(r.ClosesAt), texts(r.Volunteers), texts(r.Declined), string(a.Previous), string(a.OfferedBy),
		}
		if c.runs[id].isNew {
			tx.BeforeCommit(insertRun, append(args, r.Channel.Workspace, r.Channel.Channel, r.Epoch,
				string(r.Initiator), r.CorrelationID, string(r.Place), r.StartedAt)...)
			continue
		}
		if c.runs[id].erased {
			tx.BeforeCommit(eraseRun, append(args, string(r.Initiator))...)
			continue
		}
		tx.BeforeCommit(updateRun, args...)
	}
}

func (c changes) writeOrders(tx *postgres.Tx) {
	for _, theirs := range c.erased {
		tx.BeforeCommit(eraseOrder, [16]byte(theirs.run), string(theirs.user))
	}
	n := len(c.orders)
	if n == 0 {
		return
	}
	runs, users, versions := make([][16]byte, 0, n), make([]string, 0, n), make([]int64, 0, n)
	drinks, quantities := make([]pgtype.Text, 0, n), make([]pgtype.Int2, 0, n)
	placed, changed := make([]time.Time, 0, n), make([]time.Time, 0, n)
	for key, e := range c.orders {
		o := e.Run.OrderOf(key.user)
		kept := o != nil
		if !kept {
			o = &run.Order{PlacedAt: e.At, ChangedAt: e.At}
		}
		runs, users, versions = append(runs, key.run), append(users, string(key.user)), append(versions, int64(e.Run.Version))
		drinks = append(drinks, pgtype.Text{String: string(o.Drink), Valid: kept})
		quantities = append(quantities, pgtype.Int2{Int16: int16(o.Quantity), Valid: kept})
		placed, changed = append(placed, o.PlacedAt), append(changed, o.ChangedAt)
	}
	tx.BeforeCommit(saveOrders, runs, users, versions, drinks, quantities, placed, changed)
}

func (c changes) writeUsuals(tx *postgres.Tx) {
	var workspaces, channels, users, drinks []string
	var epochs []int64
	var quantities []int16
	var saved []time.Time
	for person, e := range c.usuals {
		what, ok := e.What.(run.UsualSaved)
		if !ok {
			tx.BeforeCommit(clearUsual, person.Channel.Workspace, person.Channel.Channel, string(person.User))
			continue
		}
		u := what.Usual
		workspaces, channels = append(workspaces, person.Channel.Workspace), append(channels, person.Channel.Channel)
		users, drinks, quantities = append(users, string(u.User)), append(drinks, string(u.Drink)), append(quantities, int16(u.Quantity))
		epochs, saved = append(epochs, int64(e.Epoch)), append(saved, e.At)
	}
	if len(users) > 0 {
		tx.BeforeCommit(saveUsuals, workspaces, channels, users, epochs, drinks, quantities, saved)
	}
}
