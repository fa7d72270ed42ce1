package e2e_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// Moments of a run at which something happens to a service.
const (
	starting = "a run is started"
	ordering = "an order is given"
	closing  = "the run is closed"
	waiting  = "the reminder is waited for"
	due      = "the reminder is due"
)

// Each service is killed (kill -9) at each moment at which it has to do. Whatever the moment asked of it then lies
// in Kafka, in its outbox or half done; and the run ends as if nothing had happened.
func TestKilledInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	for service, moments := range map[string][]string{
		"ingress":  {starting, ordering, closing, due},
		"runs":     {starting, ordering, closing},
		"fairness": {ordering, closing},
		"reminder": {closing, waiting, due},
	} {
		for _, moment := range moments {
			t.Run(service+" when "+moment, func(t *testing.T) {
				t.Parallel()
				w := begin(t, remindedSoon)
				w.playOn(20*time.Second, func(now string, act func()) {
					if now != moment {
						act()
						return
					}
					w.killedAround(service, act)
				})
			})
		}
	}
}

// killedAround kills the service before act, so that act's effects find it dead. ingress is needed by those who act,
// so it is killed right after.
func (w *world) killedAround(service string, act func()) {
	w.t.Helper()
	if service == "ingress" {
		act()
		w.killsIngress()
		return
	}
	require.NoError(w.t, w.Hold(service))
	act()
	w.Release(service)
}

