package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

func erase(actor *commandv1.Actor, user string) *commandv1.Command {
	return &commandv1.Command{Actor: actor, CorrelationId: "corr-erase", What: &commandv1.Command_ErasePerson{ErasePerson: &commandv1.ErasePerson{UserId: user}}}
}

func TestAnErasedPersonIsNowhereAndNobodyElseChanges(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	old := k.started() // ben's order in a run of ana's
	k.do(placeOrder("cem", old, "Tea"), closeRun("ana", old))
	served, err := k.answer(chosen(old, 1, "ben"))
	require.NoError(t, err)
	k.now = noon.Add(24 * time.Hour)
	now := newID()
	usual := placeOrder("ben", now, "Ristretto")
	usual.GetPlaceOrder().RememberAsUsual = true
	start := func(user, id, channel string) *commandv1.Command {
		c := startRun(user, id)
		c.IssuedAt, c.ChannelId = timestamppb.New(k.now), channel
		return c
	}
	k.do(start("ben", now, "C1"), usual, placeOrder("cem", now, "Latte"))
	gone := placeOrder("ben", newID(), "Tea")
	gone.ChannelId, gone.GetPlaceOrder().RunId = "C2", newID()
	started := start("cem", gone.GetPlaceOrder().RunId, "C2")
	withdraw := &commandv1.Command{ChannelId: "C2", Actor: by("ben"), What: &commandv1.Command_WithdrawOrder{WithdrawOrder: &commandv1.WithdrawOrder{RunId: gone.GetPlaceOrder().RunId}}}
	k.do(started, gone, withdraw)
	settings := proto.CloneOf(served[0].Settings)
	settings.AdminIds = []string{"ben", "cem"}
	k.do(changeSettings(0, settings), &commandv1.Command{Actor: by("ben"), What: &commandv1.Command_ChangePersonalSettings{
		ChangePersonalSettings: &commandv1.ChangePersonalSettings{Settings: &runv1.PersonalSettings{}},
	}})

	all := k.do(erase(by("ben"), "ben"))
	var anonym string
	runs, personal, channels := map[string]*runv1.Run{}, 0, map[string]int{}
	for _, e := range all {
		erased := e.GetPersonErased()
		if erased == nil {
			require.Equal(t, []string{"cem"}, e.Settings.AdminIds)
			require.NotNil(t, e.GetSettingsChanged())
			continue
		}
		require.Equal(t, "ben", erased.UserId)
		anonym = erased.ReplacedBy
		switch {
		case e.ChannelId == "":
			personal++
		case e.Run == nil:
			channels[e.ChannelId]++
		default:
			runs[e.Run.Id] = e.Run
		}
	}
	require.Equal(t, 1, personal)
	require.Equal(t, map[string]int{"C1": 1, "C2": 1}, channels)
	require.Len(t, runs, 3)
	require.Greater(t, runs[old].Version, served[0].Run.Version)
	require.Equal(t, []string{anonym, "(erased)", "cem", "Tea"},
		[]string{runs[old].Orders[0].UserId, runs[old].Orders[0].Drink, runs[old].Orders[1].UserId, runs[old].Orders[1].Drink})
	require.Equal(t, anonym, runs[old].Assignment.RunnerId)
	require.Equal(t, anonym, runs[now].InitiatorId)
	require.Len(t, runs[now].Orders, 1, "nobody is to fetch coffee for someone who is not there")
	for id, r := range runs { // what is read again is the same
		refused := erase(by("eve"), "ben")
		refused.What = closeRun("eve", id).What
		refused.ChannelId = r.ChannelId
		require.True(t, proto.Equal(r, k.do(refused)[0].Run), id)
	}
	for i, table := range k.tables() {
		if i != 5 { // the audit is kept as it is
			require.NotContains(t, table, `"ben"`)
		}
	}
	require.NotNil(t, k.do(start("ben", newID(), "C3"))[0].GetRunStarted(), "who comes back is new")
}

// Whoever was to run and has not gone yet is replaced, and an answer that is on its way changes nothing.
func TestAnErasedRunnerIsReplaced(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id := k.started()
	k.do(placeOrder("cem", id, "Tea"), closeRun("ana", id))
	all := k.do(erase(by("ben"), "ben"))[1:] // after the person's own
	require.EqualValues(t, 2, all[0].Run.Assignment.AssignmentNo)
	require.Equal(t, []string{all[0].GetPersonErased().ReplacedBy}, all[0].Run.DeclinedIds, "nobody cannot run")
	late, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	require.Empty(t, late)
	assigned, err := k.answer(chosen(id, 2, "cem"))
	require.NoError(t, err)
	require.Equal(t, "cem", assigned[0].Run.Assignment.RunnerId)

	all = k.do(erase(&commandv1.Actor{UserId: "adm", WorkspaceAdmin: true}, "cem"))[1:]
	require.Equal(t, runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING, all[0].Run.Assignment.State)
	require.EqualValues(t, 3, all[0].Run.Assignment.AssignmentNo)
	require.Len(t, all[0].Run.DeclinedIds, 2)
}

func TestWhoMayErase(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.started()
	before := k.tables()
	require.Equal(t, runv1.RejectReason_REJECT_REASON_NOT_ALLOWED, rejected(t, k.do(erase(by("eve"), "ben"))).Reason)
	require.Equal(t, runv1.RejectReason_REJECT_REASON_INVALID, rejected(t, k.do(erase(by("eve"), ""))).Reason)
	require.Equal(t, before, k.tables())
	operator := k.do(erase(nil, "ben"))
	require.Len(t, operator, 3)
	require.NotContains(t, operator[1].Run.String(), `"ben"`)
}

// What is in one batch with an erasure takes effect before or after it.
func TestAnErasureInTheMidst(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	id, next := newID(), newID()
	k.do(startRun("ana", id), placeOrder("ben", id, "Mocha"), placeOrder("cem", id, "Tea"), erase(by("ben"), "ben"),
		placeOrder("ben", id, "Chai"), closeRun("ana", id))
	refused := k.do(closeRun("eve", id))
	require.Len(t, refused[0].Run.Orders, 2)
	require.Equal(t, "Chai", refused[0].Run.Orders[1].Drink)

	_, err := k.answer(chosen(id, 1, "ben"))
	require.NoError(t, err)
	k.do(erase(by("ben"), "ben"), reset(), startRun("ben", next))
	require.Equal(t, 1, k.count("run"))
}
