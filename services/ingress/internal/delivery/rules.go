package delivery

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

const (
	// answerLife is how long an answer may take: later its reader has moved on.
	answerLife = 2 * time.Minute
	// summaryLife is how long after the pickup people still want to know who went.
	summaryLife = time.Hour
	// cardLife is how long after the pickup a card is still kept right.
	cardLife = 24 * time.Hour
	// noticeLife is how long someone is told that their run's card cannot be shown.
	noticeLife = 24 * time.Hour
	// closingHold keeps a card from showing "choosing a runner" when the runner is known a moment later.
	closingHold = 300 * time.Millisecond
)

// Of lists what a run event has to be told, in order.
func Of(event *runv1.RunEvent, cause Cause) []Delivery {
	run := event.GetRun()
	base := Delivery{
		WorkspaceID: event.GetWorkspaceId(), ChannelID: event.GetChannelId(), RunID: run.GetId(), Epoch: event.GetEpoch(), Cause: cause,
	}
	var all []Delivery
	if run != nil && event.GetCommandRejected() == nil {
		all = append(all, card(base, event))
	}
	a := run.GetAssignment()
	until := run.GetPickupAt().AsTime().Add(summaryLife)
	switch what := event.GetWhat().(type) {
	case *runv1.RunEvent_RunnerAssigned:
		all = append(all, summary(base, run), direct(base, List, a.GetRunnerId(), a.GetAssignmentNo(), until))
		if previous := a.GetPreviousRunnerId(); previous != "" {
			all = append(all, direct(base, Relief, previous, a.GetAssignmentNo(), until))
		}
	case *runv1.RunEvent_RunnerWanted:
		all = append(all, summary(base, run))
	case *runv1.RunEvent_TakeOverOffered:
		offer := direct(base, Offer, a.GetRunnerId(), a.GetAssignmentNo(), until)
		offer.Key += "/" + what.TakeOverOffered.GetUserId()
		all = append(all, offer, answer(base, event, what.TakeOverOffered.GetUserId()))
	case *runv1.RunEvent_CoffeeArrived:
		all = append(all, arrival(base, run))
	case *runv1.RunEvent_LastCall:
		all = append(all, lastCall(base, event))
	case *runv1.RunEvent_OrderPlaced:
		if what.OrderPlaced.GetUsual() {
			all = append(all, answer(base, event, what.OrderPlaced.GetUserId()))
		}
	case *runv1.RunEvent_Volunteered:
		all = append(all, answer(base, event, what.Volunteered.GetUserId()))
	case *runv1.RunEvent_StoppedVolunteering:
		all = append(all, answer(base, event, what.StoppedVolunteering.GetUserId()))
	case *runv1.RunEvent_SettingsChanged, *runv1.RunEvent_ChannelResetCompleted:
		if author := event.GetActorId(); author != "" && !strings.HasPrefix(author, "api:") { // a client has its answer
			all = append(all, answer(base, event, author))
		}
	case *runv1.RunEvent_CommandRejected:
		if event.GetActorId() != "" {
			all = append(all, answer(base, event, event.GetActorId()))
		}
	}
	return all
}

func arrival(d Delivery, run *runv1.Run) Delivery {
	d.Kind, d.Key, d.Conversation = Arrival, "arrival/"+run.GetId(), run.GetChannelId()
	d.AssignmentNo = run.GetAssignment().GetAssignmentNo()
	d.ObsoleteAt = run.GetPickupAt().AsTime().Add(cardLife)
	return d
}

func lastCall(d Delivery, event *runv1.RunEvent) Delivery {
	run := event.GetRun()
	d.Kind, d.Key, d.Conversation, d.Event = LastCall, "last_call/"+run.GetId(), run.GetChannelId(), event
	d.ObsoleteAt = run.GetPickupAt().AsTime()
	if closes := run.GetClosesAt(); closes != nil {
		d.ObsoleteAt = closes.AsTime()
	}
	return d
}

// OfGreeting greets a conversation, once for the event that made it worth a greeting.
func OfGreeting(workspaceID, conversation, eventID string, at time.Time, cause Cause) Delivery {
	return Delivery{
		Key: "greeting/" + eventID, Kind: Greeting, WorkspaceID: workspaceID, ChannelID: conversation, Conversation: conversation,
		ObsoleteAt: at.Add(greetingLife), Cause: cause,
	}
}

// greetingLife is how long after it was invited a bot still says hello.
const greetingLife = 10 * time.Minute

// OfReminder is the direct message that a runner's moment asks for.
func OfReminder(event *reminderv1.ReminderEvent, cause Cause) Delivery {
	run, due := event.GetRun(), event.GetRunnerReminderDue()
	base := Delivery{
		WorkspaceID: event.GetWorkspaceId(), ChannelID: event.GetChannelId(), RunID: run.GetId(), Epoch: event.GetEpoch(), Cause: cause,
	}
	return direct(base, Reminder, due.GetRunnerId(), due.GetAssignmentNo(), run.GetPickupAt().AsTime())
}

func card(d Delivery, event *runv1.RunEvent) Delivery {
	run := event.GetRun()
	d.Kind, d.Key, d.Conversation = Card, "card/"+run.GetId(), run.GetChannelId()
	d.Version, d.Opens = run.GetVersion(), event.GetRunStarted() != nil
	d.ObsoleteAt = run.GetPickupAt().AsTime().Add(cardLife)
	if run.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSING {
		d.After = closingHold
	}
	return d
}

