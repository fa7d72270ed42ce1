package run

import "time"

// Event is something that happened in a channel, with how things are after it.
type Event struct {
	Channel  ChannelID
	Epoch    uint64
	Settings Settings
	Run      *Run // a snapshot; nil: the event is about no run
	What     What
	At       time.Time
}

// What is one of the kinds of event below.
type What interface{ what() }

// The kinds of event, named as their messages are. Those that say no more than the snapshot are empty.
type (
	// RunStarted: a run was opened.
	RunStarted struct{} //nolint:revive // stutters, as its message is named
	// OrderPlaced: someone ordered, or changed their order.
	OrderPlaced struct {
		User  UserID
		Usual bool // by one click
	}
	// OrderWithdrawn: someone took their order back.
	OrderWithdrawn struct{ User UserID }
	// RunClosed: ordering ended, a runner is to be chosen.
	RunClosed struct{ ByDeadline bool } //nolint:revive // stutters, as its message is named
	// RunMoved: pickup and closing time are others.
	RunMoved struct{ Previous time.Time } //nolint:revive // stutters, as its message is named
	// Volunteered: someone put themselves forward.
	Volunteered struct{ User UserID }
	// StoppedVolunteering: someone took that back.
	StoppedVolunteering struct{ User UserID }
	// RunnerRequested: a runner is to be chosen, because one declined or, for the same number, because there was no answer.
	RunnerRequested struct{ DeclinedBy UserID } // empty: no answer
	// RunnerAssigned: the run is closed and has a runner.
	RunnerAssigned struct{}
	// RunnerWanted: the run is closed without a runner.
	RunnerWanted struct{}
	// RunnerAccepted: the runner is on the way.
	RunnerAccepted struct{}
	// TakeOverOffered: someone would run instead.
	TakeOverOffered struct{ User UserID }
	// CoffeeArrived: the coffee is here.
	CoffeeArrived struct{}
	// LastCall: ordering ends soon.
	LastCall struct{ Missing []UserID } // who usually are in
	// RunCancelled: see the snapshot's EndReason.
	RunCancelled struct{} //nolint:revive // stutters, as its message is named
	// RunFailed: see the snapshot's EndReason.
	RunFailed struct{} //nolint:revive // stutters, as its message is named
	// UsualSaved: a person's usual in this channel is now this.
	UsualSaved struct{ Usual Usual }
	// UsualCleared: a person has no usual in this channel.
	UsualCleared struct{ User UserID }
	// SettingsChanged: the channel's settings are those of the event. Where the version is the same, nothing changed.
	SettingsChanged struct {
		Previous Settings
		By       Request
	}
	// ChannelReset: the channel's data is purged here, and its epoch is higher.
	ChannelReset struct{ Reset Reset }
	// ResetReported: another service has purged its part, and one is still missing. It is nobody else's business.
	ResetReported struct{ Reset Reset }
	// ChannelResetCompleted: all have purged their part, as far as is known.
	ChannelResetCompleted struct{ Reset Reset }
	// PersonErased: a person is no more in the event's run, or in the channel.
	PersonErased Erasure
	// CommandRejected: a command was refused. The snapshot is what it was judged by; it did not change.
	CommandRejected struct{ Refusal Refusal }
)

func (RunStarted) what()            {}
func (OrderPlaced) what()           {}
func (OrderWithdrawn) what()        {}
func (RunClosed) what()             {}
func (RunnerRequested) what()       {}
func (RunnerAssigned) what()        {}
func (RunnerWanted) what()          {}
func (RunMoved) what()              {}
func (Volunteered) what()           {}
func (StoppedVolunteering) what()   {}
func (RunnerAccepted) what()        {}
func (TakeOverOffered) what()       {}
func (CoffeeArrived) what()         {}
func (LastCall) what()              {}
func (RunCancelled) what()          {}
func (RunFailed) what()             {}
func (UsualSaved) what()            {}
func (UsualCleared) what()          {}
func (SettingsChanged) what()       {}
func (ChannelReset) what()          {}
func (ResetReported) what()         {}
func (ChannelResetCompleted) what() {}
func (PersonErased) what()          {}
func (CommandRejected) what()       {}
