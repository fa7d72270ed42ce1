package run_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

// A channel under commands, answers and the passing of time in any order keeps what the domain promises.
func TestChannelKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"start":    m.start,
			"order":    m.order,
			"usual":    m.usual,
			"withdraw": m.withdraw,
			"end":      m.end,
			"move":     m.move,
			"offer":    m.offer,
			"handover": m.handover,
			"deadline": m.deadline,
			"lastcall": m.lastCall,
			"answer":   m.answer,
			"time":     m.time,
			"night":    m.night,
			"settings": m.settings,
			"save":     m.save,
			"nonsense": m.nonsense,
			"":         m.check,
		})
	})
}

type machine struct {
	channel run.Channel
	now     time.Time
	// What the machine was told, from events alone.
	told   map[uuid.UUID]run.Run
	orders map[uuid.UUID]map[run.UserID]run.Drink
}

func newMachine(t *rapid.T) *machine {
	settings := defaults(t)
	settings.Admins = []run.UserID{"channel-admin"}
	return &machine{
		channel: run.Channel{ID: run.ChannelID{Workspace: "T1", Channel: "C1"}, Epoch: 1, Settings: settings},
		now:     noon,
		told:    map[uuid.UUID]run.Run{},
		orders:  map[uuid.UUID]map[run.UserID]run.Drink{},
	}
}

var (
	people = rapid.SampledFrom([]run.UserID{"ana", "ben", "cem", "dee", "channel-admin"})
	drinks = rapid.SampledFrom([]string{"Flat white", " Earl Grey ", "Mocha", "", "\x00"})
)

func (m *machine) anyRun(t *rapid.T) uuid.UUID {
	ids := []uuid.UUID{uuid.New()}
	for _, r := range m.channel.Runs {
		ids = append(ids, r.ID, r.ID) // rather one that exists
	}
	return rapid.SampledFrom(ids).Draw(t, "run")
}

func (m *machine) start(t *rapid.T) {
	pickup := m.now.Add(time.Duration(rapid.IntRange(-10, 25*60).Draw(t, "minutes")) * time.Minute)
	m.command(t, people.Draw(t, "by"), run.StartRun{ID: uuid.New(), Pickup: pickup, Place: "Lobby"})
}

func (m *machine) order(t *rapid.T) {
	m.command(t, people.Draw(t, "by"), run.PlaceOrder{
		Run: m.anyRun(t), Drink: drinks.Draw(t, "drink"), Quantity: rapid.Uint32Range(0, 10).Draw(t, "cups"), Remember: rapid.Bool().Draw(t, "remember"),
	})
}

func (m *machine) usual(t *rapid.T) {
	m.command(t, people.Draw(t, "by"), run.PlaceUsual{Run: m.anyRun(t)})
}

func (m *machine) withdraw(t *rapid.T) {
	m.command(t, people.Draw(t, "by"), run.WithdrawOrder{Run: m.anyRun(t)})
}

func (m *machine) end(t *rapid.T) {
	id := m.anyRun(t)
	if rapid.Bool().Draw(t, "unnamed") {
		id = uuid.Nil
	}
	want := rapid.SampledFrom([]run.Want{run.CloseRun{Run: id}, run.CloseRun{Run: id}, run.CancelRun{Run: id}, run.AbandonRun{Run: id}}).Draw(t, "want")
	m.command(t, people.Draw(t, "by"), want)
}

func (m *machine) answer(t *rapid.T) {
	id, no := m.anyNo(t)
	awaited := m.told[id].Assignment.State == run.Choosing && no == m.told[id].Assignment.No
	var events []run.Event
	if rapid.Bool().Draw(t, "nobody") {
		events = m.channel.NobodyLeft(id, no, m.now)
	} else {
		runner := people.Draw(t, "runner")
		awaited = awaited && !slices.Contains(m.told[id].Declined, runner)
		events = m.channel.Assign(id, no, runner, []byte("because"), m.now)
	}
	require.Equal(t, awaited, len(events) == 1, "an answer counts once, while it is awaited")
	m.learn(t, events)
}

func (m *machine) time(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
	m.learn(t, m.channel.Chase(m.now))
}

// night comes over whatever nobody closed.
func (m *machine) night(t *rapid.T) {
	m.now = m.now.Add(12 * time.Hour)
	m.learn(t, m.channel.Chase(m.now))
}

// anyNo is a run and, rather, the number of its assignment.
func (m *machine) anyNo(t *rapid.T) (uuid.UUID, uint32) {
	id := m.anyRun(t)
	no := m.told[id].Assignment.No
	return id, rapid.SampledFrom([]uint32{no, no, no, no + 1, no / 2}).Draw(t, "no")
}

