package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// overSocket starts a world whose ingress nobody can reach: it opens connections to Slack (Socket Mode).
func overSocket(t *testing.T) *world {
	t.Helper()
	w := prepare(t)
	w.startAs(stack.Config{KafkaBootstrap: w.broker.Bootstrap, Socket: true})
	w.ready()
	return w
}

// links waits until the app has that many connections, and returns them.
func (w *world) links(n int) (all []slacksim.Link) {
	w.t.Helper()
	w.eventually("connections are open", func() bool {
		var err error
		all, err = w.Client().Links(w.t.Context())
		require.NoError(w.t, err)
		return len(all) == n
	})
	return all
}

func TestARunOverSocketMode(t *testing.T) {
	t.Parallel()
	w := overSocket(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee admin")
	require.Contains(t, ana.form(), "Settings of CoffeeBuddy in #")
	ana.enters(map[string]string{"reminder_offset": "61"}, "reminder_offset") // the error comes with the acknowledgement
	ana.enters(map[string]string{"reminder_offset": "7"}, "")
	ana.reads("only visible to Ana", "Saved: reminder minutes 5 → 7")
	ben.types("/coffee nonsense")
	ben.reads("only visible to Ben", "/coffee 10:30")
	ana.types("/coffee in 20m")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.orders("Ristretto")
	ben.reads("2 orders")
	ana.presses("close")
	runner := w.assigned(ana, ben)
	runner.dm().reads("You're today's runner")
	require.NoError(t, w.Client().OpenHome(t.Context(), ben.ID))
	w.eventually("Ben's Home is there", func() bool {
		views, err := w.Client().Views(t.Context(), ben.ID)
		require.NoError(t, err)
		return views.Home != nil
	})
	for _, link := range w.links(2) {
		require.Positive(t, link.Envelopes, "they take turns")
	}
	w.settled()
	report := w.tells("doctor", "--replication", "1", "--services", "ingress=http://"+w.Addresses["ingress"])
	require.Contains(t, report, "Slack gives connections to SLACK_APP_TOKEN")
	require.NotContains(t, report, "fail")
	require.Zero(t, w.deadLetters())
}

// What people do while connections break, are renewed and ingress is killed takes effect, once.
func TestConnectionsOfSocketModeEnd(t *testing.T) {
	t.Parallel()
	w := overSocket(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 20m")
	ben.reads("No orders yet")

	first := w.links(2)
	require.NoError(t, w.Client().Disconnect(t.Context(), first[0].ID, "")) // no word before
	ben.orders("Earl Grey")
	ana.reads("1 × Earl Grey (Ben)")
	second := w.links(2)
	require.NotContains(t, []int{second[0].ID, second[1].ID}, first[0].ID)

	for _, link := range second {
		require.NoError(t, w.Client().Disconnect(t.Context(), link.ID, "warning"))
		require.NoError(t, w.Client().Disconnect(t.Context(), link.ID, "refresh_requested"))
	}
	ana.orders("Ristretto") // by the old ones or the new
	ben.reads("2 orders")
	third := w.links(2)
	require.Greater(t, third[0].ID, second[1].ID)

	require.NoError(t, w.Kill("ingress"))
	w.eventually("ingress is back", func() bool {
		all, err := w.Client().Links(t.Context())
		require.NoError(t, err)
		return len(all) == 2 && all[0].ID > third[1].ID
	})
	ana.presses("close")
	w.assigned(ana, ben)
	w.settled()
	require.Zero(t, w.deadLetters())
}

func TestNoConnectionOfSocketModeIsOpen(t *testing.T) {
	t.Parallel()
	w := overSocket(t)
	ana := w.person("Ana")
	require.NoError(t, w.Client().Fault(t.Context(), slacksim.Fault{Method: "apps.connections.open", Kind: "invalid_auth"}))
	for _, link := range w.links(2) {
		require.NoError(t, w.Client().Disconnect(t.Context(), link.ID, ""))
	}
	w.eventually("readiness says why", func() bool { return w.redBecauseOf("ingress", "slack_connections") })
	require.NoError(t, w.Client().ClearFaults(t.Context()))
	w.links(2)
	w.ready()
	ana.types("/coffee in 20m")
	ana.reads("No orders yet")
}
