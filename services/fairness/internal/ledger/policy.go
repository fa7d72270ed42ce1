package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// ErrNobody means that no candidate is left: nobody ordered, or everybody who did declined.
var ErrNobody = errors.New("nobody is left to run")

// MaxWindow is the largest fairness window, in runs. No policy looks further back in [Ledger].Runners.
const MaxWindow = 50

// Policy chooses who runs.
type Policy interface {
	// Choose returns the same choice for the same request, or [ErrNobody].
	Choose(Request) (Choice, error)
}

// Request is one run in want of a runner.
type Request struct {
	RunID uuid.UUID
	// Orders counts the cups of everybody with an active order.
	Orders map[UserID]int
	// Declined are out of the question for this run.
	Declined []UserID
	// Volunteers put themselves forward for this run, with or without an order.
	Volunteers []UserID
	// Window is the channel's fairness window, in runs, 1 to [MaxWindow].
	Window int
	// Ledger is the channel's without this run: a choice made again must not count the entry of the first.
	Ledger Ledger
}

// Choice is a runner, and why.
type Choice struct {
	Runner UserID
	Explanation
}

// Explanation holds the numbers behind a choice, before the run is booked; others put them into words.
type Explanation struct {
	Rule Rule
	// Standing is the runner's.
	Standing Standing
	// RunsSinceServed counts the channel's runs since the one the runner last ran for others, to [MaxWindow] at most.
	// No meaning without Standing.LastServedAt.
	RunsSinceServed int
	// Window is the fairness window that was used, in runs.
	Window int
	// RunnerUp is who would be chosen if the runner declined. Empty: nobody.
	RunnerUp UserID
	// Ranking lists all who were considered, the runner first.
	Ranking []Candidate
}

// Candidate is someone considered, with their numbers.
type Candidate struct {
	User     UserID
	Standing Standing
}

// Rule is what set the runner apart from the next in the ranking.
type Rule int

const (
	// OnlyCandidate had no competitor: alone, the others declined, or the other one ran last.
	OnlyCandidate Rule = iota + 1
	// OnlyVolunteer was the only one to put themselves forward.
	OnlyVolunteer
	// RestedDebtor owes the most of those who owe half a run and rested, or owe a whole run.
	RestedDebtor
	// LowestBalance owes the most, or has the least to their credit.
	LowestBalance
	// ServedLongestAgo is level with the next, and ran longer ago, or never.
	ServedLongestAgo
	// Draw is level with the next in everything, and was drawn.
	Draw
	// FewestInWindow ran fewer of the latest runs.
	FewestInWindow
)

// choose ranks the candidates, the one to choose first: by compare; then who served longest ago; then by lot.
// rule says what sets the first of two apart.
func (r Request) choose(compare func(a, b Candidate) int, rule func(first, second Candidate) Rule) (Choice, error) {
	ranking := r.rank(compare)
	if len(ranking) == 0 {
		return Choice{}, ErrNobody
	}
	runner := ranking[0]
	choice := Choice{Runner: runner.User, Explanation: Explanation{Standing: runner.Standing, Window: r.Window, Ranking: ranking}}
	switch {
	case len(ranking) > 1:
		choice.Rule = rule(runner, ranking[1])
	case slices.Contains(r.Volunteers, runner.User):
		choice.Rule = OnlyVolunteer
	default:
		choice.Rule = OnlyCandidate
	}
	if !runner.Standing.LastServedAt.IsZero() {
		runs, ok := r.Ledger.RunsSince(runner.User)
		if choice.RunsSinceServed = min(runs, MaxWindow); !ok {
			choice.RunsSinceServed = MaxWindow
		}
	}
	others := ranking[1:]
	if len(others) == 0 { // without the only volunteer, or with the previous runner after all
		others = r.without(runner.User).rank(compare)
	}
	if len(others) > 0 {
		choice.RunnerUp = others[0].User
	}
	return choice, nil
}

func (r Request) rank(compare func(a, b Candidate) int) []Candidate {
	candidates := r.candidates()
	slices.SortFunc(candidates, func(a, b Candidate) int {
		return cmp.Or(compare(a, b), a.Standing.LastServedAt.Compare(b.Standing.LastServedAt),
			bytes.Compare(r.lot(a.User), r.lot(b.User)), cmp.Compare(a.User, b.User))
	})
	return candidates
}

// lot is the lot that user draws in this run: another one in each run, so that no name is always hit.
func (r Request) lot(user UserID) []byte {
	sum := sha256.Sum256(append(r.RunID[:], user...))
	return sum[:]
}

// tieRule is what sets apart two who are level in what their policy compares.
func (Request) tieRule(first, second Candidate) Rule {
	if !first.Standing.LastServedAt.Equal(second.Standing.LastServedAt) {
		return ServedLongestAgo
	}
	return Draw
}

// candidates returns, in no particular order, the volunteers, if there are any; else those who ordered,
// without the channel's previous runner unless nobody else is left. People who declined are never among them.
func (r Request) candidates() []Candidate {
	pool := make(map[UserID]bool)
	for _, user := range r.Volunteers {
		pool[user] = true
	}
	r.dropDeclined(pool)
	if len(pool) == 0 {
		for user := range r.Orders {
			pool[user] = true
		}
		r.dropDeclined(pool)
		if len(pool) > 1 {
			delete(pool, r.Ledger.previous())
		}
	}
	candidates := make([]Candidate, 0, len(pool))
	for user := range pool {
		candidates = append(candidates, Candidate{user, r.Ledger.Standings[user]})
	}
	return candidates
}

func (r Request) dropDeclined(pool map[UserID]bool) {
	maps.DeleteFunc(pool, func(user UserID, _ bool) bool { return slices.Contains(r.Declined, user) })
}

// without returns the request as it would be if user declined as well.
func (r Request) without(user UserID) Request {
	r.Declined = append(slices.Clone(r.Declined), user)
	return r
}
