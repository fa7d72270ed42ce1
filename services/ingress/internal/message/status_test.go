package message_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func candidates() []*runv1.Candidate {
	october := timestamppb.New(time.Date(2026, 10, 3, 9, 0, 0, 0, time.UTC))
	return []*runv1.Candidate{
		{UserId: "U0BEN", Cups: 23, OwedMicros: 3_400_000, Served: 2, BalanceMicros: -1_400_000, LastServedAt: october},
		{UserId: "U0EVIL", Cups: 2, OwedMicros: 480_000, BalanceMicros: -480_000},
		{UserId: "U0DEE", Cups: 0, BalanceMicros: 0},
		{UserId: "U0ANA", Cups: 9, OwedMicros: 1_120_000, Served: 3, BalanceMicros: 1_880_000, LastServedAt: october},
	}
}

func TestStandings(t *testing.T) {
	t.Parallel()
	fair, turns := runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE, runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	golden(t, "standings", "fair share", message.Standings(candidates(), fair, 5, names),
		"rotation", message.Standings(candidates()[:1], turns, 5, names), "nothing yet", message.Standings(nil, fair, 5, names))
	var many []*runv1.Candidate
	for i := range 200 {
		many = append(many, &runv1.Candidate{UserId: fmt.Sprintf("U0N%d", i), Cups: 9, BalanceMicros: int64(i-100) * 10_000})
	}
	golden(t, "standings_200", message.Standings(many, fair, 5, names))
}

func TestHistory(t *testing.T) {
	t.Parallel()
	went, cancelled, wanted := closed("U0BEN", three()...), run(runv1.RunStatus_RUN_STATUS_CANCELLED), closed("", three()...)
	wanted.Place = ""
	golden(t, "history", "three", message.History([]*runv1.Run{went, cancelled, wanted}, names), "none", message.History(nil, names))
}

func TestWhyModal(t *testing.T) {
	t.Parallel()
	r := closed("U0BEN", three()...)
	r.Assignment.Explanation.Ranking, r.Assignment.Explanation.Window = candidates(), 5
	r.DeclinedIds = []string{"U0CEM"}
	took := closed("U0ANA", three()...)
	took.Assignment.Explanation = nil
	choosing, wanted, none := closed("", three()...), closed("", three()...), run(runv1.RunStatus_RUN_STATUS_CANCELLED)
	choosing.Assignment.State = runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING
	choosing.DeclinedIds, wanted.DeclinedIds = []string{"U0BEN"}, []string{"U0BEN", "U0CEM"}
	golden(t, "modal_why", "ledger", message.WhyModal(r, names), "took over", message.WhyModal(took, names),
		"choosing again", message.WhyModal(choosing, names), "nobody left", message.WhyModal(wanted, names), "no runner", message.WhyModal(none, names))
	var many []*runv1.Candidate
	for i := range 50 {
		many = append(many, &runv1.Candidate{UserId: fmt.Sprintf("U0N%d", i), Cups: 9, BalanceMicros: int64(i-100) * 10_000})
	}
	r.Assignment.Explanation.Ranking = many
	golden(t, "modal_why_50", message.WhyModal(r, names))
}

func TestUsualByCommand(t *testing.T) {
	t.Parallel()
	golden(t, "usual", "none", message.YourUsual(nil), "one", message.YourUsual(&runv1.Usual{Drink: "Flat <b>white</b>", Quantity: 1}),
		"two cups", message.YourUsual(&runv1.Usual{Drink: "Tea", Quantity: 2}), "saved", message.UsualSaved("Tea & *milk*"),
		"cleared", message.UsualCleared(), "no open run", message.NoOpenRun())
}

func TestRecents(t *testing.T) {
	t.Parallel()
	runs := []*runv1.Run{open(order("U0ANA", "Tea"), order("U0BEN", "Mocha")), open(order("U0ANA", " TEA "), order("U0BEN", "Latte"), order("U0CEM", "Water"))}
	require.Equal(t, []string{"Mocha", "Tea", "Water"}, message.Recents(runs, 3))
	require.Empty(t, message.Recents(nil, 5))
}

func TestRecentsInTheForm(t *testing.T) {
	t.Parallel()
	recents := []string{"Flat white", longest, "Tea <!channel>", "Mocha", "Latte", "too many"}
	golden(t, "modal_recents", "new", message.OrderModal{Run: open(), Recents: recents}.View(),
		"tapped", message.OrderModal{Run: open(), Recents: recents, Tapped: longest, Taps: 2}.View())
}

func TestWhatAnErasedPersonDrankIsNotOffered(t *testing.T) {
	t.Parallel()
	runs := []*runv1.Run{{Orders: []*runv1.Order{{UserId: "U0BEN", Drink: "Tea"}, {UserId: "erased-x", Drink: "(erased)"}}}}
	require.Equal(t, []string{"Tea"}, message.Recents(runs, 5))
}
