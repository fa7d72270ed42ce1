package message_test

import (
	"testing"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func TestHome(t *testing.T) {
	t.Parallel()
	full := message.Home{
		Channels: []message.HomeChannel{
			{ID: channelID, Usual: &runv1.Usual{Drink: "Flat white", Quantity: 2}, Run: open(three()...), Standing: candidates()[0], Standings: candidates()},
			{ID: "C0TEA", Usual: &runv1.Usual{Drink: "Tea <!channel>", Quantity: 1}},
		},
		Personal: &runv1.PersonalSettings{NamedInLastCalls: true},
	}
	golden(t, "home", "in two channels", full.View(), "new here", message.Home{}.View())
	golden(t, "modal_my_usual", message.UsualModal(channelID, &runv1.Usual{Drink: "Flat white", Quantity: 2}))
	golden(t, "hello", "hello", message.Hello(), "note", message.Note(message.UnknownRun()))
}
