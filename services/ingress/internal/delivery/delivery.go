// Package delivery brings to Slack what happened: which messages an event asks for, when each may be sent and when it is
// no longer worth sending, and the sending itself. Every delivery is recorded before it is sent and sent once, whatever
// fails in between; the rules are in docs/architecture.md under "Deliveries".
package delivery

import (
	"time"

	"github.com/google/uuid"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Kind is a sort of message.
type Kind string

const (
	// Card is a run's message in its channel, changed as the run changes.
	Card Kind = "card"
	// Summary tells the channel who runs.
	Summary Kind = "summary"
	// List tells the runner by direct message what to fetch.
	List Kind = "list"
	// Reminder tells the runner by direct message that it is time to go.
	Reminder Kind = "reminder"
	// LastCall tells the channel that ordering ends soon.
	LastCall Kind = "last_call"
	// Arrival tells those who ordered, in the card's thread, that the coffee is here.
	Arrival Kind = "arrival"
	// Stranded tells a channel that its runner gets no direct messages or, where the channel gets no summary, the initiator.
	Stranded Kind = "stranded"
	// Greeting tells a channel, or someone who wrote to the bot, what it does.
	Greeting Kind = "greeting"
	// Offer tells the runner by direct message that someone would go instead.
	Offer Kind = "offer"
	// Relief tells whoever was the runner by direct message that someone else goes.
	Relief Kind = "relief"
	// Notice tells the initiator by direct message that the run's card cannot be shown.
	Notice Kind = "notice"
	// Answer tells the author of a command alone what came of it.
	Answer Kind = "answer"
)

// Delivery is what Slack is to be told.
type Delivery struct {
	Key          string // deduplication: the same effect has the same key
	Kind         Kind
	WorkspaceID  string
	ChannelID    string // it is about
	RunID        string // empty: about no run
	Epoch        uint64
	Conversation string // it goes to: a channel, or a person for a direct message
	UserID       string // it is for; empty: everyone in the channel
	AssignmentNo uint32 // it is about; 0: none
	Version      uint64 // of the run that a card is to show; else 0
	Opens        bool   // a card: posts it if it is not there; else it is only changed
	Event        *runv1.RunEvent
	After        time.Duration // not sent earlier than this from now
	ObsoleteAt   time.Time
	Cause
}

// Cause is what a delivery can be traced back to.
type Cause struct {
	CorrelationID string
	Traceparent   string // W3C; empty: none
	Ref           string // what people see of the trace
}

// Claim is a delivery that this process may carry out, and alone, until its lease ends.
type Claim struct {
	Delivery
	ID             uuid.UUID
	Attempt        int       // recording the result of an older one changes nothing
	Begin          time.Time // no sending starts later: it would not be over before the lease is
	Until          time.Time // when the lease ends
	Failures       int       // of earlier attempts since it last went well
	Unsure         bool      // an earlier attempt may have posted it unrecorded
	Part           int       // the next of its messages
	MessageChannel string    // where its message is
	MessageTS      string    // empty: not posted

	Run      *runv1.Run             // as it is now; nil: unknown, or none
	Settings *runv1.ChannelSettings // as they are now; nil: unknown
}

// Outcome is what came of an attempt.
type Outcome string

const (
	// Sent: Slack has it.
	Sent Outcome = "sent"
	// Again: it has to be tried once more, or continued.
	Again Outcome = "again"
	// Obsolete: nobody is helped by it any more.
	Obsolete Outcome = "obsolete"
	// Failed for good.
	Failed Outcome = "failed"
)

// Result is what came of a claim.
type Result struct {
	ID             uuid.UUID
	Attempt        int
	Outcome        Outcome
	Wait           time.Duration // Again: not before
	Version        uint64        // of the run that the card shows now
	GoesOn         bool          // the card's run is not over, there will be newer versions
	MessageChannel string        // where the message is; empty: as before
	MessageTS      string
	Part           int // the next of its messages
	Failures       int
	Unsure         bool
	Error          string // a code, never a text
	Pauses         []Pause
}

// Pause is Slack's wish not to be called for a while.
type Pause struct {
	WorkspaceID string
	Subject     string // a method or a conversation
	For         time.Duration
}

// Backlog is what waits.
type Backlog struct {
	Pending int
	Next    time.Duration // until one may be claimed, if nothing else happens; negative: none waits
}
