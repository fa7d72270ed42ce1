package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// started is an event of a run of channelID that was started minutes ago.
func started(id, channelID string, minutes int, status runv1.RunStatus) *runv1.RunEvent {
	e := event(id, 1, status)
	e.ChannelId, e.Run.ChannelId = channelID, channelID
	e.Run.StartedAt = timestamppb.New(time.Now().Add(-time.Duration(minutes) * time.Minute))
	return e
}

func TestOfAChannelNothingIsKnownAtFirst(t *testing.T) {
	k := newKitchen(t)
	open, err := k.OpenRun(t.Context(), office, coffee)
	require.NoError(t, err)
	require.Nil(t, open)
	latest, err := k.LatestRuns(t.Context(), office, coffee, 10)
	require.NoError(t, err)
	require.Empty(t, latest)
	settings, err := k.Settings(t.Context(), office, coffee)
	require.NoError(t, err)
	require.Nil(t, settings)
	standings, err := k.Standings(t.Context(), office, coffee)
	require.NoError(t, err)
	require.Nil(t, standings)
}

func TestTheLatestRunsOfAChannel(t *testing.T) {
	k := newKitchen(t)
	_, err := k.apply(0, nil,
		started("old", coffee, 90, closed), started("oldest", coffee, 120, closed), started("new", coffee, 1, closed),
		started("elsewhere", "C0TEA", 0, open))
	require.NoError(t, err)
	latest, err := k.LatestRuns(t.Context(), office, coffee, 2)
	require.NoError(t, err)
	require.Len(t, latest, 2)
	require.Equal(t, []string{"new", "old"}, []string{latest[0].GetId(), latest[1].GetId()})
	settings, err := k.Settings(t.Context(), office, coffee)
	require.NoError(t, err)
	require.EqualValues(t, 5, settings.GetReminderOffsetMinutes())
}

func TestTheOpenRunOfAChannel(t *testing.T) {
	for name, c := range map[string]struct {
		status runv1.RunStatus
		want   string
	}{
		"open":      {open, "new"},
		"closing":   {runv1.RunStatus_RUN_STATUS_CLOSING, "new"},
		"closed":    {closed, ""},
		"cancelled": {runv1.RunStatus_RUN_STATUS_CANCELLED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKitchen(t)
			_, err := k.apply(0, nil, started("old", coffee, 60, closed), started("new", coffee, 1, c.status), started("elsewhere", "C0TEA", 0, open))
			require.NoError(t, err)
			run, err := k.OpenRun(t.Context(), office, coffee)
			require.NoError(t, err)
			require.Equal(t, c.want, run.GetId())
		})
	}
}

// save saves standings in which one person drank so many cups, and returns what is known then: 0, nothing.
func (k *kitchen) save(epoch, version uint64, cups uint32) uint32 {
	k.t.Helper()
	e := &fairnessv1.FairnessEvent{
		WorkspaceId: office, ChannelId: coffee, Epoch: epoch,
		What: &fairnessv1.FairnessEvent_StandingsChanged{StandingsChanged: &fairnessv1.StandingsChanged{
			Version: version, Standings: []*runv1.Candidate{{UserId: ana, Cups: cups}},
		}},
	}
	require.NoError(k.t, k.db.InTx(k.t.Context(), func(tx *postgres.Tx) error {
		return k.SaveStandings(k.t.Context(), tx, []*fairnessv1.FairnessEvent{e})
	}))
	return k.cups()
}

func (k *kitchen) cups() uint32 {
	k.t.Helper()
	standings, err := k.Standings(k.t.Context(), office, coffee)
	require.NoError(k.t, err)
	if len(standings) == 0 {
		return 0
	}
	return standings[0].GetCups()
}

func TestTheNewestStandingsCount(t *testing.T) {
	k := newKitchen(t)
	require.EqualValues(t, 3, k.save(1, 3, 3))
	require.EqualValues(t, 3, k.save(1, 2, 2), "older")
	require.EqualValues(t, 3, k.save(1, 3, 9), "read again")
	require.EqualValues(t, 4, k.save(1, 4, 4))
	require.EqualValues(t, 5, k.save(2, 1, 5), "after a reset versions begin again")
	require.EqualValues(t, 5, k.save(1, 9, 9), "from before the reset")
}

func TestStandingsFromBeforeAResetAreNotShown(t *testing.T) {
	k := newKitchen(t)
	require.EqualValues(t, 3, k.save(1, 3, 3))
	reset := event("r1", 1, open)
	reset.Epoch = 2
	_, err := k.apply(0, nil, reset)
	require.NoError(t, err)
	require.Zero(t, k.cups())
	require.EqualValues(t, 1, k.save(2, 1, 1))
}

func TestAForgottenUsualIsGone(t *testing.T) {
	now := time.Now()
	about := func(minute int) *runv1.RunEvent {
		return &runv1.RunEvent{WorkspaceId: office, ChannelId: coffee, Epoch: 1, OccurredAt: timestamppb.New(now.Add(time.Duration(minute) * time.Minute))}
	}
	saved := func(minute int, drink string) *runv1.RunEvent {
		e := about(minute)
		e.What = &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{UserId: ana, Drink: drink, Quantity: 1}}}
		return e
	}
	cleared := func(minute int, userID string) *runv1.RunEvent {
		e := about(minute)
		e.What = &runv1.RunEvent_UsualCleared{UsualCleared: &runv1.UsualCleared{UserId: userID}}
		return e
	}
	type batch []*runv1.RunEvent
	for name, c := range map[string]struct {
		batches []batch
		want    string
	}{
		"forgotten":                  {[]batch{{saved(1, "Tea")}, {cleared(2, ana)}}, ""},
		"at once":                    {[]batch{{saved(1, "Tea"), cleared(2, ana)}}, ""},
		"and another":                {[]batch{{saved(1, "Tea"), cleared(2, ana), saved(3, "Mocha")}}, "Mocha"},
		"someone else's":             {[]batch{{saved(1, "Tea")}, {cleared(2, "U0BEN")}}, "Tea"},
		"published again after that": {[]batch{{saved(1, "Tea")}, {cleared(2, ana)}, {saved(3, "Mocha")}, {cleared(2, ana)}}, "Mocha"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKitchen(t)
			for _, events := range c.batches {
				_, err := k.apply(0, nil, events...)
				require.NoError(t, err)
			}
			usual, err := k.Usual(t.Context(), office, coffee, ana)
			require.NoError(t, err)
			require.Equal(t, c.want, usual.GetDrink())
		})
	}
}

func TestTheOpenRunsThatSomeoneTakesPartIn(t *testing.T) {
	k := newKitchen(t)
	ordered, offered, ended := started("ordered", coffee, 1, open), started("offered", "C0TEA", 1, open), started("ended", "C0MATE", 1, closed)
	for _, e := range []*runv1.RunEvent{ordered, ended} {
		e.Run.Orders = []*runv1.Order{{UserId: ana, Drink: "Tea"}}
	}
	offered.Run.VolunteerIds = []string{ana}
	other := started("other", "C0COLA", 1, open)
	_, err := k.apply(0, nil, ordered, offered, ended, other)
	require.NoError(t, err)
	runs, err := k.RunsWith(t.Context(), office, ana)
	require.NoError(t, err)
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.GetId())
	}
	require.ElementsMatch(t, []string{"ordered", "offered"}, ids)
}
