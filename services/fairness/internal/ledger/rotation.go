package ledger

import "cmp"

// Rotation lets those run who ran least often lately, whoever drinks how much: for channels that want turns, not shares.
type Rotation struct{}

// Choose implements [Policy].
func (Rotation) Choose(r Request) (Choice, error) { return r.choose(r.byTurns, r.turnRule) }

// byTurns puts first who ran fewer of the latest window runs.
func (r Request) byTurns(a, b Candidate) int {
	return cmp.Compare(r.Ledger.turns(a.User, r.Window), r.Ledger.turns(b.User, r.Window))
}

// turnRule is what sets first apart from second.
func (r Request) turnRule(first, second Candidate) Rule {
	if r.byTurns(first, second) != 0 {
		return FewestInWindow
	}
	return r.tieRule(first, second)
}
