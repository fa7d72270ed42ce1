package run

import "github.com/google/uuid"

// Scope is what a batch of commands is judged by: its channels with their open run are meant without saying.
type Scope struct {
	Channels []ChannelID
	Runs     []uuid.UUID // also where they have ended
	Usuals   []Person
	Regulars []ChannelID // whose regulars are asked for, each once
	Resets   []ChannelID // whose data is to be counted
}

// Person is someone in a channel.
type Person struct {
	Channel ChannelID
	User    UserID
}

// Add widens the scope by what cmd is judged by.
func (s *Scope) Add(cmd Command) {
	s.Channels = append(s.Channels, cmd.Channel)
	if id := cmd.Run(); id != uuid.Nil {
		s.Runs = append(s.Runs, id)
	}
	if _, ok := cmd.Want.(ResetChannel); ok {
		s.Resets = append(s.Resets, cmd.Channel)
	}
	if cmd.NeedsUsual() {
		s.Usuals = append(s.Usuals, Person{cmd.Channel, cmd.Actor.User})
	}
}
