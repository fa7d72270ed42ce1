package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"  Flat\t white \n":  "Flat white",
		"\x00Tea\x07":        "Tea",
		"\u200b\u2060\ufeff": "",
		"\u200e10:30\u200f":  "10:30",
		"abc\u202edef":       "abcdef", // would be read backwards, with all that follows
		"\u3000":             "",
		"👩\u200d🚀 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F": "👩\u200d🚀 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
		"می\u200cخواهم":    "می\u200cخواهم",
		"<!channel> & `x`": "<!channel> & `x`",
	} {
		require.Equal(t, want, message.OneLine(typed), "%q", typed)
	}
}

// What people type, and what they call themselves, is seen as it is and does nothing.
func TestTypedTextIsInert(t *testing.T) {
	t.Parallel()
	orders := []*runv1.Order{
		order("U0ANA", "<!channel> <@U0BEN> <https://evil.example|free coffee>"),
		order("U0BEN", "Tea & *milk* _no_ ~sugar~ `code` ```block```"),
		order("U0CEM", "\u202eetihw talF\u200b"),
		order("U0DEE", "قهوة سادة"),
		order("U0EVIL", "line\nbreak\x00 &amp; :coffee: https://evil.example"),
		order("U0NOAM", "קפה הפוך"),
		order("U0GHOST", "tea & *MILK* _no_ ~sugar~ `code` ```block```"),
	}
	cards := []*runv1.Run{open(orders...), closed("U0EVIL", orders...)}
	for _, r := range cards {
		r.InitiatorId, r.Place = "U0EVIL", "<!here> & `Lobby`\u202e *café*"
	}
	golden(t, "typed_text",
		"card", message.Card(cards[0], names, ref),
		"closed card", message.Card(cards[1], names, ref),
		"summary", message.Summary(cards[1], names),
		"list", message.RunnerList(cards[1], settings(), names)[0],
		"usual", message.UsualOrdered(open(orders...), "U0ANA"),
		"not allowed", message.Rejection(rejected("close_run", runv1.RejectReason_REJECT_REASON_NOT_ALLOWED, cards[0], ""), names),
		"already open", message.Rejection(rejected("start_run", runv1.RejectReason_REJECT_REASON_RUN_ALREADY_OPEN, cards[0], cards[0].GetPlace()), names),
		"already closed", message.Rejection(rejected("place_order", runv1.RejectReason_REJECT_REASON_RUN_CLOSED, cards[1], orders[0].GetDrink()), names),
	)
}

// Whatever is typed, whoever orders, and however much of it: Slack takes every message.
func TestAnyRunFits(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.StringN(0, 280, -1), rapid.StringMatching(`[&<>🍵é ]{0,280}`), rapid.SampledFrom([]string{"Flat white", "flat white", " "}))
	rapid.Check(t, func(rt *rapid.T) {
		orders := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) *runv1.Order {
			o := order("U0N"+rapid.StringMatching(`[0-9]{1,3}`).Draw(rt, "user"), text.Draw(rt, "drink"))
			o.Quantity = rapid.Uint32Range(0, 9).Draw(rt, "quantity")
			return o
		}), 0, 300).Draw(rt, "orders")
		longName := text.Draw(rt, "name")
		called := func(string) string { return longName }
		status := runv1.RunStatus(rapid.IntRange(0, 5).Draw(rt, "status"))
		r := closed("U0BEN", orders...)
		r.Status, r.Place = status, text.Draw(rt, "place")
		valid(t, message.Card(r, called, ref))
		valid(t, message.Summary(r, called))
		for _, m := range message.RunnerList(r, settings(), called) {
			valid(t, m)
		}
		for reason := range runv1.RejectReason_name {
			valid(t, message.Rejection(rejected("place_order", runv1.RejectReason(reason), r, text.Draw(rt, "typed")), called))
		}
		valid(t, message.Unknown(text.Draw(rt, "words")))
	})
}
