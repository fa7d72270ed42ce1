package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// NoOpenRun answers a question about the open run where there is none.
func NoOpenRun() Message {
	return only("There is no open run in this channel. `/coffee` starts one.")
}

// History lists a channel's latest runs that have ended, the newest first.
func History(runs []*runv1.Run, names Names) Message {
	if len(runs) == 0 {
		return only("No run has ended in this channel yet. `/coffee` starts one.")
	}
	m := only("*The latest %s in this channel*", plural(len(runs), "run", "runs"))
	var heard []string
	for _, r := range runs {
		at, what := fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s UTC>", r.GetPickupAt().GetSeconds(),
			r.GetPickupAt().AsTime().Format("2 Jan 15:04")), ended(r, names)
		m.Blocks = append(m.Blocks, mrkdwn("%s", at), small("%s", what))
		heard = append(heard, at+" "+escape(what))
	}
	return m.heard(heard, len(runs))
}

// maxHeard is how long a message's top-level text may get.
const maxHeard = 900

// heard adds the lines of a table to the top-level text, which is all that a screen reader says, as far as there is
// room. The rest of total is counted.
func (m Message) heard(lines []string, total int) Message {
	for i, line := range lines {
		text := m.Text + " " + line + "."
		if utf8.RuneCountInString(text) > maxHeard {
			lines = lines[:i]
			break
		}
		m.Text = text
	}
	if more := total - len(lines); more > 0 {
		m.Text += fmt.Sprintf(" And %d more.", more)
	}
	return m
}

// ended is a run that is over, in a line.
func ended(r *runv1.Run, names Names) string {
	var parts []string
	switch {
	case r.GetStatus() == runv1.RunStatus_RUN_STATUS_CANCELLED:
		parts = append(parts, "Cancelled")
	case r.GetStatus() == runv1.RunStatus_RUN_STATUS_FAILED:
		parts = append(parts, "Did not go on")
	case r.GetAssignment().GetRunnerId() == "":
		parts = append(parts, "Without a runner")
	default:
		parts = append(parts, names.of(r.GetAssignment().GetRunnerId())+" went")
	}
	if len(r.GetOrders()) > 0 {
		parts = append(parts, cups(r.GetOrders()))
	}
	if place := shown(r.GetPlace()); place != "" {
		parts = append(parts, place)
	}
	return strings.Join(parts, " · ")
}

// MostStandings are the most people whom a table shows.
const MostStandings = 30

// Standings shows who owes what, most indebted people first, and says how the channel's rule works.
func Standings(all []*runv1.Candidate, policy runv1.FairnessPolicy, window uint32, names Names) Message {
	if len(all) == 0 {
		return only("Nobody owes anything here yet: no run has been closed. `/coffee` starts one.")
	}
	m := only("*Who owes what*").and("%s", rule(policy, window))
	var heard []string
	for from := 0; from < min(len(all), MostStandings); from += 10 {
		var lines []string
		for _, c := range all[from:min(len(all), MostStandings, from+10)] {
			lines, heard = append(lines, standing(c, all, names)), append(heard, escape(stands(c, names)))
		}
		m.Blocks = append(m.Blocks, plain(strings.Join(lines, "\n")))
	}
	if more := len(all) - MostStandings; more > 0 {
		m.Blocks = append(m.Blocks, small("and %s", plural(more, "other", "others")))
	}
	return m.heard(heard, len(all))
}

// rule is how a policy works, in a sentence.
func rule(policy runv1.FairnessPolicy, window uint32) string {
	if policy == runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION {
		return fmt.Sprintf("People take turns: whoever ran least in the last %s goes.", plural(int(window), "run", "runs"))
	}
	return "Everyone owes a share of each run they drink in, and earns one run by going: whoever owes most goes, nobody twice in a row."
}

// standing is someone's line of a table: in words, and then as a bar, which says nothing to who only hears it.
func standing(c *runv1.Candidate, all []*runv1.Candidate, names Names) string {
	return stands(c, names) + "  " + bar(c, all)
}

// stands says where someone stands, and what that comes from.
func stands(c *runv1.Candidate, names Names) string {
	share := ""
	if c.GetOwedMicros() != 0 {
		share = ", a share of " + amount(c.GetOwedMicros())
	}
	return fmt.Sprintf("%s: %s · %s%s, %s", names.of(c.GetUserId()), owes(c.GetBalanceMicros()),
		plural(int(c.GetCups()), "cup", "cups"), share, ran(c))
}

const barWidth = 5

// bar shows a balance by its length, against the largest of all; filled: owes, empty: is ahead.
func bar(c *runv1.Candidate, all []*runv1.Candidate) string {
	largest := 0.5 // less than half a run is little
	for _, other := range all {
		largest = max(largest, math.Abs(float64(other.GetBalanceMicros()))/1e6)
	}
	length := int(math.Round(math.Abs(float64(c.GetBalanceMicros())) / 1e6 / largest * barWidth))
	fill := "▰"
	if c.GetBalanceMicros() >= 0 {
		fill = "▱"
	}
	return strings.Repeat(fill, length) + strings.Repeat("·", barWidth-length)
}

