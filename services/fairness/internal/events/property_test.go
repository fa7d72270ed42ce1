package events_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// However events are batched and repeated: every open question has one answer, and what is booked is what the newest
// snapshots say, to the last share.
func TestAnyBatchesBookTheNewestSnapshots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	names := []string{"ana", "ben", "cem", "dee", "eve"}
	histories := 0
	rapid.Check(t, func(t *rapid.T) {
		histories++
		channel := fmt.Sprint("C", histories)
		var runs []*brew
		var told []*bus.Record
		for len(told) < 30 {
			told = append(told, nextEvent(t, channel, names, &runs))
		}

		answers := map[string]string{}
		open := map[string]bool{}
		var version uint64
		for handled := 0; handled < len(told); {
			from := rapid.IntRange(max(handled-4, 0), handled).Draw(t, "repeated from")
			handled = min(len(told), handled+rapid.IntRange(1, 8).Draw(t, "batch"))
			batch := told[from:handled]
			before := len(b.published)
			require.NoError(t, b.try(again(batch...)...))
			for _, m := range b.published[before:] {
				var event fairnessv1.FairnessEvent
				require.NoError(t, proto.Unmarshal(m.Value, &event))
				if standings := event.GetStandingsChanged(); standings != nil {
					require.Greater(t, standings.Version, version)
					version = standings.Version
					continue
				}
				question, runner := fmt.Sprint(event.RunId, event.AssignmentNo), event.GetRunnerChosen().GetRunnerId()
				if given, ok := answers[question]; ok {
					require.Equal(t, given, runner, "an answer is never changed")
				}
				answers[question] = runner
			}
			for _, record := range batch {
				event := &runv1.RunEvent{}
				require.NoError(t, bus.Decode(record, event))
				question := fmt.Sprint(event.Run.Id, event.Run.GetAssignment().GetAssignmentNo())
				clearRun(open, event.Run.Id)
				if event.Run.GetAssignment().GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING {
					open[question] = true
				}
			}
			for question := range open {
				require.Contains(t, answers, question)
			}
		}

		var entries []ledger.Entry
		for _, run := range runs {
			runner := run.GetAssignment().GetRunnerId()
			if run.GetAssignment().GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING {
				runner = answers[fmt.Sprint(run.Id, run.Assignment.AssignmentNo)]
			}
			drunk := map[ledger.UserID]int{}
			for _, order := range run.Orders {
				drunk[ledger.UserID(order.UserId)] = int(order.Quantity)
			}
			entry, err := ledger.NewEntry(uuid.MustParse(run.Id), run.StartedAt.AsTime(), drunk, ledger.UserID(runner))
			require.NoError(t, err)
			entries = append(entries, entry)
		}
		requireBooked(t, b, channel, ledger.Fold(entries))
	})
}

func clearRun(open map[string]bool, run string) {
	for question := range open {
		if question[:len(run)] == run {
			delete(open, question)
		}
	}
}

// nextEvent lets something happen that can happen.
func nextEvent(t *rapid.T, channel string, names []string, runs *[]*brew) *bus.Record {
	name := rapid.SampledFrom(names)
	if len(*runs) == 0 || rapid.IntRange(0, 3).Draw(t, "new run") == 0 {
		run := newBrew(rapid.SliceOfNDistinct(name, 1, 4, rapid.ID[string]).Draw(t, "orders")...)
		run.ChannelId = channel
		for _, order := range run.Orders {
			order.Quantity = rapid.Uint32Range(1, ledger.MaxCups).Draw(t, "cups")
		}
		*runs = append(*runs, run)
		return run.asks(1)
	}
	run := rapid.SampledFrom(*runs).Draw(t, "run")
	if run.Assignment == nil { // cancelled
		return run.tells(nil)
	}
	choosing := run.Assignment.State == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		return run.cancelled()
	case 1:
		return run.wanted()
	case 2, 3:
		run.DeclinedIds = append(run.DeclinedIds, name.Draw(t, "declined"))
		return run.asks(run.Assignment.AssignmentNo + 1)
	case 4, 5:
		if choosing {
			return run.asksAgain()
		}
		return run.tells(nil)
	default:
		return run.assigned(name.Draw(t, "runner"))
	}
}

func requireBooked(t *rapid.T, b *bench, channel string, want ledger.Ledger) {
	rows, err := b.db.Read(b.Context()).Raw(`SELECT user_id, cups, owed, served, balance FROM fairness.standing WHERE channel_id = ?`, channel).Rows()
	require.NoError(t, err)
	defer rows.Close()
	var sum int64
	for rows.Next() {
		var user string
		var cups, served int
		var owed, balance int64
		require.NoError(t, rows.Scan(&user, &cups, &owed, &served, &balance))
		s := want.Standings[ledger.UserID(user)]
		require.Equal(t, []int64{int64(s.Cups), int64(s.Owed), int64(s.Served), int64(s.Balance())}, []int64{int64(cups), owed, int64(served), balance})
		delete(want.Standings, ledger.UserID(user))
		sum += balance
	}
	require.NoError(t, rows.Err())
	require.Empty(t, want.Standings)
	require.Zero(t, sum)
}
