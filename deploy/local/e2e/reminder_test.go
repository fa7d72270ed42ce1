package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// remindedSoon starts services that remind a runner a minute before pickup: the shortest time there is.
const remindedSoon = "REMINDER_OFFSET_DEFAULT=1"

// startsRun starts a run whose runner is reminded in that long. What people can type has minutes only, but the button
// that is offered for a time of day that is past carries an instant.
func (w *world) startsRun(p person, reminder time.Duration) (due time.Time) {
	w.t.Helper()
	due = time.Now().Add(reminder).Truncate(time.Second)
	start := click(p, "1.2", "start", fmt.Sprintf(`{"at":%d,"place":"Lobby"}`, due.Add(time.Minute).Unix()))
	status, _ := w.sends(start)
	require.Equal(w.t, http.StatusOK, status)
	return due
}

// What has to be in time is not tested beside tests that use the machine to the full: this one is not parallel.
func TestInTime(t *testing.T) {
	t.Run("the reminder", reminderComesOnTimeAndOnce)
	t.Run("answers while Kafka refuses", func(t *testing.T) { brokerOutage(t, func(*world) func() { return func() {} }) })
	t.Run("answers while Kafka is silent", func(t *testing.T) { brokerOutage(t, (*world).silence) })
}

func reminderComesOnTimeAndOnce(t *testing.T) {
	t.Parallel()
	w := begin(t, remindedSoon)
	ana, ben := w.person("Ana"), w.person("Ben")
	due := w.startsRun(ana, 12*time.Second)
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ben.reads("1 × Earl Grey (Ben)")
	ana.presses("close")
	ben.dm().reads("You're today's runner", "I'll remind you at "+due.In(zoneOf(w, ben)).Format("15:04"))
	reminder := ben.dm().reads("⏰ Pickup at", "1 minute from now: 1 cup", "Lobby", "1 × Earl Grey (Ben)")
	require.WithinDuration(t, due, sentAt(t, reminder), time.Second)
	w.settled()
	require.Equal(t, 1, ben.dm().count("⏰"))
	require.Zero(t, w.deadLetters())
}

// It is decided when the moment comes: the timer is there all the same.
func TestRemindersThatAreTurnedOffAreNotSent(t *testing.T) {
	t.Parallel()
	w := begin(t, remindedSoon, "DISABLE_REMINDERS=true")
	ana, ben := w.person("Ana"), w.person("Ben")
	w.startsRun(ana, 12*time.Second)
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ben.reads("1 × Earl Grey (Ben)")
	ana.presses("close")
	ben.dm().reads("You're today's runner")
	conn := w.db.Connect()
	w.eventually("the moment has come", func() bool {
		return w.number(conn, "SELECT count(*) FROM reminder.timer WHERE fired_at >= due_at") == 1
	})
	w.settled()
	require.Zero(t, ben.dm().count("⏰"))
}

// sentAt is the instant that Slack gave a message.
func sentAt(t testing.TB, m slacksim.Message) time.Time {
	t.Helper()
	var seconds, micros int64
	_, err := fmt.Sscan(strings.Replace(m.TS, ".", " ", 1), &seconds, &micros)
	require.NoError(t, err)
	return time.Unix(seconds, micros*1000)
}
