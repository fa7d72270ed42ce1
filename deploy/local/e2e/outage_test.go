package e2e_test

import (
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
)

var quotable = regexp.MustCompile(`\bref ([0-9a-f]{8})\b`)

// brokerOutage takes Kafka away in the middle of a run: what is asked cannot be confirmed, and people hear so within 2 s.
// It comes back, and nothing is lost or doubled.
func brokerOutage(t *testing.T, away func(w *world) (end func())) {
	t.Parallel()
	w := begin(t)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	ana.types("/coffee in 20m Lobby")
	cem.reads("No orders yet")
	cem.orders("Earl Grey")
	cem.reads("1 order")
	ben.presses("order")

	w.stopBroker()
	end := away(w)
	w.eventually("the services notice", func() bool { return w.redBecauseOf("ingress", "kafka") && w.redBecauseOf("runs", "kafka") })
	asked := time.Now()
	var refused *office.FormError
	require.ErrorAs(t, ben.FillsIn(t.Context(), "Flat white"), &refused)
	require.Less(t, time.Since(asked), 2*time.Second)
	require.Contains(t, refused.Errors["drink"], "couldn't confirm")
	w.logHas(t, quotable.FindStringSubmatch(refused.Errors["drink"]))
	require.Contains(t, ben.form(), "Your order", "the form stays open")

	asked = time.Now()
	ana.presses("close")
	require.Less(t, time.Since(asked), 2*time.Second)
	told := ana.reads("only visible to Ana", "couldn't confirm")
	w.logHas(t, quotable.FindStringSubmatch(told.Text))
	asked = time.Now()
	ana.in("C0TEA").types("/coffee")
	require.Less(t, time.Since(asked), 2*time.Second)
	ana.in("C0TEA").reads("only visible to Ana", "couldn't confirm", "ref ")

	end()
	w.startBroker()
	ben.fillsIn("Flat white") // the same form again
	cem.reads("2 orders", "1 × Flat white (Ben)")
	w.closes(ana)
	cem.reads("is today's runner", "2 cups")
	w.settled()
	require.Equal(t, 1, cem.count("Coffee run"))
	require.Equal(t, 1, cem.count("is today's runner"))
	require.Zero(t, w.deadLetters())
	w.ready()
}

// closes has p close the run, unless an earlier click that was not confirmed did.
func (w *world) closes(p person) {
	w.t.Helper()
	if p.Presses(w.t.Context(), "close") != nil {
		p.reads("Ordering is closed")
	}
}

// silence is a network that takes what is sent to the broker and brings nothing back.
func (w *world) silence() (end func()) {
	w.t.Helper()
	listener, err := net.Listen("tcp", w.broker.Bootstrap)
	require.NoError(w.t, err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
			w.t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return func() { _ = listener.Close() }
}

// Postgres away: what is asked is accepted and done when it is back.
func TestADatabaseOutageInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	w := begin(t, remindedSoon)
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	w.startsRun(ana, 25*time.Second)
	cem.reads("No orders yet")
	cem.orders("Earl Grey")
	cem.reads("1 order")
	ben.presses("order")

	back := w.db.Away()
	w.eventually("the services notice", func() bool {
		return w.redBecauseOf("ingress", "postgres") && w.redBecauseOf("runs", "postgres") && w.redBecauseOf("fairness", "postgres") && w.redBecauseOf("reminder", "postgres")
	})
	ben.fillsIn("Flat white")
	ana.orders("Ristretto") // the form opens without what is known of her, too
	ana.presses("close")
	back()

	cem.reads("3 orders", "1 × Flat white (Ben)", "1 × Ristretto (Ana)")
	runner := w.assigned(ana, ben, cem)
	runner.dm().reads("You're today's runner", "3 cups")
	runner.dm().reads("⏰")
	w.settled()
	require.Equal(t, 1, cem.count("Coffee run"))
	require.Equal(t, 1, cem.count("is today's runner"))
	require.Equal(t, 1, runner.dm().count("You're today's runner"))
	require.Equal(t, 1, runner.dm().count("⏰"))
	require.Zero(t, w.deadLetters(), "an outage is nobody's mistake")
	w.ready()
}

// A broker that is back goes on with what it had, under the services' feet and with services that were started anew.
func TestServicesThatStartDuringAnOutageWaitForItsEnd(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee")
	ben.reads("No orders yet")
	back := w.db.Away()
	w.stopBroker()
	pids := map[string]int{}
	for _, service := range services {
		require.NoError(t, w.Kill(service))
	}
	for _, service := range services {
		w.eventually(service+" says what it lacks", func() bool {
			return w.redBecauseOf(service, "postgres") && w.redBecauseOf(service, "kafka") && w.redBecauseOf(service, "consumer")
		})
		pids[service] = w.PID(service)
	}
	back()
	w.eventually("postgres is green again", func() bool { return !w.redBecauseOf("runs", "postgres") })
	require.True(t, w.redBecauseOf("runs", "kafka"))
	w.startBroker()
	w.ready()
	for _, service := range services {
		require.Equal(t, pids[service], w.PID(service), "%s did not crash", service)
	}
	ben.orders("Earl Grey")
	ana.reads("1 order")
}
