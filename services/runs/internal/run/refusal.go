package run

// Refusal is why a command may not be done. It is an outcome, told to the command's author, not a failure.
type Refusal string

// Error makes a Refusal what the domain's methods return.
func (r Refusal) Error() string { return string(r) }

// The refusals of the domain.
const (
	RunAlreadyOpen   Refusal = "the channel has an open run already"
	NoOpenRun        Refusal = "the channel has no open run"
	RunClosed        Refusal = "the run is closing or closed"
	RunCancelled     Refusal = "the run was cancelled"
	NotAllowed       Refusal = "only the initiator or an admin may"
	NoOrders         Refusal = "nobody has ordered"
	NoOrder          Refusal = "the person has no order"
	NoUsual          Refusal = "the person has no usual in this channel"
	Invalid          Refusal = "the command is incomplete, out of bounds or unknown"
	RunFull          Refusal = "the run takes no more orders"
	Expired          Refusal = "the command came too late"
	PickupOutOfRange Refusal = "pickup is past or too far ahead"
	ChannelDisabled  Refusal = "the channel is disabled"
	UnknownRun       Refusal = "the run is not known in this channel"
	Broken           Refusal = "the product broke over the command"
)
