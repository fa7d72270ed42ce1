package run

import "time"

// AssignmentState is where the question "who runs?" stands.
type AssignmentState string

// The states of an assignment.
const (
	Choosing AssignmentState = "choosing"
	Assigned AssignmentState = "assigned"
	Wanted   AssignmentState = "wanted" // nobody is left
)

// How long runs waits for fairness.
const (
	AskAgainAfter = 30 * time.Second
	GiveUpAfter   = 5 * time.Minute
)

// Assignment says who runs. There is at most one runner, always.
type Assignment struct {
	No          uint32 // 1 is the first; an answer for another number changes nothing
	State       AssignmentState
	Runner      UserID    // empty unless assigned
	RequestedAt time.Time // when this number was asked for
	AskedAt     time.Time // when it was last asked for
	AssignedAt  time.Time // zero unless assigned
	// Explanation is why this runner, as fairness wrote it. Handed on, never read here.
	Explanation []byte
}

// Assign makes runner the one who runs, if assignment no is still being chosen; it returns nil if the run has moved on.
// Whom to choose is fairness's business: a volunteer, for one, needs no order.
func (r *Run) Assign(no uint32, runner UserID, explanation []byte, at time.Time) []Event {
	if !r.awaits(no) {
		return nil
	}
	a := &r.Assignment
	a.State, a.Runner, a.AssignedAt, a.Explanation = Assigned, runner, at, explanation
	r.Status, r.EndedAt = Closed, at
	return []Event{r.changed(RunnerAssigned{}, at)}
}

// NobodyLeft closes the run without a runner, if assignment no is still being chosen; it returns nil if the run has moved on.
func (r *Run) NobodyLeft(no uint32, at time.Time) []Event {
	if !r.awaits(no) {
		return nil
	}
	r.Assignment.State = Wanted
	r.Status, r.EndedAt = Closed, at
	return []Event{r.changed(RunnerWanted{}, at)}
}

// Chase asks fairness again after 30 s without an answer, and closes the run without a runner after 5 min.
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