func (m *machine) move(t *rapid.T) {
	id := m.anyRun(t)
	seen := m.told[id].PickupAt
	if rapid.Bool().Draw(t, "stale") {
		seen = seen.Add(time.Minute)
	}
	by := time.Duration(rapid.IntRange(-60, 60).Draw(t, "minutes")) * time.Minute
	m.command(t, people.Draw(t, "by"), run.MoveRun{Run: id, Pickup: seen.Add(by), IfPickup: seen})
}

func (m *machine) offer(t *rapid.T) {
	id := m.anyRun(t)
	want := rapid.SampledFrom([]run.Want{run.Volunteer{Run: id}, run.Volunteer{Run: id}, run.StopVolunteering{Run: id}}).Draw(t, "want")
	m.command(t, people.Draw(t, "by"), want)
}

func (m *machine) handover(t *rapid.T) {
	id, no := m.anyNo(t)
	by := people.Draw(t, "by")
	if runner := m.told[id].Assignment.Runner; runner != "" && rapid.Bool().Draw(t, "runner") {
		by = runner
	}
	m.command(t, by, rapid.SampledFrom([]run.Want{
		run.AcceptAssignment{Run: id, No: no},
		run.DeclineAssignment{Run: id, No: no},
		run.AnnounceArrival{Run: id, No: no},
		run.TakeOver{Run: id, No: no},
		run.TakeOver{Run: id, No: no, Successor: people.Draw(t, "successor")},
		run.TakeOver{Run: id, No: no, Successor: m.told[id].Assignment.OfferedBy},
	}).Draw(t, "want"))
}

func (m *machine) deadline(t *rapid.T) {
	id := m.anyRun(t)
	due := m.told[id].ClosesAt
	if due.IsZero() {
		return // only closed by hand
	}
	if rapid.Bool().Draw(t, "moved") {
		due = due.Add(time.Minute)
	}
	m.now = m.now.Add(max(0, m.told[id].ClosesAt.Sub(m.now)))
	open := m.told[id].Status == run.Open && m.told[id].ClosesAt.Equal(due)
	events := m.channel.Deadline(id, due, m.now)
	require.Equal(t, open, len(events) == 1)
	m.learn(t, events)
}

func (m *machine) lastCall(t *rapid.T) {
	id := m.anyRun(t)
	m.channel.Regulars = []run.UserID{"ana", "ben", "cem", "dee", "eve", "fay", "gil"}
	events := m.channel.LastCall(id, m.told[id].PickupAt, m.now)
	for _, e := range events {
		require.Equal(t, run.Open, m.told[id].Status)
		missing := e.What.(run.LastCall).Missing
		require.LessOrEqual(t, len(missing), 5)
		for _, user := range missing {
			require.NotContains(t, m.orders[id], user)
		}
	}
	m.learn(t, events)
}

func (m *machine) settings(t *rapid.T) {
	next := m.channel.Settings
	next.Enabled = rapid.IntRange(0, 3).Draw(t, "enabled") > 0
	next.ClosingLead = time.Duration(rapid.IntRange(-1, 61).Draw(t, "lead")) * time.Minute
	by := people.Draw(t, "by")
	before := m.channel.Settings
	seen := before.Version - uint64(rapid.IntRange(0, 1).Draw(t, "stale"))
	m.command(t, by, run.ChangeSettings{Settings: next, IfVersion: seen})
	if m.channel.Settings.Version != before.Version {
		require.Equal(t, before.Version, seen, "what somebody else changed meanwhile is not overwritten")
		require.EqualValues(t, "channel-admin", by)
		require.Equal(t, before.Version+1, m.channel.Settings.Version)
	}
}

func (m *machine) save(t *rapid.T) {
	m.command(t, people.Draw(t, "by"), rapid.SampledFrom([]run.Want{run.SaveUsual{Drink: drinks.Draw(t, "drink")}, run.ClearUsual{}}).Draw(t, "want"))
}

func (m *machine) nonsense(t *rapid.T) {
	events := decideAt(&m.channel, run.Command{Channel: m.channel.ID, Actor: run.Actor{User: "ana"}, IssuedAt: m.now}, m.now)
	require.Equal(t, run.ErrInvalid, refusal(events))
	m.learn(t, events)
}

func (m *machine) command(t *rapid.T, by run.UserID, want run.Want) {
	before := snapshots(m.channel)
	events := decideAt(&m.channel, run.Command{
		Channel: m.channel.ID, Actor: run.Actor{User: by}, IssuedAt: m.now, ExpiresAt: m.now.Add(time.Minute), Want: want,
	}, m.now)
	require.NotEmpty(t, events, "a command has an outcome")
	if refusal(events) != "" {
		require.Equal(t, before, snapshots(m.channel), "a refusal changes nothing")
	}
	m.learn(t, events)
}

