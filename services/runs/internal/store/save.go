package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

const insertRun = `
INSERT INTO runs.run (id, version, status, ended_at, end_reason, assignment_no, assignment_state, runner_id,
	requested_at, asked_at, assigned_at, explanation, answer_due_at,
	workspace_id, channel_id, epoch, initiator_id, correlation_id, place, started_at, pickup_at)
VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, 0), nullif($7, ''), nullif($8, ''), $9, $10, $11, $12, $13,
	$14, $15, $16, $17, $18, $19, $20, $21)`

// The version that was loaded is asserted: whoever writes without the channel's lock is found out.
const updateRun = `
UPDATE runs.run SET version = $2, status = $3, ended_at = $4, end_reason = nullif($5, ''),
	assignment_no = nullif($6, 0), assignment_state = nullif($7, ''), runner_id = nullif($8, ''),
	requested_at = $9, asked_at = $10, assigned_at = $11, explanation = $12, answer_due_at = $13
WHERE id = $1 AND version = $14`

const saveOrders = `
INSERT INTO runs.drink_order (run_id, user_id, drink, quantity, placed_at, changed_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (run_id, user_id) DO UPDATE SET
	drink = excluded.drink, quantity = excluded.quantity, placed_at = excluded.placed_at, changed_at = excluded.changed_at`

const deleteOrders = `
DELETE FROM runs.drink_order o USING unnest($1::uuid[], $2::text[]) AS k(run_id, user_id)
WHERE o.run_id = k.run_id AND o.user_id = k.user_id`

const saveUsuals = `
INSERT INTO runs.usual (workspace_id, channel_id, user_id, epoch, drink, quantity, saved_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::timestamptz[])
ON CONFLICT (workspace_id, channel_id, user_id) DO UPDATE SET
	epoch = excluded.epoch, drink = excluded.drink, quantity = excluded.quantity, saved_at = excluded.saved_at`

// Save writes what events changed, which happened in this order to channels that tx has loaded.
func (s *Store) Save(ctx context.Context, tx *postgres.Tx, events []run.Event) error {
	var c changes
	for _, e := range events {
		c.add(e)
	}
	return c.send(ctx, tx)
}

// changes are what is left to write of several events: the last word about each row.
type changes struct {
	runs   []*changedRun
	byID   map[uuid.UUID]*changedRun
	usuals map[run.Person]run.Event
}

type changedRun struct {
	before uint64 // its version in the database; 0: it is not there yet
	after  *run.Run
	placed map[run.UserID]bool // orders: true placed, false withdrawn
}

func (c *changes) add(e run.Event) {
	switch what := e.What.(type) {
	case run.Rejected:
		return
	case run.UsualSaved:
		if c.usuals == nil {
			c.usuals = map[run.Person]run.Event{}
		}
		c.usuals[run.Person{Channel: e.Channel, User: what.Usual.User}] = e
	case run.OrderPlaced:
		c.run(e.Run).placed[what.User] = true
	case run.OrderWithdrawn:
		c.run(e.Run).placed[what.User] = false
	default:
		c.run(e.Run)
	}
}

// run notes that r is now like this. Each event raises the version by one.
func (c *changes) run(r *run.Run) *changedRun {
	changed := c.byID[r.ID]
	if changed == nil {
		changed = &changedRun{before: r.Version - 1, placed: map[run.UserID]bool{}}
		if c.byID == nil {
			c.byID = map[uuid.UUID]*changedRun{}
		}
		c.byID[r.ID] = changed
		c.runs = append(c.runs, changed)
	}
	changed.after = r
	return changed
}

func (c *changes) send(ctx context.Context, tx *postgres.Tx) error {
	var t trip
	c.writeRuns(&t)
	c.writeOrders(&t)
	c.writeUsuals(&t)
	return t.send(ctx, tx)
}

// writeRuns goes in the order of events: a channel's run has ended before its next one starts.
func (c *changes) writeRuns(t *trip) {
	for _, changed := range c.runs {
		r, a := changed.after, &changed.after.Assignment
		args := []any{[16]byte(r.ID), r.Version, string(r.Status), orNull(r.EndedAt), string(r.EndReason), a.No, string(a.State), string(a.Runner),
			orNull(a.RequestedAt), orNull(a.AskedAt), orNull(a.AssignedAt), a.Explanation, orNull(r.AnswerDue())}
		if changed.before > 0 {
			t.exec("update run", 1, updateRun, append(args, changed.before)...)
			continue
		}
		t.exec("insert run", 1, insertRun, append(args, r.Channel.Workspace, r.Channel.Channel, r.Epoch,
			string(r.Initiator), r.CorrelationID, string(r.Place), r.StartedAt, r.PickupAt)...)
	}
}

func (c *changes) writeOrders(t *trip) {
	var runs, goneRuns [][16]byte
	var users, drinks, goneUsers []string
	var quantities []int16
	var placed, changed []time.Time
	for _, r := range c.runs {
		for user, isPlaced := range r.placed {
			if !isPlaced {
				goneRuns, goneUsers = append(goneRuns, r.after.ID), append(goneUsers, string(user))
				continue
			}
			o := r.after.OrderOf(user)
			runs, users, drinks = append(runs, r.after.ID), append(users, string(user)), append(drinks, string(o.Drink))
			quantities = append(quantities, int16(o.Quantity))
			placed, changed = append(placed, o.PlacedAt), append(changed, o.ChangedAt)
		}
	}
	if len(runs) > 0 {
		t.exec("save orders", len(runs), saveOrders, runs, users, drinks, quantities, placed, changed)
	}
	if len(goneRuns) > 0 {
		t.exec("delete orders", anyNumber, deleteOrders, goneRuns, goneUsers) // what came and went within the batch is not there
	}
}

func (c *changes) writeUsuals(t *trip) {
	var workspaces, channels, users, drinks []string
	var epochs []int64
	var quantities []int16
	var saved []time.Time
	for person, e := range c.usuals {
		u := e.What.(run.UsualSaved).Usual
		workspaces, channels = append(workspaces, person.Channel.Workspace), append(channels, person.Channel.Channel)
		users, drinks, quantities = append(users, string(u.User)), append(drinks, string(u.Drink)), append(quantities, int16(u.Quantity))
		epochs, saved = append(epochs, int64(e.Epoch)), append(saved, e.At)
	}
	if len(users) > 0 {
		t.exec("save usuals", len(users), saveUsuals, workspaces, channels, users, epochs, drinks, quantities, saved)
	}
}
