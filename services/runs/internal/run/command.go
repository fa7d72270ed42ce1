package run

import (
	"time"

	"github.com/google/uuid"
)

// Command is what is asked of a channel.
type Command struct {
	ID            string
	ReplyTo       string // where an answer to the author goes; handed on
	Channel       ChannelID
	Actor         Actor
	CorrelationID string
	IssuedAt      time.Time
	ExpiresAt     time.Time // zero: never
	Want          Want      // nil: of a kind, or with ids, that this release does not understand
}

// Want is one of the kinds of command below.
type Want interface{ want() }

// The kinds of command. Text is as typed.
type (
	// StartRun opens a run.
	StartRun struct {
		ID     uuid.UUID
		Pickup time.Time // zero: the channel's default after IssuedAt
		Place  string
	}
	// PlaceOrder records what the actor drinks.
	PlaceOrder struct {
		Run      uuid.UUID
		Drink    string
		Quantity uint32 // 0 means 1
		Remember bool   // as the actor's usual in this channel
	}
	// PlaceUsual orders the actor's usual.
	PlaceUsual struct{ Run uuid.UUID }
	// WithdrawOrder removes the actor's order.
	WithdrawOrder struct{ Run uuid.UUID }
	// CloseRun ends ordering and has a runner chosen.
	CloseRun struct{ Run uuid.UUID } // zero: the channel's open run
	// CancelRun ends the run without a runner.
	CancelRun struct{ Run uuid.UUID } // zero: the channel's open run
	// MoveRun sets another pickup, if it still is the one that the person saw.
	MoveRun struct {
		Run              uuid.UUID
		Pickup, IfPickup time.Time
	}
	// Volunteer puts the actor forward to run.
	Volunteer struct{ Run uuid.UUID }
	// StopVolunteering takes that back.
	StopVolunteering struct{ Run uuid.UUID }
	// AcceptAssignment says that the runner is on the way.
	AcceptAssignment struct {
		Run uuid.UUID
		No  uint32
	}
	// DeclineAssignment says that the runner can't go.
	DeclineAssignment struct {
		Run uuid.UUID
		No  uint32
	}
	// TakeOver offers to run, or accepts an offer.
	TakeOver struct {
		Run       uuid.UUID
		No        uint32
		Successor UserID // who offered, where the runner accepts; empty: the actor offers
	}
	// AnnounceArrival says that the coffee is here.
	AnnounceArrival struct {
		Run uuid.UUID
		No  uint32
	}
	// SaveUsual keeps a drink as the actor's usual.
	SaveUsual struct {
		Drink    string
		Quantity uint32 // 0 means 1
	}
	// ClearUsual forgets it.
	ClearUsual struct{}
	// ChangeSettings replaces the channel's settings, if they are still at a version.
	ChangeSettings struct {
		Settings  Settings
		IfVersion uint64
	}
	// ResetChannel purges the channel's data.
	ResetChannel struct{}
	// AbandonRun ends a run whose card could not be shown to anyone.
	AbandonRun struct{ Run uuid.UUID }
)

func (StartRun) want()          {}
func (PlaceOrder) want()        {}
func (PlaceUsual) want()        {}
func (WithdrawOrder) want()     {}
func (CloseRun) want()          {}
func (CancelRun) want()         {}
func (MoveRun) want()           {}
func (Volunteer) want()         {}
func (StopVolunteering) want()  {}
func (AcceptAssignment) want()  {}
func (DeclineAssignment) want() {}
func (TakeOver) want()          {}
func (AnnounceArrival) want()   {}
func (SaveUsual) want()         {}
func (ClearUsual) want()        {}
func (ChangeSettings) want()    {}
func (ResetChannel) want()      {}
func (AbandonRun) want()        {}

// Run is the run that the command names. Zero: none, the channel's open run is meant.
func (c Command) Run() uuid.UUID {
	switch want := c.Want.(type) {
	case PlaceOrder:
		return want.Run
	case PlaceUsual:
		return want.Run
	case WithdrawOrder:
		return want.Run
	case CloseRun:
		return want.Run
	case CancelRun:
		return want.Run
	case MoveRun:
		return want.Run
	case Volunteer:
		return want.Run
	case StopVolunteering:
		return want.Run
	case AcceptAssignment:
		return want.Run
	case DeclineAssignment:
		return want.Run
	case TakeOver:
		return want.Run
	case AnnounceArrival:
		return want.Run
	case AbandonRun:
		return want.Run
	}
	return uuid.Nil
}

// NeedsUsual reports whether the actor's usual must be known to decide.
func (c Command) NeedsUsual() bool {
	switch want := c.Want.(type) {
	case PlaceUsual, SaveUsual, ClearUsual:
		return true
	case PlaceOrder:
		return want.Remember
	}
	return false
}
