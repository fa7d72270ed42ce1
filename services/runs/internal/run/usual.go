package run

import "time"

// Usual is the drink a person orders by one click in a channel.
type Usual struct {
	User     UserID
	Drink    Drink
	Quantity Quantity
}

// newUsual returns ErrInvalid unless drink and quantity are what NewDrink and NewQuantity accept.
func newUsual(user UserID, typed string, cups uint32) (Usual, error) {
	drink, err := NewDrink(typed)
	if err != nil {
		return Usual{}, err
	}
	quantity, err := NewQuantity(cups)
	return Usual{User: user, Drink: drink, Quantity: quantity}, err
}

// saveUsual keeps usual for its person.
func (c *Channel) saveUsual(usual Usual, at time.Time) Event {
	if c.Usuals == nil {
		c.Usuals = map[UserID]Usual{}
	}
	c.Usuals[usual.User] = usual
	return Event{What: UsualSaved{Usual: usual}, At: at}
}

// clearUsual forgets user's usual, also where there is none.
func (c *Channel) clearUsual(user UserID, at time.Time) Event {
	delete(c.Usuals, user)
	return Event{What: UsualCleared{User: user}, At: at}
}