func summary(d Delivery, run *runv1.Run) Delivery {
	d.Kind, d.Conversation = Summary, run.GetChannelId()
	d.AssignmentNo = run.GetAssignment().GetAssignmentNo()
	d.Key = fmt.Sprintf("summary/%s/%d", run.GetId(), d.AssignmentNo)
	d.ObsoleteAt = run.GetPickupAt().AsTime().Add(summaryLife)
	return d
}

// direct is a direct message to a run's runner.
func direct(d Delivery, kind Kind, runnerID string, assignmentNo uint32, obsoleteAt time.Time) Delivery {
	d.Kind, d.UserID, d.Conversation, d.AssignmentNo, d.ObsoleteAt = kind, runnerID, runnerID, assignmentNo, obsoleteAt
	d.Key = fmt.Sprintf("%s/%s/%d", kind, d.RunID, assignmentNo)
	return d
}

func answer(d Delivery, event *runv1.RunEvent, userID string) Delivery {
	d.Kind, d.Key, d.UserID, d.Event = Answer, "answer/"+event.GetId(), userID, event
	if d.Conversation = event.GetReplyTo(); d.Conversation == "" {
		d.Conversation = event.GetChannelId()
	}
	d.ObsoleteAt = event.GetOccurredAt().AsTime().Add(answerLife)
	return d
}

// notice tells the initiator of c's run that its card cannot be shown, and why.
func (c *Claim) notice(code string, at time.Time) Delivery {
	d := c.Delivery
	d.Kind, d.Key, d.UserID, d.Conversation = Notice, "notice/"+d.RunID+"/"+code, c.Run.GetInitiatorId(), c.Run.GetInitiatorId()
	d.Version, d.Opens, d.ObsoleteAt = 0, false, at.Add(noticeLife)
	return d
}

// stranded says elsewhere what c could not say where it belongs: to the channel that its runner was not reached, to the
// initiator who runs.
func (c *Claim) stranded() Delivery {
	d := c.Delivery
	d.Kind, d.Key = Stranded, "stranded/"+c.Key
	if c.Kind == Summary {
		d.UserID, d.Conversation = c.Run.GetInitiatorId(), c.Run.GetInitiatorId()
	} else {
		d.UserID, d.Conversation = "", c.ChannelID
	}
	return d
}

// cause is the code of a notice.
func (c *Claim) cause() string { return c.Key[strings.LastIndexByte(c.Key, '/')+1:] }

// opens reports whether the claim is to post a run's card, which nobody has seen yet.
func (c *Claim) opens() bool { return c.Kind == Card && c.MessageTS == "" }

// goesOn reports whether the claim's run is not over.
func (c *Claim) goesOn() bool {
	return c.Run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN || c.Run.GetStatus() == runv1.RunStatus_RUN_STATUS_CLOSING
}

// obsolete says why the claim helps nobody any more, judged by the newest state; empty: it does.
func (c *Claim) obsolete(now time.Time) string {
	run := c.Run
	switch {
	case !now.Before(c.ObsoleteAt):
		return "too_late"
	case c.Kind == Answer || c.Kind == Notice || c.Kind == Greeting:
		return ""
	case run == nil:
		return "run_unknown"
	case c.Kind == Card:
		if status := run.GetStatus(); c.opens() && (status == runv1.RunStatus_RUN_STATUS_CANCELLED || status == runv1.RunStatus_RUN_STATUS_FAILED) {
			return "run_ended"
		}
		return ""
	case c.Kind == LastCall:
		if run.GetStatus() != runv1.RunStatus_RUN_STATUS_OPEN {
			return "run_not_open"
		}
		return ""
	case run.GetStatus() != runv1.RunStatus_RUN_STATUS_CLOSED:
		return "run_not_closed"
	case run.GetAssignment().GetAssignmentNo() != c.AssignmentNo:
		return "assignment_changed"
	case c.Kind == Relief || c.Kind == Stranded:
		return ""
	case c.Kind == Offer && !strings.HasSuffix(c.Key, "/"+run.GetAssignment().GetOfferedById()):
		return "offer_changed"
	case c.UserID != "" && run.GetAssignment().GetRunnerId() != c.UserID:
		return "runner_changed"
	case c.Kind == Reminder && run.GetAssignment().GetState() == runv1.AssignmentState_ASSIGNMENT_STATE_DONE:
		return "coffee_arrived"
	}
	return ""
}

// overdue reports whether a run's first card comes so late that nobody can order by it.
func (c *Claim) overdue(now time.Time) bool {
	return c.opens() && c.Run.GetStatus() == runv1.RunStatus_RUN_STATUS_OPEN && !now.Before(c.Run.GetPickupAt().AsTime())
}

const (
	firstBackoff   = time.Second
	longestBackoff = time.Minute
	// ambiguousWait gives Slack time to finish what it may still be doing, so that looking for a message finds it.
	ambiguousWait = 3 * time.Second
)

// backoff is how long to wait after that many failures in a row: doubling, half of it by chance.
func backoff(failures int) time.Duration {
	full := longestBackoff
	if failures <= 6 {
		full = min(full, firstBackoff<<max(failures-1, 0))
	}
	return full/2 + rand.N(full/2)
}
