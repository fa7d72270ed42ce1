// Package run is the domain of coffee runs: what may happen in a channel, and what has happened.
// It is pure: time and state come in as arguments, events go out as values.
package run

import (
	"time"

	"github.com/google/uuid"
)

// Status is where a run stands: open, closing, closed; or open, cancelled; or open, failed. There is no way back.
type Status string

// The statuses of a run. Open and Closing runs count as the channel's open run, of which there is at most one.
const (
	Open      Status = "open"
	Closing   Status = "closing" // ordering has ended, the runner is being chosen
	Closed    Status = "closed"
	Cancelled Status = "cancelled"
	Failed    Status = "failed" // the product itself broke
)

// EndReason says why a run was cancelled or failed.
type EndReason string

// The reasons of an end that is no closing.
const (
	CancelledByPerson EndReason = "cancelled_by_person"
	NoOrders          EndReason = "no_orders"        // its closing time came and nobody had ordered
	Forgotten         EndReason = "forgotten"        // nobody closed it, and the next one was started
	ChannelDisabled   EndReason = "channel_disabled" // while it was open
	Abandoned         EndReason = "abandoned"        // its card could not be shown to anyone
)

// UserID is a person, as the edge names them.
type UserID string

// ChannelID is a channel of a workspace, as the edge names them.
type ChannelID struct{ Workspace, Channel string }

// String is the channel's key on every topic: all about a channel is in one partition, in order.
func (id ChannelID) String() string { return id.Workspace + "/" + id.Channel }

// Run is one coffee run. It is changed by its methods alone, each of which raises Version by one.
type Run struct {
	ID            uuid.UUID // version 7
	Channel       ChannelID
	Epoch         uint64 // of the channel's data when it started
	Status        Status
	Version       uint64
	Initiator     UserID
	CorrelationID string // of the command that started it
	StartedAt     time.Time
	PickupAt      time.Time
	ClosesAt      time.Time // by itself; zero: only by hand
	EndedAt       time.Time // zero: not ended
	EndReason     EndReason // empty unless cancelled or failed
	Place         Place     // empty: none given
	// Orders are the active ones, oldest first. The slice is replaced, never written to, so a copy of a Run is a snapshot.
	Orders     []Order
	Volunteers []UserID   // people who put themselves forward, oldest first; replaced like Orders
	Declined   []UserID   // people who were the runner and could not go, oldest first; replaced like Orders
	Assignment Assignment // zero unless closing or closed
}

// Active reports whether the run counts as its channel's open run.
func (r *Run) Active() bool { return r.Status == Open || r.Status == Closing }

// mustBeOpen refuses with what has become of the run.
func (r *Run) mustBeOpen() error {
	switch r.Status {
	case Open:
		return nil
	case Cancelled, Failed:
		return ErrRunCancelled
	default:
		return ErrRunClosed
	}
}

// changed completes a change: a new version, and the event that says what happened.
func (r *Run) changed(what What, at time.Time) Event {
	r.Version++
	snapshot := *r
	return Event{Run: &snapshot, What: what, At: at}
}
