package run

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// anonymous begins the id that stands in an erased person's place. No edge names a person so.
const anonymous = "erased-"

// erasedDrink is what an erased person drank.
const erasedDrink Drink = "(erased)"

// Erasure replaces a person wherever others need that someone drank or ran, and deletes the rest.
type Erasure struct {
	User UserID
	By   Request
	// Anonym is nobody's id, the same in all that one erasure replaces, so that sums hold.
	Anonym UserID
}

// NewErasure returns the erasure of user that cmd asks for, with a random text that nobody else has. It refuses with
// ErrNotAllowed: people may have themselves erased, admins of the workspace and the product anybody. ErrInvalid: no one is named.
func NewErasure(cmd Command, user UserID, random string) (Erasure, error) {
	switch {
	case user == "" || strings.HasPrefix(string(user), anonymous):
		return Erasure{}, ErrInvalid
	case cmd.Actor != (Actor{}) && cmd.Actor.User != user && !cmd.Actor.WorkspaceAdmin:
		return Erasure{}, ErrNotAllowed
	}
	return Erasure{User: user, By: cmd.request(), Anonym: UserID(anonymous + random)}, nil
}

// Erase takes a person out of the channel: their usual, their place among its admins, and the runs they took part in,
// those that are named and those that are known. It returns nil where there is nothing of them.
func (c *Channel) Erase(e Erasure, named []uuid.UUID, at time.Time) []Event {
	var events []Event
	for _, r := range c.Runs {
		if slices.Contains(named, r.ID) || r.involves(e.User) {
			events = append(events, r.erase(e, at))
		}
	}
	if slices.Contains(c.Settings.Admins, e.User) {
		previous := c.Settings
		c.Settings.Version++
		c.Settings.Admins = without(previous.Admins, e.User)
		events = append(events, Event{What: SettingsChanged{Previous: previous, By: e.By}, At: at})
	}
	if _, usual := c.Usuals[e.User]; usual || len(events) > 0 {
		delete(c.Usuals, e.User)
		events = append(events, Event{What: PersonErased(e), At: at})
	}
	return c.complete(events)
}

// involves reports whether anything of the run names user.
func (r *Run) involves(user UserID) bool {
	a := r.Assignment
	return r.orderOf(user) >= 0 || slices.Contains(r.Volunteers, user) || slices.Contains(r.Declined, user) ||
		slices.Contains([]UserID{r.Initiator, a.Runner, a.Previous, a.OfferedBy}, user)
}

// erase leaves of a person what others need: that they drank, in a run whose orders are taken, and that they served.
// Who was to run it and has not gone yet is replaced.
func (r *Run) erase(e Erasure, at time.Time) Event {
	if r.Initiator == e.User {
		r.Initiator = e.Anonym
	}
	r.Volunteers = without(r.Volunteers, e.User)
	r.Declined = replaced(r.Declined, e.User, e.Anonym)
	if i := r.orderOf(e.User); i >= 0 && r.Status == Open {
		r.Orders = slices.Concat(r.Orders[:i], r.Orders[i+1:])
	} else if i >= 0 {
		r.Orders = slices.Clone(r.Orders)
		r.Orders[i].User, r.Orders[i].Drink = e.Anonym, erasedDrink
		if r.Assignment.No > 0 && !slices.Contains(r.Declined, e.Anonym) { // never to be chosen
			r.Declined = append(slices.Clip(r.Declined), e.Anonym)
		}
	}
	r.Assignment.erase(e, at.Before(r.PickupAt), at)
	return r.changed(PersonErased(e), at)
}

func (a *Assignment) erase(e Erasure, toCome bool, at time.Time) {
	for _, user := range []*UserID{&a.Previous, &a.OfferedBy} {
		if *user == e.User {
			*user = ""
		}
	}
	a.Explanation = nil // it has the numbers of all who could have been chosen
	goes := a.Runner == e.User && (a.State == Assigned || a.State == Accepted)
	if a.State == Choosing || goes && toCome { // an answer that is on its way may name them
		*a = Assignment{No: a.No + 1, State: Choosing, RequestedAt: at, AskedAt: at, Previous: a.Previous}
	}
	if a.Runner == e.User {
		a.Runner = e.Anonym
	}
}

// replaced is nil if there is nobody.
func replaced(people []UserID, person, by UserID) []UserID {
	rest := slices.Clone(people)
	for i, u := range rest {
		if u == person {
			rest[i] = by
		}
	}
	return rest
}