func owes(micros int64) string {
	switch runs := amount(micros); {
	case runs == amount(0):
		return "is even"
	case micros < 0:
		return "owes " + runs
	default:
		return "is " + runs + " ahead"
	}
}

// amount is how many runs something comes to, whichever way, to a tenth.
func amount(micros int64) string {
	runs := math.Abs(math.Round(float64(micros)/1e5) / 10)
	if runs == 1 {
		return "1 run"
	}
	return strconv.FormatFloat(runs, 'f', -1, 64) + " runs"
}

func ran(c *runv1.Candidate) string {
	last := ""
	if at := c.GetLastServedAt(); at != nil {
		last = ", last on " + at.AsTime().Format("2 Jan")
	}
	switch n := c.GetServed(); n {
	case 0:
		return "has not run yet"
	case 1:
		return "ran once" + last
	case 2:
		return "ran twice" + last
	default:
		return fmt.Sprintf("ran %d times%s", n, last)
	}
}

// WhyModal shows the numbers behind the choice of a run's runner.
func WhyModal(run *runv1.Run, names Names) slack.ModalViewRequest {
	a := run.GetAssignment()
	e := a.GetExplanation()
	blocks := []slack.Block{plain(chosen(a, names))}
	if e != nil { // whom nobody had to choose, no rule chose
		blocks = append(blocks, mrkdwn("%s", rule(e.GetPolicy(), e.GetWindow())))
	}
	if ranking := e.GetRanking(); len(ranking) > 0 {
		blocks = append(blocks, slack.NewDividerBlock(), mrkdwn("*Who could have gone, as it stood then*"))
		for i, c := range ranking {
			blocks = append(blocks, plain(fmt.Sprintf("%d. %s", i+1, standing(c, ranking, names))))
		}
	}
	if declined := run.GetDeclinedIds(); len(declined) > 0 {
		blocks = append(blocks, small("Could not go, which costs nothing: %s", people(declined, names)))
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("Why this runner?"), Close: plainText("Close"), Blocks: slack.Blocks{BlockSet: blocks},
	}
}

// chosen says why the runner goes or, with none, how things are: the button may be older than a "Can't go".
func chosen(a *runv1.Assignment, names Names) string {
	why := Why(a, names)
	switch {
	case why != "":
		return why
	case a.GetRunnerId() != "":
		return names.of(a.GetRunnerId()) + " took it over. Thank you!"
	case a.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING:
		return "A runner is being chosen at this moment. Please wait for the result."
	case a.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_WANTED:
		return "Nobody is left whom I could ask. “I'll go” is on the newest message about this run."
	default:
		return "This run has no runner."
	}
}

// Named lists everybody whom a run's card or its explanation names.
func Named(run *runv1.Run) []string {
	a := run.GetAssignment()
	ids := []string{run.GetInitiatorId(), a.GetRunnerId(), a.GetExplanation().GetRunnerUpId()}
	for _, c := range a.GetExplanation().GetRanking() {
		ids = append(ids, c.GetUserId())
	}
	for _, order := range run.GetOrders() {
		ids = append(ids, order.GetUserId())
	}
	return append(append(ids, run.GetVolunteerIds()...), run.GetDeclinedIds()...)
}

// YourUsual tells someone their usual drink of a channel.
func YourUsual(usual *runv1.Usual) Message {
	if usual == nil {
		return only("You have no usual here yet. `/coffee usual Flat white` sets one, and so does ordering with “Remember as my usual” on.")
	}
	drink := shown(usual.GetDrink())
	if n := usual.GetQuantity(); n > 1 {
		drink = fmt.Sprintf("%d × %s", n, drink)
	}
	return say("Your usual here: %s.", drink).and("`/coffee usual Flat white` changes it, `/coffee usual clear` forgets it.")
}

// UsualSaved answers /coffee usual with a drink.
func UsualSaved(drink string) Message {
	return say("Your usual here is now: %s.", shown(drink)).and("“My usual” on a card orders it with one click.")
}

// UsualCleared answers /coffee usual clear.
func UsualCleared() Message { return only("Forgotten: you have no usual here.") }

// Recents are the drinks that a channel ordered lately, each once and the latest first, at most n.
func Recents(runs []*runv1.Run, n int) (drinks []string) {
	seen := map[string]bool{}
	for _, r := range runs {
		orders := r.GetOrders()
		for i := len(orders) - 1; i >= 0 && len(drinks) < n; i-- {
			if isErased(orders[i].GetUserId()) { // what they drank is not known any more
				continue
			}
			drink := OneLine(orders[i].GetDrink())
			if key := strings.ToLower(drink); !seen[key] && drink != "" {
				seen[key] = true
				drinks = append(drinks, drink)
			}
		}
	}
	return drinks
}
