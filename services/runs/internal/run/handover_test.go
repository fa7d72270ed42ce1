package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/runs/internal/run"
)

var cem = run.Actor{User: "cem"}

// assigned returns a channel whose run ben is to fetch.
func assigned(t require.TestingT) (*run.Channel, uuid.UUID) {
	c, id := started(t)
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	require.Empty(t, refusal(decide(c, ana, run.CloseRun{})))
	require.Len(t, c.Assign(id, 1, "ben", []byte("why"), noon), 1)
	return c, id
}

func TestDeclineHasTheNextChosen(t *testing.T) {
	t.Parallel()
	c, id := assigned(t)
	events := decide(c, ben, run.DeclineAssignment{Run: id, No: 1})
	require.Equal(t, run.RunnerRequested{DeclinedBy: "ben"}, events[0].What)
	require.Equal(t, run.Closed, events[0].Run.Status, "nobody waits for it to start the next one")
	require.Equal(t, run.Assignment{No: 2, State: run.Choosing, RequestedAt: noon, AskedAt: noon, Previous: "ben"}, events[0].Run.Assignment)
	require.Empty(t, refusal(decide(c, cem, run.StartRun{ID: uuid.New()})))

	require.Empty(t, c.Assign(id, 1, "cem", nil, noon), "an answer to the question before")
	require.Empty(t, c.Assign(id, 2, "ben", nil, noon), "they can't go")
	require.Len(t, c.Assign(id, 2, "cem", nil, noon), 1)
	require.Equal(t, run.ErrStale, refusal(decide(c, ben, run.AcceptAssignment{Run: id, No: 1})))
	require.Equal(t, run.ErrNotRunner, refusal(decide(c, ben, run.AcceptAssignment{Run: id, No: 2})))
	require.Empty(t, refusal(decide(c, cem, run.AcceptAssignment{Run: id, No: 2})))
	require.Empty(t, refusal(decide(c, cem, run.DeclineAssignment{Run: id, No: 2})), "also on the way")
	require.Equal(t, []run.UserID{"ben", "cem"}, c.Run(id).Declined)
}

func TestADeclinedRunIsChasedWhileTheNextGoesOn(t *testing.T) {
	t.Parallel()
	c, id := assigned(t)
	decide(c, ben, run.DeclineAssignment{Run: id, No: 1})
	decide(c, cem, run.StartRun{ID: uuid.New()})
	require.Len(t, c.Chase(noon.Add(run.AskAgainAfter)), 1)
	events := c.Chase(noon.Add(run.GiveUpAfter))
	require.Equal(t, run.RunnerWanted{}, events[0].What)
	require.Equal(t, noon, events[0].Run.EndedAt, "it ended when it was first assigned")
}

func TestWhoOffersFirstWhereOneIsWantedGoes(t *testing.T) {
	t.Parallel()
	c, id := assigned(t)
	decide(c, ben, run.DeclineAssignment{Run: id, No: 1})
	c.NobodyLeft(id, 2, noon)
	events := decide(c, cem, run.TakeOver{Run: id, No: 2})
	require.Equal(t, run.RunnerAssigned{}, events[0].What)
	require.EqualValues(t, 3, events[0].Run.Assignment.No)
	require.Equal(t, run.UserID("cem"), events[0].Run.Assignment.Runner)
	require.Equal(t, run.ErrStale, refusal(decide(c, ana, run.TakeOver{Run: id, No: 2})), "the second is too late")

	c, id = assigned(t)
	decide(c, ben, run.DeclineAssignment{Run: id, No: 1})
	c.NobodyLeft(id, 2, noon)
	require.Empty(t, refusal(decide(c, ben, run.TakeOver{Run: id, No: 2})), "who could not go may have changed their mind")
	require.Empty(t, c.Run(id).Declined)
}

func TestSwapNeedsTheRunnersWord(t *testing.T) {
	t.Parallel()
	c, id := assigned(t)
	require.Equal(t, run.ErrStale, refusal(decide(c, ben, run.TakeOver{Run: id, No: 1})), "they go already")
	require.Equal(t, run.TakeOverOffered{User: "cem"}, decide(c, cem, run.TakeOver{Run: id, No: 1})[0].What)
	require.Equal(t, run.UserID("ben"), c.Run(id).Assignment.Runner)
	require.Equal(t, run.ErrNotRunner, refusal(decide(c, cem, run.TakeOver{Run: id, No: 1, Successor: "cem"})))
	require.Equal(t, run.ErrStale, refusal(decide(c, ben, run.TakeOver{Run: id, No: 1, Successor: "ana"})), "ana did not offer")
	events := decide(c, ben, run.TakeOver{Run: id, No: 1, Successor: "cem"})
	require.Equal(t, run.Assignment{
		No: 2, State: run.Assigned, Runner: "cem", RequestedAt: noon, AskedAt: noon, AssignedAt: noon, Previous: "ben",
	}, events[0].Run.Assignment)
	require.Empty(t, events[0].Run.Declined, "a swap is no refusal")
}

