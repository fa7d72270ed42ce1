package message

import (
	"fmt"
	"math"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Why says in a sentence or two why this runner was chosen. Empty: nothing is known.
func Why(assignment *runv1.Assignment, names Names) string {
	e, name := assignment.GetExplanation(), names.of(assignment.GetRunnerId())
	var why string
	switch e.GetRule() {
	case runv1.Rule_RULE_ONLY_CANDIDATE:
		return name + " was the only one who could go."
	case runv1.Rule_RULE_ONLY_VOLUNTEER:
		return name + " volunteered. Thank you!"
	case runv1.Rule_RULE_TOOK_OVER:
		return name + " said “I'll go”. Thank you!"
	case runv1.Rule_RULE_RESTED_DEBTOR, runv1.Rule_RULE_LOWEST_BALANCE:
		why = fmt.Sprintf("%s %s%s.%s", name, balance(e), rested(e), history(e))
	case runv1.Rule_RULE_SERVED_LONGEST_AGO:
		why = "Of those who were level, " + name + " ran longest ago."
		if e.RunsSinceServed == nil {
			why = "Of those who were level, only " + name + " had not run yet."
		}
	case runv1.Rule_RULE_FEWEST_IN_WINDOW:
		why = fmt.Sprintf("%s ran least in the last %s.", name, plural(int(e.GetWindow()), "run", "runs"))
	case runv1.Rule_RULE_DRAW:
		why = "Several were level, so the lot decided: " + name + "."
	default:
		return ""
	}
	if e.GetRunnerUpId() != "" && e.GetRule() != runv1.Rule_RULE_DRAW { // another draw would promise nothing
		why += " Next in line: " + names.of(e.GetRunnerUpId()) + "."
	}
	return why
}

func balance(e *runv1.Explanation) string {
	owed := -float64(e.GetBalanceMicros()) / 1e6
	switch rounded := math.Round(owed*10) / 10; {
	case rounded == 1:
		return "owes 1 run"
	case rounded > 0:
		return fmt.Sprintf("owes %.3g runs", rounded)
	case rounded == -1:
		return "is 1 run ahead, the others who could go more"
	case rounded < 0:
		return fmt.Sprintf("is %.3g runs ahead, the others who could go more", -rounded)
	default:
		return "is even, the others who could go are ahead"
	}
}

// history is what the balance comes from, as far as it is retained.
func history(e *runv1.Explanation) string {
	if e.GetCups() == 0 || e.GetSince() == nil {
		return ""
	}
	ran := ""
	switch n := e.GetServed(); n {
	case 0: // said already
	case 1:
		ran = ", ran once"
	case 2:
		ran = ", ran twice"
	default:
		ran = fmt.Sprintf(", ran %d times", n)
	}
	return fmt.Sprintf(" (%s since %s%s.)", plural(int(e.GetCups()), "cup", "cups"), e.GetSince().AsTime().Format("2 Jan"), ran)
}

func rested(e *runv1.Explanation) string {
	switch {
	case e.RunsSinceServed == nil && e.GetCups() > 0:
		return " and has not run yet"
	case e.RunsSinceServed != nil && e.GetRunsSinceServed() >= e.GetWindow() && e.GetWindow() > 0:
		return fmt.Sprintf(" and did not run in the last %d", e.GetWindow())
	default:
		return ""
	}
}
