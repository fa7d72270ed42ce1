package run

import (
	"slices"
	"time"
	"unicode/utf8"
)

// Bounds of a run's orders.
const (
	maxDrink    = 280 // Unicode characters
	maxQuantity = 9
	// MaxOrders keeps an event, which carries the whole run, well below Kafka's limit of 1 MB a message.
	MaxOrders = 300
)

// Drink is what a person drinks, on one line, as typed. Never log it.
type Drink string

// NewDrink trims typed and returns ErrInvalid unless 1 to 280 characters are left.
func NewDrink(typed string) (Drink, error) {
	text := oneLine(typed)
	if text == "" || utf8.RuneCountInString(text) > maxDrink {
		return "", ErrInvalid
	}
	return Drink(text), nil
}

// Quantity is a number of cups, 1 to 9.
type Quantity uint8

// NewQuantity returns ErrInvalid for more than 9 cups. 0 means 1.
func NewQuantity(cups uint32) (Quantity, error) {
	if cups > maxQuantity {
		return 0, ErrInvalid
	}
	return Quantity(max(cups, 1)), nil
}

// Order is one person's active order in a run.
type Order struct {
	User      UserID
	Drink     Drink
	Quantity  Quantity
	PlacedAt  time.Time // when the person ordered; kept when they change it. No two are alike in a run: they are its order
	ChangedAt time.Time // when it was last changed
}

// PlaceOrder records what user drinks in this run, replacing an earlier order. usual says that it is their usual, placed by one click.
// It refuses with ErrRunClosed, ErrRunCancelled or ErrRunFull.
func (r *Run) PlaceOrder(user UserID, drink Drink, quantity Quantity, usual bool, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	order := Order{User: user, Drink: drink, Quantity: quantity, PlacedAt: at, ChangedAt: at}
	i := r.orderOf(user)
	switch {
	case i >= 0:
		order.PlacedAt = r.Orders[i].PlacedAt
		r.Orders = slices.Clone(r.Orders)
		r.Orders[i] = order
	case len(r.Orders) >= MaxOrders:
		return Event{}, ErrRunFull
	default:
		if n := len(r.Orders); n > 0 && !at.After(r.Orders[n-1].PlacedAt) {
			order.PlacedAt = r.Orders[n-1].PlacedAt.Add(time.Microsecond)
		}
		r.Orders = append(slices.Clip(r.Orders), order)
	}
	return r.changed(OrderPlaced{User: user, Usual: usual}, at), nil
}

// WithdrawOrder removes user's order. It refuses with ErrRunClosed, ErrRunCancelled or ErrNoOrder.
func (r *Run) WithdrawOrder(user UserID, at time.Time) (Event, error) {
	if err := r.mustBeOpen(); err != nil {
		return Event{}, err
	}
	i := r.orderOf(user)
	if i < 0 {
		return Event{}, ErrNoOrder
	}
	r.Orders = slices.Concat(r.Orders[:i], r.Orders[i+1:])
	return r.changed(OrderWithdrawn{User: user}, at), nil
}

// OrderOf returns user's active order, or nil.
func (r *Run) OrderOf(user UserID) *Order {
	if i := r.orderOf(user); i >= 0 {
		return &r.Orders[i]
	}
	return nil
}

func (r *Run) orderOf(user UserID) int {
	return slices.IndexFunc(r.Orders, func(o Order) bool { return o.User == user })
}
