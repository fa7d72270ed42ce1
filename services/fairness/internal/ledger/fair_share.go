package ledger

import "cmp"

// FairShare lets those run who owe the most, and spares those who ran lately unless they owe a whole run.
type FairShare struct{}

// Choose implements [Policy].
func (FairShare) Choose(r Request) (Choice, error) { return r.choose(r.byShare, r.shareRule) }

// byShare puts first those whom their debt calls before all others, then who has the lowest balance.
func (r Request) byShare(a, b Candidate) int {
	if called := r.called(a); called != r.called(b) {
		if called {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Standing.Balance(), b.Standing.Balance())
}

// called reports whether c owes so much that only people like c count.
func (r Request) called(c Candidate) bool {
	owed := -c.Standing.Balance()
	return owed >= Run || owed >= Half && r.Ledger.rested(c.User, r.Window)
}

// shareRule is what sets first apart from second.
func (r Request) shareRule(first, second Candidate) Rule {
	level := first.Standing.Balance() == second.Standing.Balance()
	switch {
	case r.called(first) && (!level || !r.called(second)):
		return RestedDebtor
	case !level:
		return LowestBalance
	}
	return r.tieRule(first, second)
}
