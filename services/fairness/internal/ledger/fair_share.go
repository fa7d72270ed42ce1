package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// FairShare lets those run who owe the most, and spares those who ran lately unless they owe a whole run.
type FairShare struct{}

// Choose implements [Policy].
func (FairShare) Choose(r Request) (Choice, error) {
	ranking := r.rankByShare()
	if len(ranking) == 0 {
		return Choice{}, ErrNobody
	}
	runner := ranking[0]
	choice := Choice{Runner: runner.User, Explanation: Explanation{
		Rule:     r.rule(ranking),
		Standing: runner.Standing,
		Window:   r.Window,
		Ranking:  ranking,
	}}
	if !runner.Standing.LastServedAt.IsZero() {
		runs, ok := r.Ledger.RunsSince(runner.User)
		if choice.RunsSinceServed = min(runs, MaxWindow); !ok {
			choice.RunsSinceServed = MaxWindow
		}
	}
	others := ranking[1:]
	if len(others) == 0 { // without the only volunteer, or with the previous runner after all
		others = r.without(runner.User).rankByShare()
	}
	if len(others) > 0 {
		choice.RunnerUp = others[0].User
	}
	return choice, nil
}

// rankByShare returns the candidates, the one to choose first: those whom their debt calls before all others;
// then by balance, lowest first; then who served longest ago; then by lot.
func (r Request) rankByShare() []Candidate {
	candidates := r.candidates()
	called := make(map[UserID]bool, len(candidates))
	for _, c := range candidates {
		called[c.User] = r.called(c)
	}
	slices.SortFunc(candidates, func(a, b Candidate) int {
		switch {
		case called[a.User] != called[b.User]:
			if called[a.User] {
				return -1
			}
			return 1
		case a.Standing.Balance() != b.Standing.Balance():
			return cmp.Compare(a.Standing.Balance(), b.Standing.Balance())
		case !a.Standing.LastServedAt.Equal(b.Standing.LastServedAt):
			return a.Standing.LastServedAt.Compare(b.Standing.LastServedAt)
		}
		return cmp.Or(bytes.Compare(r.lot(a.User), r.lot(b.User)), cmp.Compare(a.User, b.User))
	})
	return candidates
}

// called reports whether c owes so much that only people like c count.
func (r Request) called(c Candidate) bool {
	owed := -c.Standing.Balance()
	return owed >= Run || owed >= Half && r.Ledger.rested(c.User, r.Window)
}

// lot is the lot that user draws in this run: another one in each run, so that no name is always hit.
func (r Request) lot(user UserID) []byte {
	sum := sha256.Sum256(append(r.RunID[:], user...))
	return sum[:]
}

// rule returns what sets the first of a ranking apart from the second.
func (r Request) rule(ranking []Candidate) Rule {
	first := ranking[0]
	if len(ranking) == 1 {
		if slices.Contains(r.Volunteers, first.User) {
			return OnlyVolunteer
		}
		return OnlyCandidate
	}
	second := ranking[1]
	level := first.Standing.Balance() == second.Standing.Balance()
	switch {
	case r.called(first) && (!level || !r.called(second)):
		return RestedDebtor
	case !level:
		return LowestBalance
	case !first.Standing.LastServedAt.Equal(second.Standing.LastServedAt):
		return ServedLongestAgo
	}
	return Draw
}