func TestArrivalIsTheEnd(t *testing.T) {
	t.Parallel()
	c, id := assigned(t)
	require.Equal(t, run.ErrNotRunner, refusal(decide(c, ana, run.AnnounceArrival{Run: id, No: 1})))
	require.Equal(t, run.CoffeeArrived{}, decide(c, ben, run.AnnounceArrival{Run: id, No: 1})[0].What)
	for _, want := range []run.Want{
		run.AnnounceArrival{Run: id, No: 1}, run.DeclineAssignment{Run: id, No: 1}, run.AcceptAssignment{Run: id, No: 1}, run.TakeOver{Run: id, No: 1},
	} {
		require.Equal(t, run.ErrStale, refusal(decide(c, ben, want)))
	}
}

func TestVolunteersAreToldAgain(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	for range 2 {
		require.Equal(t, run.Volunteered{User: "ben"}, decide(c, ben, run.Volunteer{Run: id})[0].What)
		require.Equal(t, []run.UserID{"ben"}, c.Run(id).Volunteers)
	}
	for range 2 {
		require.Equal(t, run.StoppedVolunteering{User: "ben"}, decide(c, ben, run.StopVolunteering{Run: id})[0].What)
		require.Empty(t, c.Run(id).Volunteers)
	}
	decide(c, ana, run.CancelRun{Run: id})
	require.Equal(t, run.ErrRunCancelled, refusal(decide(c, ben, run.Volunteer{Run: id})))
}

func TestMove(t *testing.T) {
	t.Parallel()
	pickup := noon.Add(30 * time.Minute)
	later := func(id uuid.UUID) run.MoveRun {
		return run.MoveRun{Run: id, Pickup: pickup.Add(5 * time.Minute), IfPickup: pickup}
	}
	c, id := started(t)
	require.Equal(t, run.ErrNotAllowed, refusal(decide(c, ben, later(id))))
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	require.Equal(t, run.RunMoved{Previous: pickup}, decide(c, ben, later(id))[0].What, "who ordered may")
	require.Equal(t, pickup.Add(5*time.Minute), c.Run(id).PickupAt)
	require.Equal(t, noon.Add(25*time.Minute), c.Run(id).ClosesAt, "closing moves with it")
	require.Equal(t, run.ErrStale, refusal(decide(c, ana, later(id))), "two at once move it once")

	for name, want := range map[string]time.Time{"past": noon, "more than a day ahead": noon.Add(24*time.Hour + time.Microsecond)} {
		require.Equal(t, run.ErrPickupOutOfRange, refusal(decide(c, ana, run.MoveRun{Run: id, Pickup: want, IfPickup: pickup.Add(5 * time.Minute)})), name)
	}
	decide(c, ana, run.MoveRun{Run: id, Pickup: noon.Add(4 * time.Minute), IfPickup: pickup.Add(5 * time.Minute)})
	require.Equal(t, noon.Add(2*time.Minute), c.Run(id).ClosesAt, "half-way, for a pickup that is sooner than the lead")
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	due := noon.Add(20 * time.Minute)
	c, id := started(t)
	require.Empty(t, c.Deadline(id, due.Add(time.Minute), due), "it was moved")
	events := c.Deadline(id, due, due)
	require.Equal(t, run.RunCancelled{}, events[0].What)
	require.Equal(t, run.NoOrders, events[0].Run.EndReason)
	require.Empty(t, c.Deadline(id, due, due))

	c, id = started(t)
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	events = c.Deadline(id, due, due)
	require.Equal(t, run.RunClosed{ByDeadline: true}, events[0].What)
	require.EqualValues(t, 1, events[0].Run.Assignment.No)
}

func TestLastCallNamesWhoUsuallyIsIn(t *testing.T) {
	t.Parallel()
	c, id := started(t)
	pickup := c.Run(id).PickupAt
	decide(c, ben, run.PlaceOrder{Run: id, Drink: "Mocha"})
	c.Regulars = []run.UserID{"cem", "ben", "dee", "eve", "fay", "gil", "hal"}
	events := c.LastCall(id, pickup, noon.Add(19*time.Minute))
	require.Equal(t, run.LastCall{Missing: []run.UserID{"cem", "dee", "eve", "fay", "gil"}}, events[0].What)
	require.Empty(t, c.LastCall(id, pickup, noon.Add(20*time.Minute)), "never after closing")
	require.Empty(t, c.LastCall(id, pickup.Add(time.Minute), noon), "it was moved")
}
