package run

// Refusal is why a command may not be done. It is an outcome, told to the command's author, not a failure.
type Refusal string

// Error makes a Refusal what the domain's methods return.
func (r Refusal) Error() string { return string(r) }

// The refusals of the domain.
const (
	ErrRunAlreadyOpen   Refusal = "the channel has an open run already"
	ErrNoOpenRun        Refusal = "the channel has no open run"
	ErrRunClosed        Refusal = "the run is closing or closed"
	ErrRunCancelled     Refusal = "the run was cancelled"
	ErrNotAllowed       Refusal = "only the initiator or an admin may"
	ErrNoOrders         Refusal = "nobody has ordered"
	ErrNoOrder          Refusal = "the person has no order"
	ErrNoUsual          Refusal = "the person has no usual in this channel"
	ErrInvalid          Refusal = "the command is incomplete, out of bounds or unknown"
	ErrRunFull          Refusal = "the run takes no more orders"
	ErrExpired          Refusal = "the command came too late"
	ErrPickupOutOfRange Refusal = "pickup is past or too far ahead"
	ErrChannelDisabled  Refusal = "the channel is disabled"
	ErrUnknownRun       Refusal = "the run is not known in this channel"
	ErrStale            Refusal = "what the person saw has changed"
	ErrNotRunner        Refusal = "the person is not the runner"
	ErrBroken           Refusal = "the product broke over the command"
)
