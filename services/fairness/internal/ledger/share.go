package ledger

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// UserID names a person; opaque, unique within a workspace.
type UserID string

// Share is an amount of running: what someone owes or is credited. One run is [Run] shares.
// Whole numbers, so sums are exact: stored as bigint, and never rounded except to be shown.
type Share int64

// Run is one whole run: twice the least common multiple of 1 to 24, so that a run of up to 24 cups, and half of one,
// divide without a rest and people who are level in fact are level here. An int64 holds 861 million runs.
const Run Share = 10_708_457_760

// Half is the most that one run costs anybody in company, and the debt from which a rested person is called first.
const Half = Run / 2

// Runs returns s in runs, to be shown or compared with a tolerance.
func (s Share) Runs() float64 { return float64(s) / float64(Run) }

// Micros returns s in millionths of a run, rounded to the nearest. Rounded amounts need not add up to zero.
func (s Share) Micros() int64 { return int64(math.Round(s.Runs() * 1e6)) }

// Shares returns what one run costs each participant, given their cups: in proportion, but nobody more than [Half],
// the rest of whose part is spread over the others in proportion; a run of one costs its drinker the whole.
// The result adds up to exactly [Run] and depends on nothing but cups. People without cups take no part;
// without participants the result is empty.
//
// Nobody serves twice in a row, so nobody could pay back more than half a run per run: without the limit the debt of
// someone who drinks most of the coffee grows without bound.
func Shares(cups map[UserID]int) map[UserID]Share {
	total, keenest := 0, UserID("")
	for _, user := range slices.Sorted(maps.Keys(cups)) {
		total += max(cups[user], 0)
		if keenest == "" || cups[user] > cups[keenest] {
			keenest = user
		}
	}
	if total <= 0 {
		return nil
	}
	// More than half of the cups can be one person's only, and half a run is the most that is left for the others.
	if most := cups[keenest]; 2*most > total && most < total {
		others := maps.Clone(cups)
		delete(others, keenest)
		shares := divide(Half, others, total-most)
		shares[keenest] = Half
		return shares
	}
	return divide(Run, cups, total)
}

// divide splits amount in proportion to cups, whose sum is total. What whole shares leave over goes, one each,
// to those who lost the largest fraction, then in order of user id.
func divide(amount Share, cups map[UserID]int, total int) map[UserID]Share {
	type fraction struct {
		user UserID
		lost Share
	}
	shares := make(map[UserID]Share, len(cups))
	fractions := make([]fraction, 0, len(cups))
	left := amount
	for user, n := range cups {
		if n <= 0 {
			continue
		}
		product := amount * Share(n)
		shares[user] = product / Share(total)
		left -= shares[user]
		fractions = append(fractions, fraction{user, product % Share(total)})
	}
	slices.SortFunc(fractions, func(a, b fraction) int {
		return cmp.Or(cmp.Compare(b.lost, a.lost), cmp.Compare(a.user, b.user))
	})
	for _, f := range fractions[:left] {
		shares[f.user]++
	}
	return shares
}