// killsIngress kills ingress and waits until it listens again: people who click in between see Slack's warning sign and
// click once more.
func (w *world) killsIngress() {
	w.t.Helper()
	require.NoError(w.t, w.Kill("ingress"))
	w.eventually("ingress listens", func() bool {
		conn, err := net.Dial("tcp", w.Addresses["ingress"])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// The answer of fairness finds runs dead.
func TestRunsKilledBetweenCloseAndAssignment(t *testing.T) {
	t.Parallel()
	w := begin(t, remindedSoon)
	w.playOn(20*time.Second, func(now string, act func()) {
		if now != closing {
			act()
			return
		}
		require.NoError(t, w.Hold("fairness"))
		act()
		conn := w.db.Connect()
		w.eventually("the run is closing", func() bool { return w.number(conn, "SELECT count(*) FROM runs.run WHERE status = 'closing'") == 1 })
		require.NoError(t, w.Hold("runs"))
		w.Release("fairness")
		w.eventually("fairness has chosen", func() bool {
			return w.number(conn, "SELECT count(*) FROM fairness.entry WHERE assignment_no = 1") == 1 && w.number(conn, "SELECT count(*) FROM fairness.outbox") == 0
		})
		w.Release("runs")
	})
}

// All at once, as when the machine goes.
func TestEverythingKilledAtOnce(t *testing.T) {
	t.Parallel()
	w := begin(t, remindedSoon)
	w.playOn(20*time.Second, func(now string, act func()) {
		act()
		if now == closing {
			for _, service := range []string{"ingress", "runs", "fairness", "reminder"} {
				require.NoError(t, w.Kill(service))
			}
		}
	})
}

// playOn plays a whole run, each moment through at, and checks that it ended as it should: one card, one summary,
// one list, one reminder after that long.
func (w *world) playOn(reminder time.Duration, at func(moment string, act func())) {
	t := w.t
	t.Helper()
	ana, ben, cem := w.person("Ana"), w.person("Ben"), w.person("Cem")
	var when time.Time
	at(starting, func() { when = w.startsRun(ana, reminder) })
	ben.reads("No orders yet")
	at(ordering, func() { ben.orders("Earl Grey") })
	ana.reads("1 × Earl Grey (Ben)")
	cem.orders("Flat white")
	ana.reads("2 orders", "1 × Flat white (Cem)")
	at(closing, func() { ana.presses("close") })
	runner := w.assigned(ben, cem)
	runner.dm().reads("You're today's runner", "2 cups")
	ana.reads("Coffee run", "Ordering is closed")
	conn := w.db.Connect()
	w.eventually("the timer is set", func() bool { return w.number(conn, "SELECT count(*) FROM reminder.timer") == 1 })
	at(waiting, func() {})
	at(due, func() {
		select {
		case <-time.After(time.Until(when)):
		case <-t.Context().Done():
		}
	})
	came := runner.dm().reads("⏰")
	t.Logf("reminded %s after the moment", sentAt(t, came).Sub(when).Round(time.Millisecond))
	w.settled()
	w.endedWell(runner)
}

// endedWell checks that each of the four messages is there once, and nothing else.
func (w *world) endedWell(runner person) {
	t := w.t
	t.Helper()
	ana := w.person("Ana")
	require.Equal(t, 1, ana.count("Coffee run"), "one card:\n%s", ana.all())
	require.Equal(t, 1, ana.count("is today's runner"), "one summary:\n%s", ana.all())
	require.Equal(t, 1, runner.dm().count("You're today's runner"), "one list:\n%s", runner.dm().all())
	require.Equal(t, 1, runner.dm().count("⏰"), "one reminder:\n%s", runner.dm().all())
	require.Len(t, w.calls("chat.postMessage"), 4, "nothing was posted and taken back")
	require.Zero(t, ana.count("only visible to"))
	require.Zero(t, w.deadLetters())
	conn := w.db.Connect()
	require.Equal(t, 1, w.number(conn, "SELECT count(*) FROM runs.run WHERE status = 'closed'"))
	require.Equal(t, 2, w.number(conn, "SELECT count(*) FROM runs.drink_order"))
	require.Equal(t, 1, w.number(conn, "SELECT count(*) FROM fairness.entry"))
}

// A message is on its way to Slack, or there already, and ingress dies before it can record that. It comes back, looks
// whether the message is there, and posts it only if not.
func TestIngressKilledBetweenSlacksAnswerAndItsRecord(t *testing.T) {
	t.Parallel()
	lost := slacksim.Fault{Method: "chat.postMessage", Kind: slacksim.FaultTimeout, Applied: true, DelayMS: 4000, Count: 1}
	late := slacksim.Fault{Method: "chat.postMessage", Kind: slacksim.FaultSlow, DelayMS: 3000, Count: 1} // Slack goes on with it
	for name, test := range map[string]struct {
		fault  slacksim.Fault
		kind   string // of delivery
		moment string
	}{
		"card, posted":     {lost, "card", starting},
		"card, under way":  {late, "card", starting},
		"summary, posted":  {lost, "summary", closing},
		"list, posted":     {lost, "list", closing},
		"list, under way":  {late, "list", closing},
		"reminder, posted": {lost, "reminder", due},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, remindedSoon)
			channels := []string{"D0BEN", "D0CEM"} // one of them runs
			if test.kind == "card" || test.kind == "summary" {
				channels = []string{office.Coffee}
			}
			conn := w.db.Connect()
			reminder := 20 * time.Second
			if test.moment == starting {
				reminder = 35 * time.Second // the card cannot change before the lease of its first delivery ends
			}
			w.playOn(reminder, func(now string, act func()) {
				if now != test.moment {
					act()
					return
				}
				posted := len(w.calls("chat.postMessage"))
				for _, channel := range channels {
					fault := test.fault
					fault.Channel = channel
					require.NoError(t, w.Client().Fault(t.Context(), fault))
				}
				act()
				w.eventually("it is being sent", func() bool {
					return w.number(conn, "SELECT count(*) FROM ingress.delivery WHERE kind = $1 AND state = 'pending' AND leased_until > clock_timestamp()", test.kind) == 1 &&
						(!test.fault.Applied || len(w.calls("chat.postMessage")) > posted)
				})
				w.killsIngress()
				require.Equal(t, 1, w.number(conn, "SELECT count(*) FROM ingress.delivery WHERE kind = $1 AND state = 'pending'", test.kind), "it was not recorded")
			})
		})
	}
}
