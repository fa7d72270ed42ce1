package run

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Channel is all that a command in a channel is judged by. One writer at a time holds it (the store locks its row).
type Channel struct {
	ID       ChannelID
	Epoch    uint64 // generation of the channel's data, from 1
	Settings Settings
	Runs     []*Run // the open or closing one, and those that commands name
	Usuals   map[UserID]Usual
	// Regulars ordered in at least half of the channel's last ten closed runs and may be named, the most regular first.
	// Known only where a last call is due.
	Regulars []UserID
	Reset    *Reset // under way; nil: none
	Counts   Counts // of the channel's data; known only where it is to be reset
}

// Open returns the run that is open or closing, or nil.
func (c *Channel) Open() *Run {
	for _, r := range c.Runs {
		if r.Active() {
			return r
		}
	}
	return nil
}

// Run returns the run with this id, or nil.
func (c *Channel) Run(id uuid.UUID) *Run {
	for _, r := range c.Runs {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Decide does what cmd asks, or rejects it. It returns what happened, at least one event.
func (c *Channel) Decide(cmd Command, at time.Time) []Event {
	judged := c.judged(cmd)
	events, err := c.decide(cmd, judged, at)
	if refusal, ok := errors.AsType[Refusal](err); ok { // decide has no other errors
		rejected := Event{What: CommandRejected{Refusal: refusal}, At: at}
		if judged != nil {
			snapshot := *judged
			rejected.Run = &snapshot
		}
		events = []Event{rejected}
	}
	return c.complete(events)
}

// Assign hands fairness's choice to the run it is for. See Run.Assign.
func (c *Channel) Assign(run uuid.UUID, no uint32, runner UserID, explanation []byte, at time.Time) []Event {
	if r := c.Run(run); r != nil {
		return c.complete(r.Assign(no, runner, explanation, at))
	}
	return nil
}

// NobodyLeft tells the run that fairness found nobody. See Run.NobodyLeft.
func (c *Channel) NobodyLeft(run uuid.UUID, no uint32, at time.Time) []Event {
	if r := c.Run(run); r != nil {
		return c.complete(r.NobodyLeft(no, at))
	}
	return nil
}

// Chase goes after an answer of fairness that is overdue in this channel. See Run.Chase.
func (c *Channel) Chase(at time.Time) []Event {
	var events []Event
	for _, r := range c.Runs {
		events = append(events, r.Chase(at)...)
	}
	return c.complete(events)
}

// Deadline ends the run whose closing time has come. See Run.Deadline.
func (c *Channel) Deadline(run uuid.UUID, due, at time.Time) []Event {
	if r := c.Run(run); r != nil {
		return c.complete(r.Deadline(due, at))
	}
	return nil
}

// LastCall is the last call of the run. See Run.LastCall.
func (c *Channel) LastCall(run uuid.UUID, pickup, at time.Time) []Event {
	if r := c.Run(run); r != nil {
		return c.complete(r.LastCall(pickup, c.Regulars, at))
	}
	return nil
}

// Reject refuses a command without judging it, for instance because the product broke over it.
func (c *Channel) Reject(refusal Refusal, at time.Time) []Event {
	return c.complete([]Event{{What: CommandRejected{Refusal: refusal}, At: at}})
}

func (c *Channel) decide(cmd Command, r *Run, at time.Time) ([]Event, error) {
	if !cmd.ExpiresAt.IsZero() && !at.Before(cmd.ExpiresAt) {
		return nil, ErrExpired
	}
	_, byProduct := cmd.Want.(AbandonRun)
	if cmd.Want == nil || (cmd.Actor.User == "" && !byProduct) {
		return nil, ErrInvalid
	}
	switch want := cmd.Want.(type) {
	case StartRun:
		return c.Start(cmd, want, at)
	case SaveUsual:
		if !c.Settings.Enabled {
			return nil, ErrChannelDisabled
		}
		usual, err := newUsual(cmd.Actor.User, want.Drink, want.Quantity)
		if err != nil {
			return nil, err
		}
		return []Event{c.saveUsual(usual, at)}, nil
	case ClearUsual:
		return []Event{c.clearUsual(cmd.Actor.User, at)}, nil
	case ChangeSettings:
		return c.changeSettings(cmd, want, at)
	case ResetChannel:
		return c.resetChannel(cmd, at)
	}
	return c.decideOnRun(cmd, r, at)
}

func (c *Channel) decideOnRun(cmd Command, r *Run, at time.Time) ([]Event, error) {
	switch {
	case r == nil && cmd.Run() == uuid.Nil:
		return nil, ErrNoOpenRun
	case r == nil:
		return nil, ErrUnknownRun
	}
	user := cmd.Actor.User
	switch want := cmd.Want.(type) {
	case PlaceOrder:
		return c.placeOrder(r, user, want, at)
	case PlaceUsual:
		usual, ok := c.Usuals[user]
		if !ok {
			return nil, ErrNoUsual
		}
		return one(r.PlaceOrder(user, usual.Drink, usual.Quantity, true, at))
	case WithdrawOrder:
		return one(r.WithdrawOrder(user, at))
	case CloseRun:
		return one(r.Close(cmd.Actor, c.Settings, at))
	case CancelRun:
		return one(r.Cancel(cmd.Actor, c.Settings, at))
	case MoveRun:
		return one(r.Move(cmd.Actor, c.Settings, want.Pickup, want.IfPickup, at))
	case Volunteer:
		return one(r.Volunteer(user, at))
	case StopVolunteering:
		return one(r.StopVolunteering(user, at))
	case AcceptAssignment:
		return one(r.Accept(user, want.No, at))
	case DeclineAssignment:
		return one(r.Decline(user, want.No, at))
	case TakeOver:
		if want.Successor != "" {
			return one(r.Relieve(user, want.No, want.Successor, at))
		}
		return one(r.TakeOver(user, want.No, at))
	case AnnounceArrival:
		return one(r.Arrive(user, want.No, at))
	case AbandonRun:
		return one(r.Abandon(at))
	}
	return nil, ErrInvalid
}

func (c *Channel) placeOrder(r *Run, user UserID, want PlaceOrder, at time.Time) ([]Event, error) {
	usual, err := newUsual(user, want.Drink, want.Quantity)
	if err != nil {
		return nil, err
	}
	events, err := one(r.PlaceOrder(user, usual.Drink, usual.Quantity, false, at))
	if err == nil && want.Remember && c.Usuals[user] != usual {
		events = append(events, c.saveUsual(usual, at))
	}
	return events, err
}

// judged is the run that decides over cmd: the one it names, or the channel's open one.
func (c *Channel) judged(cmd Command) *Run {
	if id := cmd.Run(); id != uuid.Nil {
		return c.Run(id)
	}
	return c.Open()
}

func (c *Channel) complete(events []Event) []Event {
	for i := range events {
		events[i].Channel, events[i].Epoch, events[i].Settings = c.ID, c.Epoch, c.Settings
	}
	return events
}

func one(event Event, err error) ([]Event, error) {
	if err != nil {
		return nil, err
	}
	return []Event{event}, nil
}
