package run_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	ana  = run.Actor{User: "ana"}
	ben  = run.Actor{User: "ben"}
)

func defaults(t require.TestingT) run.Settings {
	settings, err := run.DefaultSettings(5*time.Minute, 5)
	require.NoError(t, err)
	return settings
}

func newChannel(t require.TestingT) *run.Channel {
	return &run.Channel{ID: run.ChannelID{Workspace: "T1", Channel: "C1"}, Epoch: 1, Settings: defaults(t)}
}

func decide(c *run.Channel, by run.Actor, want run.Want) []run.Event {
	return decideAt(c, run.Command{Channel: c.ID, Actor: by, CorrelationID: "corr", IssuedAt: noon, Want: want}, noon)
}

func decideAt(c *run.Channel, command run.Command, at time.Time) []run.Event {
	return c.Decide(command, at)
}

// refusal is why a command was rejected; empty: it was not.
func refusal(events []run.Event) run.Refusal {
	if rejected, ok := events[0].What.(run.CommandRejected); ok {
		return rejected.Refusal
	}
	return ""
}

// started returns a channel with an open run of ana's.
func started(t require.TestingT) (*run.Channel, uuid.UUID) {
	c, id := newChannel(t), uuid.New()
	require.Empty(t, refusal(decide(c, ana, run.StartRun{ID: id})))
	return c, id
}

func TestStart(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for name, test := range map[string]struct {
		want     run.StartRun
		disabled bool
		refusal  run.Refusal
		pickup   time.Time
		closes   time.Duration // after the start
		byHand   bool
	}{
		"default pickup":       {want: run.StartRun{ID: id}, pickup: noon.Add(30 * time.Minute), closes: 20 * time.Minute},
		"24 h ahead":           {want: run.StartRun{ID: id, Pickup: noon.Add(24 * time.Hour)}, pickup: noon.Add(24 * time.Hour), closes: 24*time.Hour - 10*time.Minute},
		"sooner than the lead": {want: run.StartRun{ID: id, Pickup: noon.Add(10 * time.Minute)}, pickup: noon.Add(10 * time.Minute), closes: 5 * time.Minute},
		"just after the lead":  {want: run.StartRun{ID: id, Pickup: noon.Add(11 * time.Minute)}, pickup: noon.Add(11 * time.Minute), closes: time.Minute},
		"closed only by hand":  {want: run.StartRun{ID: id}, pickup: noon.Add(30 * time.Minute), byHand: true},
		"more than 24 h ahead": {want: run.StartRun{ID: id, Pickup: noon.Add(24*time.Hour + time.Microsecond)}, refusal: run.ErrPickupOutOfRange},
		"now":                  {want: run.StartRun{ID: id, Pickup: noon}, refusal: run.ErrPickupOutOfRange},
		"80 characters":        {want: run.StartRun{ID: id, Place: strings.Repeat("é", 80)}, pickup: noon.Add(30 * time.Minute), closes: 20 * time.Minute},
		"more than 80":         {want: run.StartRun{ID: id, Place: strings.Repeat("é", 81)}, refusal: run.ErrInvalid},
		"channel is disabled":  {want: run.StartRun{ID: id}, disabled: true, refusal: run.ErrChannelDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChannel(t)
			c.Settings.Enabled = !test.disabled
			var closes time.Time
			if test.byHand {
				c.Settings.ClosingLead = 0
			} else {
				closes = noon.Add(test.closes)
			}
			events := decide(c, ana, test.want)
			require.Equal(t, test.refusal, refusal(events))
			if test.refusal != "" {
				require.Empty(t, c.Runs)
				return
			}
			require.Equal(t, []run.Event{{
				Channel: c.ID, Epoch: 1, Settings: c.Settings, What: run.RunStarted{}, At: noon,
				Run: &run.Run{
					ID: id, Channel: c.ID, Epoch: 1, Status: run.Open, Version: 1, Initiator: "ana", CorrelationID: "corr",
					StartedAt: noon, PickupAt: test.pickup, ClosesAt: closes, Place: run.Place(test.want.Place),
				},
			}}, events)
		})
	}
}

func TestSecondStartShowsTheOpenRun(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	events := decide(c, ben, run.StartRun{ID: uuid.New()})
	require.Equal(t, run.ErrRunAlreadyOpen, refusal(events))
	require.Equal(t, id, events[0].Run.ID)

	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	decide(c, ana, run.CloseRun{})
	require.Equal(t, run.ErrRunAlreadyOpen, refusal(decide(c, ben, run.StartRun{ID: uuid.New()})), "a closing run counts as open")

	require.Len(t, c.Assign(id, 1, "ben", nil, noon), 1)
	require.Empty(t, refusal(decide(c, ben, run.StartRun{ID: uuid.New()})))
}

