package events

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func channelOf(e *runv1.RunEvent) ledger.ChannelID {
	return ledger.ChannelID{Workspace: e.GetWorkspaceId(), Channel: e.GetChannelId()}
}

// newsOf reads the snapshot of an event that has one.
func newsOf(by cause, e *runv1.RunEvent) (*news, error) {
	run, assignment := e.GetRun(), e.GetRun().GetAssignment()
	id, err := uuid.Parse(run.GetId())
	if err != nil {
		return nil, fmt.Errorf("run event %s: run id: %w", e.GetId(), err)
	}
	n := &news{
		Snapshot: ledger.Snapshot{
			RunID: id, Channel: channelOf(e), Epoch: e.GetEpoch(), Version: run.GetVersion(),
			Orders:   make(map[ledger.UserID]int, len(run.GetOrders())),
			Declined: users(run.GetDeclinedIds()), Volunteers: users(run.GetVolunteerIds()), AssignmentNo: assignment.GetAssignmentNo(),
		},
		policy: e.GetSettings().GetPolicy(), window: min(max(int(e.GetSettings().GetFairnessWindow()), 1), ledger.MaxWindow),
		cause: by,
	}
	if run.GetStartedAt() != nil {
		n.At = run.GetStartedAt().AsTime().Truncate(time.Microsecond) // the precision of the database
	}
	for _, order := range run.GetOrders() {
		n.Orders[ledger.UserID(order.GetUserId())] = int(order.GetQuantity())
	}
	if status := run.GetStatus(); status == runv1.RunStatus_RUN_STATUS_CLOSING || status == runv1.RunStatus_RUN_STATUS_CLOSED {
		n.Choosing = assignment.GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_CHOOSING
		if !n.Choosing {
			n.Runner = ledger.UserID(assignment.GetRunnerId())
		}
	}
	switch e.GetWhat().(type) {
	case *runv1.RunEvent_RunClosed, *runv1.RunEvent_RunnerRequested:
		n.asked = n.Choosing
	}
	return n, nil
}

func users(ids []string) []ledger.UserID {
	var users []ledger.UserID
	for _, id := range ids {
		users = append(users, ledger.UserID(id))
	}
	return users
}

// toEvent returns the event that answers.
func (a answer) toEvent() (*fairnessv1.FairnessEvent, error) {
	event := envelope(a.to.Channel, a.to.Epoch, a.to.cause)
	event.RunId, event.AssignmentNo = a.posting.RunID.String(), a.posting.AssignmentNo
	if a.posting.Runner == "" {
		event.What = &fairnessv1.FairnessEvent_NobodyLeft{NobodyLeft: &fairnessv1.NobodyLeft{}}
		return event, nil
	}
	explanation := &runv1.Explanation{}
	if err := proto.Unmarshal(a.posting.Explanation, explanation); err != nil {
		return nil, fmt.Errorf("explanation of run %s: %w", event.RunId, err)
	}
	event.What = &fairnessv1.FairnessEvent_RunnerChosen{RunnerChosen: &fairnessv1.RunnerChosen{
		RunnerId: string(a.posting.Runner), Explanation: explanation,
	}}
	return event, nil
}

// toStandings returns the event that tells where people stand.
func toStandings(by cause, table ledger.Table) *fairnessv1.FairnessEvent {
	event := envelope(table.Channel, table.Epoch, by)
	event.What = &fairnessv1.FairnessEvent_StandingsChanged{StandingsChanged: &fairnessv1.StandingsChanged{
		Version: table.Version, Standings: toCandidates(table.Rows),
	}}
	return event
}

// toReport tells how many entries a reset has purged.
func toReport(by cause, channel ledger.ChannelID, reset ledger.Channel) *fairnessv1.FairnessEvent {
	event := envelope(channel, reset.Epoch, by)
	event.What = &fairnessv1.FairnessEvent_ChannelPurged{ChannelPurged: &fairnessv1.ChannelPurged{
		Counts: &runv1.PurgeCounts{LedgerEntries: uint64(reset.Purged)},
	}}
	return event
}

func envelope(channel ledger.ChannelID, epoch uint64, by cause) *fairnessv1.FairnessEvent {
	return &fairnessv1.FairnessEvent{
		Id:          uuid.Must(uuid.NewV7()).String(),
		WorkspaceId: channel.Workspace, ChannelId: channel.Channel, Epoch: epoch, CorrelationId: by.correlationID,
	}
}

const maxRanking = 50 // lines of an explanation

func encodeExplanation(policy runv1.FairnessPolicy, c ledger.Choice) ([]byte, error) {
	message := &runv1.Explanation{
		Policy: policy, Rule: rules[c.Rule],
		BalanceMicros: c.Standing.Balance().Micros(), Cups: uint32(c.Standing.Cups), Served: uint32(c.Standing.Served),
		Since: toTimestamp(c.Standing.Since), Window: uint32(c.Window), RunnerUpId: string(c.RunnerUp),
		Candidates: uint32(len(c.Ranking)), Ranking: toCandidates(c.Ranking[:min(len(c.Ranking), maxRanking)]),
	}
	if !c.Standing.LastServedAt.IsZero() {
		message.RunsSinceServed = new(uint32(c.RunsSinceServed))
	}
	return proto.Marshal(message)
}

func toCandidates(all []ledger.Candidate) []*runv1.Candidate {
	messages := make([]*runv1.Candidate, len(all))
	for i, c := range all {
		messages[i] = &runv1.Candidate{
			UserId: string(c.User), Cups: uint32(c.Standing.Cups), OwedMicros: c.Standing.Owed.Micros(), Served: uint32(c.Standing.Served),
			BalanceMicros: c.Standing.Balance().Micros(), LastServedAt: toTimestamp(c.Standing.LastServedAt),
		}
	}
	return messages
}

// toTimestamp leaves the zero time absent.
func toTimestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

var policies = map[runv1.FairnessPolicy]ledger.Policy{
	runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE: ledger.FairShare{},
	runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION:   ledger.Rotation{},
}

var rules = map[ledger.Rule]runv1.Rule{
	ledger.OnlyCandidate:    runv1.Rule_RULE_ONLY_CANDIDATE,
	ledger.OnlyVolunteer:    runv1.Rule_RULE_ONLY_VOLUNTEER,
	ledger.RestedDebtor:     runv1.Rule_RULE_RESTED_DEBTOR,
	ledger.LowestBalance:    runv1.Rule_RULE_LOWEST_BALANCE,
	ledger.ServedLongestAgo: runv1.Rule_RULE_SERVED_LONGEST_AGO,
	ledger.Draw:             runv1.Rule_RULE_DRAW,
	ledger.FewestInWindow:   runv1.Rule_RULE_FEWEST_IN_WINDOW,
}

// What stands for a rule where there is none, in metrics and logs.
const (
	nobodyLeft = "nobody_left"
	repeated   = "repeated" // the answer was given before
)

// label names a rule there: "rested_debtor".
func label(rule ledger.Rule) string {
	return strings.ToLower(strings.TrimPrefix(rules[rule].String(), "RULE_"))
}
