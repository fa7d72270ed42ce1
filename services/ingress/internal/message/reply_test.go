package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func protoName(name string) protoreflect.Name { return protoreflect.Name(name) }

func TestReplies(t *testing.T) {
	t.Parallel()
	two := order("U0DEE", "Cortado")
	two.Quantity = 2
	golden(t, "usual_ordered", message.UsualOrdered(open(append(three(), two)...), "U0BEN"),
		"two cups", message.UsualOrdered(open(two), "U0DEE"), "withdrawn meanwhile", message.UsualOrdered(open(), "U0DEE"))
	golden(t, "modal_failed", message.ModalFailed(ref))
	golden(t, "not_in_channel", message.NotInChannel(botID), "bot unknown", message.NotInChannel(""))
	golden(t, "only_in_channels", message.OnlyInChannels())
	var abandoned []any
	for _, code := range []string{"not_in_channel", "is_archived", "missing_scope", "too_late", "restricted_action", "msg_blocks_too_long"} {
		abandoned = append(abandoned, code, message.Abandoned(channelID, code, ref))
	}
	golden(t, "abandoned", abandoned...)
	golden(t, "unknown_action", message.UnknownAction())
	golden(t, "broken", message.Broken(ref), "no ref", message.Broken(""))
}

func TestCouldNotConfirm(t *testing.T) {
	t.Parallel()
	var parts []any
	for _, action := range []string{
		message.ActionStart, message.ActionOrder, message.ActionUsual, message.ActionWithdraw, message.ActionClose, message.ActionCancel,
	} {
		m := message.CouldNotConfirm(action, ref)
		require.NotContains(t, m.Text, "confirm .", action)
		require.NotContains(t, m.Text, "`", "it is an error inside the form, too, where there is no formatting")
		parts = append(parts, action, m)
	}
	golden(t, "could_not_confirm", parts...)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	golden(t, "help", message.Help())
	golden(t, "unknown_words", message.Unknown("Lobby café"), "no place", message.Unknown(""),
		"longest", message.Unknown(strings.Repeat("é", 80)), "meant badly", message.Unknown("<!channel> & `rm` *now*"))
	golden(t, "usage", message.Usage("A number alone could be a time or minutes.", "10:00", "in 10m"),
		"one example", message.Usage("A place has at most 80 characters, this one has 81.", "10:30 Lobby café"))
	golden(t, "zone_unknown", message.ZoneUnknown())
	golden(t, "past_time", message.PastTime("10:30", "22:30", now.Add(12*time.Hour), "Lobby <café>"),
		"with am or pm", message.PastTime("3:00 pm", "tomorrow 3:00 pm", now.Add(20*time.Hour), ""))
}

func TestOrderModal(t *testing.T) {
	t.Parallel()
	run, current := open(three()...), order("U0BEN", "Earl Grey <3 & milk")
	usual := &runv1.Usual{UserId: "U0BEN", Drink: "Cortado"}
	golden(t, "modal_new", message.OrderModal{Run: run}.View())
	golden(t, "modal_usual", message.OrderModal{Run: run, Usual: usual}.View())
	golden(t, "modal_edit", message.OrderModal{Run: run, Current: current, Usual: usual}.View())
	golden(t, "modal_first_time", message.OrderModal{Run: run, FirstTime: true}.View())
	golden(t, "modal_first_time_ordered", message.OrderModal{Run: run, Current: current, FirstTime: true}.View())
	golden(t, "modal_old_form", *message.OldForm())
	longDrink := order("U0BEN", strings.Repeat("☕", 280))
	golden(t, "modal_longest", message.OrderModal{Run: run, Current: longDrink}.View())
}