// An open run that nobody closed holds its channel until an hour after pickup; then whoever wants the next may start it.
func TestStartEndsARunThatOverstays(t *testing.T) {
	t.Parallel()
	over := noon.Add(30*time.Minute + run.OverstayAfter + time.Microsecond)
	order := run.PlaceOrder{Drink: "Mocha"}
	for name, test := range map[string]struct {
		before  []run.Want
		at      time.Time
		start   run.StartRun
		refusal run.Refusal
	}{
		"nobody ordered":            {at: over},
		"someone ordered":           {before: []run.Want{order}, at: over},
		"an hour past, no more":     {at: over.Add(-time.Microsecond), refusal: run.ErrRunAlreadyOpen},
		"closing":                   {before: []run.Want{order, run.CloseRun{}}, at: over, refusal: run.ErrRunAlreadyOpen},
		"for a start that is wrong": {at: over, start: run.StartRun{Pickup: noon}, refusal: run.ErrPickupOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, id := started(t)
			for _, want := range test.before {
				if place, ok := want.(run.PlaceOrder); ok {
					place.Run, want = id, place
				}
				require.Empty(t, refusal(decide(c, ana, want)))
			}
			before := *c.Run(id)
			test.start.ID = uuid.New()
			events := decideAt(c, run.Command{Channel: c.ID, Actor: ben, IssuedAt: test.at, Want: test.start}, test.at)
			require.Equal(t, test.refusal, refusal(events))
			if test.refusal != "" {
				require.Equal(t, before, *c.Run(id), "it goes on")
				require.Len(t, c.Runs, 1)
				return
			}
			require.Len(t, events, 2)
			require.Equal(t, run.RunCancelled{}, events[0].What)
			ended := before
			ended.Status, ended.EndReason, ended.EndedAt, ended.Version = run.Cancelled, run.Forgotten, test.at, before.Version+1
			require.Equal(t, &ended, events[0].Run)
			require.Equal(t, run.RunStarted{}, events[1].What)
			require.Equal(t, test.start.ID, events[1].Run.ID)
			require.EqualValues(t, 1, events[1].Run.Version)
			require.Equal(t, test.start.ID, c.Open().ID)
		})
	}
}

func TestOnlyInitiatorOrAdminMayEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		by  run.Actor
		may bool
	}{
		"initiator":       {ana, true},
		"someone":         {ben, false},
		"workspace admin": {run.Actor{User: "wes", WorkspaceAdmin: true}, true},
		"channel admin":   {run.Actor{User: "cai"}, true},
		"nobody":          {run.Actor{WorkspaceAdmin: true}, false},
	} {
		for _, want := range []run.Want{run.CloseRun{}, run.CancelRun{}} {
			t.Run(fmt.Sprintf("%s %T", name, want), func(t *testing.T) {
				t.Parallel()
				c, id := started(t)
				c.Settings.Admins = []run.UserID{"cai"}
				decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
				events := decide(c, test.by, want)
				if test.may {
					require.Empty(t, refusal(events))
					require.NotEqual(t, run.Open, c.Run(id).Status)
					return
				}
				require.NotEmpty(t, refusal(events))
				require.Equal(t, run.Open, c.Run(id).Status)
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	other := uuid.New()
	for name, test := range map[string]struct {
		before []run.Want // by ana
		want   func(id uuid.UUID) run.Want
		by     run.Actor
		is     run.Refusal
	}{
		"close nothing":          {before: []run.Want{run.CancelRun{}}, want: func(uuid.UUID) run.Want { return run.CloseRun{} }, is: run.ErrNoOpenRun},
		"close without orders":   {want: func(uuid.UUID) run.Want { return run.CloseRun{} }, is: run.ErrNoOrders},
		"order in unknown run":   {want: func(uuid.UUID) run.Want { return run.PlaceOrder{Run: other, Drink: "Tea"} }, is: run.ErrUnknownRun},
		"order in cancelled run": {before: []run.Want{run.CancelRun{}}, want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: "Tea"} }, is: run.ErrRunCancelled},
		"order in abandoned run": {before: []run.Want{run.AbandonRun{}}, want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: "Tea"} }, is: run.ErrRunCancelled},
		"withdraw nothing":       {want: func(id uuid.UUID) run.Want { return run.WithdrawOrder{Run: id} }, is: run.ErrNoOrder},
		"no usual":               {want: func(id uuid.UUID) run.Want { return run.PlaceUsual{Run: id} }, is: run.ErrNoUsual},
		"empty drink":            {want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: " \n\u0085 "} }, is: run.ErrInvalid},
		"long drink":             {want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: strings.Repeat("ж", 281)} }, is: run.ErrInvalid},
		"ten cups":               {want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: "Tea", Quantity: 10} }, is: run.ErrInvalid},
		"a kind from the future": {want: func(uuid.UUID) run.Want { return nil }, is: run.ErrInvalid},
		"an order of nobody's":   {want: func(id uuid.UUID) run.Want { return run.PlaceOrder{Run: id, Drink: "Tea"} }, by: run.Actor{WorkspaceAdmin: true}, is: run.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, id := started(t)
			for _, want := range test.before {
				require.Empty(t, refusal(decide(c, ana, want)))
			}
			by := test.by
			if by == (run.Actor{}) {
				by = ana
			}
			require.Equal(t, test.is, refusal(decide(c, by, test.want(id))))
		})
	}
}