// learn follows the events as a consumer would, and checks each against what was known before.
func (m *machine) learn(t *rapid.T, events []run.Event) {
	for _, e := range events {
		if e.Run == nil {
			continue
		}
		known, now := m.told[e.Run.ID], *e.Run
		if _, rejected := e.What.(run.CommandRejected); rejected {
			require.Equal(t, known, now, "judged by the state that was told")
			continue
		}
		require.Equal(t, known.Version+1, now.Version, "versions have no gaps")
		require.Contains(t, after[known.Status], now.Status, "%s became %s", known.Status, now.Status)
		m.checkHandover(t, known.Assignment, e)
		m.follow(e)
		m.told[now.ID] = now
		require.Equal(t, m.orders[now.ID], drinksOf(now), "the snapshot's orders are those that were told")
	}
}

// checkHandover: who runs changes only with the number, and nobody is chosen who could not go.
func (m *machine) checkHandover(t *rapid.T, before run.Assignment, e run.Event) {
	now := e.Run.Assignment
	if e.Run.Status == run.Cancelled {
		return
	}
	require.GreaterOrEqual(t, now.No, before.No)
	require.LessOrEqual(t, now.No, before.No+1)
	if now.No == before.No && before.Runner != "" {
		require.Equal(t, before.Runner, now.Runner, "a number's runner stays its runner")
		require.Equal(t, before.AssignedAt, now.AssignedAt)
	}
	if now.Runner != "" {
		require.NotContains(t, e.Run.Declined, now.Runner)
	}
	if requested, ok := e.What.(run.RunnerRequested); ok && requested.DeclinedBy != "" {
		require.Equal(t, before.Runner, requested.DeclinedBy)
		require.Equal(t, before.Runner, now.Previous)
	}
}

func (m *machine) follow(e run.Event) {
	id := e.Run.ID
	switch what := e.What.(type) {
	case run.RunStarted:
		m.orders[id] = map[run.UserID]run.Drink{}
	case run.OrderPlaced:
		m.orders[id][what.User] = e.Run.OrderOf(what.User).Drink
	case run.OrderWithdrawn:
		delete(m.orders[id], what.User)
	}
}

// after lists what each status may become; the empty one is a run that has not started.
var after = map[run.Status][]run.Status{
	"":          {run.Open},
	run.Open:    {run.Open, run.Closing, run.Cancelled, run.Failed},
	run.Closing: {run.Closing, run.Closed},
	run.Closed:  {run.Closed},
}

func (m *machine) check(t *rapid.T) {
	active := 0
	for _, r := range m.channel.Runs {
		require.Equal(t, m.told[r.ID], *r, "all changes were told")
		if r.Active() {
			active++
		}
		ended := !r.Active()
		require.Equal(t, ended, !r.EndedAt.IsZero())
		require.Equal(t, r.Status == run.Cancelled || r.Status == run.Failed, r.EndReason != "")
		require.Equal(t, r.Status == run.Closing || r.Status == run.Closed, r.Assignment.No > 0)
		require.True(t, r.Status != run.Closing || r.Assignment.State == run.Choosing)
		running := slices.Contains([]run.AssignmentState{run.Assigned, run.Accepted, run.Done}, r.Assignment.State)
		require.Equal(t, running, r.Assignment.Runner != "")
		require.Equal(t, running, !r.Assignment.AssignedAt.IsZero())
		require.Equal(t, r.Assignment.State == run.Choosing, !r.AnswerDue().IsZero())
		require.True(t, r.ClosesAt.IsZero() || r.ClosesAt.After(r.StartedAt) && !r.ClosesAt.After(r.PickupAt), "closes between start and pickup")
		require.LessOrEqual(t, len(r.Volunteers), len(slices.Compact(slices.Sorted(slices.Values(r.Volunteers)))), "each once")
		if r.Status == run.Closing || r.Status == run.Closed {
			require.NotEmpty(t, r.Orders, "only a run with orders closes")
		}
		require.True(t, slices.IsSortedFunc(r.Orders, func(a, b run.Order) int { return a.PlacedAt.Compare(b.PlacedAt) }), "oldest first")
		for i, o := range r.Orders {
			require.NotEmpty(t, o.Drink)
			require.False(t, slices.ContainsFunc(r.Orders[:i], func(p run.Order) bool { return p.User == o.User || p.PlacedAt.Equal(o.PlacedAt) }))
		}
	}
	require.LessOrEqual(t, active, 1, "one open or closing run")
	if open := m.channel.Open(); open != nil && !m.channel.Settings.Enabled {
		require.NotEqual(t, run.Open, open.Status, "nothing is ordered where CoffeeBuddy is turned off")
	}
	require.True(t, m.channel.Settings.ClosingLead >= 0 && m.channel.Settings.ClosingLead <= time.Hour)
}

func snapshots(c run.Channel) string {
	text := fmt.Sprint(c.Usuals)
	for _, r := range c.Runs {
		text += fmt.Sprintf("\n%+v", *r)
	}
	return text
}

func drinksOf(r run.Run) map[run.UserID]run.Drink {
	all := map[run.UserID]run.Drink{}
	for _, o := range r.Orders {
		all[o.User] = o.Drink
	}
	return all
}
