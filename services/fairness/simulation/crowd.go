package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

const (
	// days is the length of one simulation, at most one run a day.
	days = 2000
	// window is the fairness window, in runs.
	window = 5
	// Attendance of the people is spread evenly between these chances.
	rarest, keenest = 0.05, 0.90
)

// crowd is who drinks coffee together, and how it is counted.
type crowd struct {
	people int
	// cups draws what a person orders on a day they come.
	cups func(c crowd, person int, rng *rand.Rand) int
	// shares divides the cost of a run.
	shares func(cups map[ledger.UserID]int) map[ledger.UserID]ledger.Share
	// alone holds a run also when only one person comes. Otherwise that day is left out.
	alone bool
	// turns counts a run of one as its drinker's turn, so that they are passed over in the next.
	turns bool
}

func oneCup(crowd, int, *rand.Rand) int { return 1 }

func randomCups(_ crowd, _ int, rng *rand.Rand) int { return 1 + rng.IntN(ledger.MaxCups) }

// keenestNine lets the one who comes most drink nine, and the others one.
func keenestNine(c crowd, person int, _ *rand.Rand) int {
	if person == c.people-1 {
		return ledger.MaxCups
	}
	return 1
}

// proportional divides a run without the half-run limit, to show what the limit is for.
func proportional(cups map[ledger.UserID]int) map[ledger.UserID]ledger.Share {
	total := 0
	for _, n := range cups {
		total += n
	}
	shares := make(map[ledger.UserID]ledger.Share, len(cups))
	for user, n := range cups {
		shares[user] = ledger.Run * ledger.Share(n) / ledger.Share(total)
	}
	return shares
}

// outcome is what a policy did to a crowd.
type outcome struct {
	// deviation is the largest absolute balance that anybody ever had, in runs.
	deviation float64
	// low and high are the lowest and highest person's served ÷ owed at the end.
	low, high float64
	// backToBack counts runs of two or more people whose runner had also run the one before of that kind.
	backToBack float64
}

// play lets policy choose for a crowd through all days. Same seed, same outcome.
func (c crowd) play(policy ledger.Policy, seed uint64) (outcome, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(c.people)))
	var (
		history  ledger.Ledger
		previous ledger.UserID
		result   = outcome{low: math.Inf(1)}
		at       = time.Date(2026, time.January, 1, 10, 0, 0, 0, time.UTC)
	)
	for range days {
		at = at.AddDate(0, 0, 1)
		cups := make(map[ledger.UserID]int)
		for person := range c.people {
			chance := rarest + (keenest-rarest)*float64(person)/float64(c.people-1)
			if rng.Float64() < chance {
				cups[name(person)] = c.cups(c, person, rng)
			}
		}
		if len(cups) == 0 || len(cups) == 1 && !c.alone {
			continue
		}
		choice, err := policy.Choose(ledger.Request{RunID: runID(rng), Orders: cups, Window: window, Ledger: history})
		if err != nil {
			return outcome{}, err
		}
		if len(cups) > 1 && choice.Runner == previous {
			result.backToBack++
		}
		history.Book(ledger.Entry{At: at, Cups: cups, Owed: c.shares(cups), Runner: choice.Runner})
		if len(cups) > 1 {
			previous = choice.Runner
		} else if c.turns {
			history.Runners = append(history.Runners, choice.Runner)
		}
		for _, s := range history.Standings {
			result.deviation = max(result.deviation, math.Abs(s.Balance().Runs()))
		}
	}
	for _, s := range history.Standings {
		ratio := float64(s.Served) / s.Owed.Runs()
		result.low, result.high = min(result.low, ratio), max(result.high, ratio)
	}
	return result, nil
}

// playEach returns the outcomes of the seeds 1 to n.
func (c crowd) playEach(policy ledger.Policy, n uint64) ([]outcome, error) {
	all := make([]outcome, n)
	for i := range all {
		var err error
		if all[i], err = c.play(policy, uint64(i)+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func meanOf(all []outcome) (mean outcome) {
	n := float64(len(all))
	for _, o := range all {
		mean.deviation += o.deviation / n
		mean.low += o.low / n
		mean.high += o.high / n
		mean.backToBack += o.backToBack / n
	}
	return mean
}

func name(person int) ledger.UserID { return ledger.UserID(rune('A' + person)) }

func runID(rng *rand.Rand) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], rng.Uint64())
	return id
}
