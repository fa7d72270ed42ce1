package run

import (
	"slices"
	"time"
)

// AssignmentState is where the question "who runs?" stands.
type AssignmentState string

// The states of an assignment.
const (
	Choosing AssignmentState = "choosing"
	Assigned AssignmentState = "assigned"
	Accepted AssignmentState = "accepted" // the runner is on the way
	Wanted   AssignmentState = "wanted"   // nobody is left: whoever offers first, goes
	Done     AssignmentState = "done"     // the coffee is here
)

// How long runs waits for fairness.
const (
	AskAgainAfter = 30 * time.Second
	GiveUpAfter   = 5 * time.Minute
)

// Assignment says who runs. There is at most one runner, always.
type Assignment struct {
	No          uint32 // 1 is the first, each change of the runner raises it; what is said about another number changes nothing
	State       AssignmentState
	Runner      UserID    // empty while choosing and wanted
	RequestedAt time.Time // when this number was asked for
	AskedAt     time.Time // when it was last asked for
	AssignedAt  time.Time // zero without a runner
	Previous    UserID    // who ran before this number; empty: nobody
	OfferedBy   UserID    // someone who would run instead, if the runner agrees; empty: nobody
	// Explanation is why this runner, as fairness wrote it. Handed on, never read here.
	Explanation []byte
}

// Assign makes runner the one who runs, if assignment no is still being chosen; it returns nil if the run has moved on,
// and if runner has declined this run.
// Whom to choose is fairness's business: a volunteer, for one, needs no order.
func (r *Run) Assign(no uint32, runner UserID, explanation []byte, at time.Time) []Event {
	if !r.awaits(no) || slices.Contains(r.Declined, runner) {
		return nil
	}
	a := &r.Assignment
	a.State, a.Runner, a.AssignedAt, a.Explanation = Assigned, runner, at, explanation
	r.closed(at)
	return []Event{r.changed(RunnerAssigned{}, at)}
}

// NobodyLeft leaves the run without a runner, if assignment no is still being chosen; it returns nil if the run has moved on.
func (r *Run) NobodyLeft(no uint32, at time.Time) []Event {
	if !r.awaits(no) {
		return nil
	}
	r.Assignment.State = Wanted
	r.closed(at)
	return []Event{r.changed(RunnerWanted{}, at)}
}

// closed ends the run unless it has been ended: that of a runner who declines stays closed.
func (r *Run) closed(at time.Time) {
	if r.Status == Closing {
		r.Status, r.EndedAt = Closed, at
	}
}

// Chase asks fairness again after 30 s without an answer, and leaves the run without a runner after 5 min.
// It returns nil when nothing is due.
func (r *Run) Chase(at time.Time) []Event {
	due := r.AnswerDue()
	if due.IsZero() || at.Before(due) {
		return nil
	}
	if !at.Before(r.Assignment.RequestedAt.Add(GiveUpAfter)) {
		return r.NobodyLeft(r.Assignment.No, at)
	}
	r.Assignment.AskedAt = at
	return []Event{r.changed(RunnerRequested{}, at)}
}

// AnswerDue is when fairness is to be chased next. Zero: no answer is awaited.
func (r *Run) AnswerDue() time.Time {
	if r.Assignment.State != Choosing {
		return time.Time{}
	}
	again, giveUp := r.Assignment.AskedAt.Add(AskAgainAfter), r.Assignment.RequestedAt.Add(GiveUpAfter)
	if giveUp.Before(again) {
		return giveUp
	}
	return again
}

func (r *Run) awaits(no uint32) bool { return r.Assignment.State == Choosing && r.Assignment.No == no }

// choose begins the next assignment: fairness is to choose.
func (r *Run) choose(previous UserID, at time.Time) {
	r.Assignment = Assignment{No: r.Assignment.No + 1, State: Choosing, RequestedAt: at, AskedAt: at, Previous: previous}
}

// hand begins the next assignment with a runner whom nobody had to choose.
func (r *Run) hand(runner, previous UserID, at time.Time) {
	r.choose(previous, at)
	r.Assignment.State, r.Assignment.Runner, r.Assignment.AssignedAt = Assigned, runner, at
	r.Declined = without(r.Declined, runner)
}

// without is nil if nobody is left.
func without(people []UserID, person UserID) (rest []UserID) {
	for _, u := range people {
		if u != person {
			rest = append(rest, u)
		}
	}
	return rest
}
