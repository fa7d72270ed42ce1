package main

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// The policies that fair_share is compared with. Each knows only who ordered and who ran.

// random draws a runner from those who ordered.
type random struct{}

func (random) Choose(r ledger.Request) (ledger.Choice, error) {
	return draw(r, func(ledger.UserID) float64 { return 1 })
}

// lottery gives everybody a ticket, and more of them with the time since they last served:
// one for each time that the others could have served since.
type lottery struct{}

func (lottery) Choose(r ledger.Request) (ledger.Choice, error) {
	return draw(r, func(user ledger.UserID) float64 {
		runs, ok := r.Ledger.RunsSince(user)
		if !ok {
			runs = len(r.Ledger.Runners)
		}
		return 1 + float64(runs)/float64(max(len(r.Ledger.Standings), 1))
	})
}

func draw(r ledger.Request, weight func(ledger.UserID) float64) (ledger.Choice, error) {
	users := slices.Sorted(maps.Keys(r.Orders))
	total := 0.0
	for _, user := range users {
		total += weight(user)
	}
	rng := rand.New(rand.NewPCG(binary.BigEndian.Uint64(r.RunID[:8]), binary.BigEndian.Uint64(r.RunID[8:])))
	point := rng.Float64() * total
	for _, user := range users {
		if point -= weight(user); point < 0 {
			return ledger.Choice{Runner: user}, nil
		}
	}
	return ledger.Choice{Runner: users[len(users)-1]}, nil
}

// fewest takes who ran least often, within the window or ever; then who served longest ago. Never the previous runner.
type fewest struct{ ever bool }

func (p fewest) Choose(r ledger.Request) (ledger.Choice, error) {
	counted := r.Ledger.Runners
	if n := len(counted); n > 0 {
		r.Orders = maps.Clone(r.Orders)
		delete(r.Orders, counted[n-1])
		if !p.ever {
			counted = counted[max(n-r.Window, 0):]
		}
	}
	users := slices.Sorted(maps.Keys(r.Orders))
	served := make(map[ledger.UserID]int)
	for _, runner := range counted {
		served[runner]++
	}
	runner := slices.MinFunc(users, func(a, b ledger.UserID) int {
		return cmp.Or(
			cmp.Compare(served[a], served[b]),
			r.Ledger.Standings[a].LastServedAt.Compare(r.Ledger.Standings[b].LastServedAt))
	})
	return ledger.Choice{Runner: runner}, nil
}
