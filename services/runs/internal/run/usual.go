package run

import "time"

// Usual is the drink a person orders by one click in a channel.
type Usual struct {
	User     UserID
	Drink    Drink
	Quantity Quantity
}

// saveUsual keeps usual for its person. It reports false where nothing changes.
func (c *Channel) saveUsual(usual Usual, at time.Time) (Event, bool) {
	if c.Usuals[usual.User] == usual {
		return Event{}, false
	}
	if c.Usuals == nil {
		c.Usuals = map[UserID]Usual{}
	}
	c.Usuals[usual.User] = usual
	return Event{What: UsualSaved{Usual: usual}, At: at}, true
}