func TestExpiredCommandIsRefused(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	command := run.Command{Channel: c.ID, Actor: ana, IssuedAt: noon, ExpiresAt: noon.Add(10 * time.Minute), Want: run.StartRun{ID: uuid.New()}}
	require.Equal(t, run.ErrExpired, refusal(decideAt(c, command, noon.Add(10*time.Minute))))
	require.Empty(t, refusal(decideAt(c, command, noon.Add(10*time.Minute-time.Microsecond))))
}

func TestSecondCloseHearsThatItIsClosed(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	require.IsType(t, run.RunClosed{}, decide(c, ana, run.CloseRun{Run: id})[0].What)
	again := decide(c, ana, run.CloseRun{Run: id})
	require.Equal(t, run.ErrRunClosed, refusal(again))
	require.Equal(t, run.Closing, again[0].Run.Status)
	require.Equal(t, run.ErrRunClosed, refusal(decide(c, ana, run.CancelRun{Run: id})), "the runner is being chosen")
}

func TestOneActiveOrderPerPerson(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	decide(c, ben, run.PlaceOrder{Run: id, Drink: " Mocha\x00", Quantity: 2})
	decide(c, ana, run.PlaceOrder{Run: id, Drink: "Tea"})
	snapshot := *c.Run(id)
	require.Equal(t, []run.Order{
		{User: "ben", Drink: "Mocha", Quantity: 2, PlacedAt: noon, ChangedAt: noon},
		{User: "ana", Drink: "Tea", Quantity: 1, PlacedAt: noon.Add(time.Microsecond), ChangedAt: noon},
	}, snapshot.Orders)

	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Latte"})
	require.Equal(t, run.Drink("Latte"), c.Run(id).Orders[0].Drink, "replaced, in its place")
	decide(c, ben, run.WithdrawOrder{Run: id})
	require.Nil(t, c.Run(id).OrderOf("ben"))
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Latte"})
	require.NotNil(t, c.Run(id).OrderOf("ben"), "ordering again revives")
	require.Len(t, c.Run(id).Orders, 2)
	require.Equal(t, run.Drink("Mocha"), snapshot.Orders[0].Drink, "a snapshot does not change")
}

func TestRunTakes300Orders(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	for i := range run.MaxOrders {
		require.Empty(t, refusal(decide(c, run.Actor{User: run.UserID(fmt.Sprint(i))}, run.PlaceOrder{Run: id, Drink: "Tea"})))
	}
	require.Equal(t, run.ErrRunFull, refusal(decide(c, ana, run.PlaceOrder{Run: id, Drink: "Tea"})))
	require.Empty(t, refusal(decide(c, run.Actor{User: "7"}, run.PlaceOrder{Run: id, Drink: "Coffee"})), "who is in may change")
}

func TestUsual(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	events := decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha", Quantity: 3, Remember: true})
	require.Len(t, events, 2)
	require.Equal(t, run.UsualSaved{Usual: run.Usual{User: "ben", Drink: "Mocha", Quantity: 3}}, events[1].What)
	require.Nil(t, events[1].Run)
	require.Len(t, decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha", Quantity: 3, Remember: true}), 1, "nothing new to save")

	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Tea"})
	require.Equal(t, run.OrderPlaced{User: "ben", Usual: true}, decide(c, ben, run.PlaceUsual{Run: id})[0].What)
	require.Equal(t, run.Drink("Mocha"), c.Run(id).OrderOf("ben").Drink)
	require.EqualValues(t, 3, c.Run(id).OrderOf("ben").Quantity)
}

func TestChaseAsksAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	require.Empty(t, c.Chase(noon.Add(time.Hour)), "an open run waits for people")
	decide(c, ana, run.CloseRun{})
	asked := 0
	for at := noon; ; at = at.Add(time.Second) {
		events := c.Chase(at)
		if len(events) == 0 {
			continue
		}
		if _, again := events[0].What.(run.RunnerRequested); again {
			asked++
			require.Equal(t, noon.Add(time.Duration(asked)*run.AskAgainAfter), at)
			require.EqualValues(t, 1, events[0].Run.Assignment.No, "the same number")
			continue
		}
		require.Equal(t, run.RunnerWanted{}, events[0].What)
		require.Equal(t, noon.Add(run.GiveUpAfter), at)
		break
	}
	require.Equal(t, 9, asked)
	require.Equal(t, run.Closed, c.Run(id).Status)
	require.Empty(t, c.Assign(id, 1, "ben", nil, noon.Add(time.Hour)), "the run has moved on")
}

func TestDefaultSettingsHaveBounds(t *testing.T) {
	t.Parallel()
	for _, minutes := range []int{0, 61} {
		_, err := run.DefaultSettings(time.Duration(minutes)*time.Minute, 5)
		require.Error(t, err)
	}
	for _, window := range []uint32{0, 51} {
		_, err := run.DefaultSettings(5*time.Minute, window)
		require.Error(t, err)
	}
}
