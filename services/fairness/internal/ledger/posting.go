package ledger

import (
	"maps"
	"time"

	"github.com/google/uuid"
)

// ChannelID is a channel of a workspace. Each has a ledger of its own.
type ChannelID struct{ Workspace, Channel string }

// Snapshot is what matters here of a run as its newest event shows it.
type Snapshot struct {
	RunID          uuid.UUID
	Channel        ChannelID
	Epoch, Version uint64
	// At is when the run was started.
	At                   time.Time
	Orders               map[UserID]int
	Declined, Volunteers []UserID
	AssignmentNo         uint32
	// Choosing: a runner is to be chosen for AssignmentNo.
	Choosing bool
	// Runner of a closed run. Empty: nobody (yet).
	Runner UserID
}

// Posting is an entry as it is kept: with the snapshot it was made from and, as long as it is provisional, with why its
// runner was chosen.
type Posting struct {
	Channel ChannelID
	// Epoch and Version are the snapshot's. Version 0: nothing is known of the run.
	Epoch, Version uint64
	Entry
	// AssignmentNo is what Runner, or nobody, was chosen for. 0: the entry is not provisional.
	AssignmentNo uint32
	// Explanation is why that runner, as it was published. Nothing looks inside.
	Explanation []byte
}

// Follow returns the posting after snapshot s, which is no older: with the runner of a closed run; without one if it was
// cancelled, or if a runner is to be chosen. It keeps a provisional entry while its own question is open.
// It returns [ErrEntry] like [NewEntry].
func (p Posting) Follow(s Snapshot) (Posting, error) {
	next := Posting{Channel: s.Channel, Epoch: s.Epoch, Version: s.Version, Entry: Entry{RunID: s.RunID, At: s.At}}
	if p.Version > 0 {
		next.At = p.At // the order of entries does not change
	}
	switch {
	case s.Choosing && p.Answers(s.AssignmentNo):
		next.Entry, next.AssignmentNo, next.Explanation = p.Entry, p.AssignmentNo, p.Explanation
	case s.Runner != "":
		var err error
		next.Entry, err = NewEntry(s.RunID, next.At, s.Orders, s.Runner)
		return next, err
	}
	return next, nil
}

// Answers reports whether the question who runs assignment no has been answered.
func (p Posting) Answers(no uint32) bool { return p.AssignmentNo > 0 && p.AssignmentNo == no }

// Channel is what is kept of a channel beside its entries and standings.
type Channel struct {
	Epoch uint64
	// Reset: a higher epoch than before has been seen, and voided what was kept. Purged counts the entries of runs that
	// somebody served.
	Reset  bool
	Purged int
	// RetentionDays is for how long entries are kept.
	RetentionDays int
	// PurgedBefore: of runs started earlier entries may have been dropped, and stay so.
	PurgedBefore time.Time
}

// Books are what is kept of some channels and runs.
type Books struct {
	Channels map[ChannelID]Channel
	Postings map[uuid.UUID]Posting
}

// Void reports whether a snapshot is of data that was purged, and changes nothing: it is of a lower epoch; or its entry
// may have been dropped, which is booked then, and not to be booked again. A run whose first runner is yet to be chosen
// was never booked.
func (b Books) Void(s Snapshot) bool {
	c := b.Channels[s.Channel]
	first := s.Choosing && s.AssignmentNo == 1
	return s.Epoch < c.Epoch || b.Postings[s.RunID].Version == 0 && s.At.Before(c.PurgedBefore) && !first
}

// Change is a posting that replaces another of the same run.
type Change struct{ Before, After Posting }

// Moves reports whether the change moves anybody's standing.
func (c Change) Moves() bool {
	return c.Before.Runner != c.After.Runner || !maps.Equal(c.Before.Cups, c.After.Cups)
}

// Difference is what the change adds to people's sums. Times are left out, for they do not add up.
func (c Change) Difference() map[UserID]Standing {
	moved := map[UserID]Standing{}
	add := func(e Entry, sign int) {
		for user, owed := range e.Owed {
			s := moved[user]
			s.Cups += sign * e.Cups[user]
			s.Owed += Share(sign) * owed
			moved[user] = s
		}
		if e.Runner != "" {
			s := moved[e.Runner]
			s.Served += sign
			moved[e.Runner] = s
		}
	}
	add(c.Before.Entry, -1)
	add(c.After.Entry, 1)
	maps.DeleteFunc(moved, func(_ UserID, s Standing) bool { return s == Standing{} })
	return moved
}

// Table is where the people of a channel stand.
type Table struct {
	Channel ChannelID
	Epoch   uint64
	// Version rises with every change of the channel's ledger.
	Version uint64
	// Rows begin with who owes the most. They may be cut off.
	Rows []Candidate
}
