package slackhttp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"Flat white":                       "Flat white",
		"  Flat\twhite \n":                 "Flat white",
		"\u200bTea\u202e":                  "Tea",
		strings.Repeat("é", 280):           strings.Repeat("é", 280), // characters, not bytes
		strings.Repeat("☕", 280) + "\t\n ": strings.Repeat("☕", 280),
		"<!channel> & &amp;":               "<!channel> & &amp;", // forms hand over what was typed
	} {
		w := newWorld(t)
		require.Empty(t, w.submits(order("U0BEN", typed, true)), typed)
		cmd := w.only()
		require.True(t, proto.Equal(&commandv1.PlaceOrder{RunId: runID, Drink: want, Quantity: 1, RememberAsUsual: true}, cmd.GetPlaceOrder()), "%s", cmd)
		require.Equal(t, []string{"U0BEN", "C0COFFEE", "C0COFFEE"}, []string{cmd.GetActor().GetUserId(), cmd.GetChannelId(), cmd.GetReplyTo()})
	}
	w := newWorld(t)
	require.Empty(t, w.submits(order("U0BEN", "Tea", false)))
	require.False(t, w.only().GetPlaceOrder().GetRememberAsUsual())
}

// What cannot be ordered is said inside the form.
func TestOrderThatIsNone(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"":                       "Please say what you drink.",
		" \t\u3000":              "Please say what you drink.",
		"\u200b\u2060\x00":       "Please say what you drink.",
		strings.Repeat("é", 281): "That is 281 characters, 280 is the most.",
	} {
		w := newWorld(t)
		require.Equal(t, want, w.submits(order("U0BEN", typed, true)))
		require.Empty(t, w.commands)
	}
	w := newWorld(t)
	empty := order("U0BEN", "", true)
	delete(empty["view"].(map[string]any), "state")
	require.Equal(t, "Please say what you drink.", w.submits(empty))
}
