package ledger

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
)

// MaxCups is the most that one person can order in one run.
const MaxCups = 9

// ErrEntry means that an entry cannot be: a rule of the ledger is broken, and trying again does not help.
var ErrEntry = errors.New("impossible ledger entry")

// Entry is what the ledger knows of one run. A newer entry for the same run replaces it.
type Entry struct {
	RunID uuid.UUID
	// At is when the run was started; it orders the entries of a channel, whose runs follow one another.
	// When it was closed would do as well, but is not known yet while a runner is being chosen.
	At time.Time
	// Cups of each participant, 1 to [MaxCups].
	Cups map[UserID]int
	// Owed is what the run costs each participant, together one [Run]. Empty without a runner:
	// participation is booked together with the run served for it, or neither is.
	Owed map[UserID]Share
	// Runner served the run, with or without an order of their own. Empty: nobody did.
	Runner UserID
}

// NewEntry books one run served by runner, or, with an empty runner, a run that nobody served and that costs nobody anything.
// It returns [ErrEntry] for a run without an id, a time or participants, and for cups outside 1 to [MaxCups].
func NewEntry(run uuid.UUID, at time.Time, cups map[UserID]int, runner UserID) (Entry, error) {
	switch {
	case run == uuid.Nil:
		return Entry{}, fmt.Errorf("%w: no run id", ErrEntry)
	case at.IsZero():
		return Entry{}, fmt.Errorf("%w: run %s: no time", ErrEntry, run)
	case len(cups) == 0:
		return Entry{}, fmt.Errorf("%w: run %s: nobody took part", ErrEntry, run)
	}
	for user, n := range cups {
		if user == "" || n < 1 || n > MaxCups {
			return Entry{}, fmt.Errorf("%w: run %s: %d cups for user %q", ErrEntry, run, n, user)
		}
	}
	entry := Entry{RunID: run, At: at, Cups: maps.Clone(cups), Runner: runner}
	if runner != "" {
		entry.Owed = Shares(cups)
	}
	return entry, nil
}

// Alone reports whether the runner was the only one who drank.
func (e Entry) Alone() bool { return e.Runner != "" && len(e.Cups) == 1 && e.Cups[e.Runner] > 0 }
