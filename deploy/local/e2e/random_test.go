package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// seedVariable repeats a history that a failed test has told of.
const seedVariable = "COFFEEBUDDY_TEST_SEED"

const (
	steps  = 220
	drinks = "Earl Grey,Ristretto,Flat white,Oat milk"
)

// chaos is an office in which people do whatever comes to mind, on cards of any age, while services die, stay away for a
// while, and what was published is published again.
type chaos struct {
	*world
	rand     *rand.Rand
	people   []person
	channels []string
	kafka    *kgo.Client
	records  []*kgo.Record // all there ever was
	held     map[string]int
}

// Whatever happens in whatever order: when it is quiet again, what people see is what is true.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("%s=%d repeats the choices of this history", seedVariable, seed)
	c := &chaos{world: begin(t), rand: rand.New(rand.NewPCG(seed, 0)), channels: []string{office.Coffee}, held: map[string]int{}}
	for _, name := range []string{"Ana", "Ben", "Cem", "Dee", "Eva"} {
		c.people = append(c.people, c.person(name))
	}
	other, err := c.Found(t.Context(), "elsewhere")
	require.NoError(t, err)
	c.channels = append(c.channels, other)
	c.kafka, err = kgo.NewClient(kgo.SeedBrokers(c.broker.Bootstrap), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeTopics(topic.Commands, topic.RunEvents, topic.FairnessEvents, topic.ReminderEvents))
	require.NoError(t, err)
	t.Cleanup(c.kafka.Close)

	conn := c.db.Connect()
	lacks := func(status string) bool {
		return c.number(conn, "SELECT count(*) FROM runs.run WHERE status = $1", status) == 0
	}
	// A history without a run that was closed, or one that was cancelled, shows little: then it goes on.
	for i := 0; i < steps || i < 8*steps && (lacks("closed") || lacks("cancelled")); i++ {
		c.step(i)
		<-time.After(time.Duration(c.rand.IntN(100)) * time.Millisecond)
		if i%(steps/4) == steps/4-1 {
			c.quiet()
			c.isTrue(conn)
		}
	}
	c.quiet()
	c.isTrue(conn)
	c.staysSilentWhereItIsOff(conn)
	require.Zero(t, c.deadLetters())
	require.False(t, lacks("closed"))
	require.False(t, lacks("cancelled"))
}

// step is one thing that happens.
func (c *chaos) step(i int) {
	for name, until := range c.held {
		if i >= until {
			c.Release(name)
			delete(c.held, name)
		}
	}
	p := c.people[c.rand.IntN(len(c.people))].in(c.channels[c.rand.IntN(len(c.channels))])
	switch n := c.rand.IntN(100); {
	case n < 18:
		c.says(p, "/coffee in "+strconv.Itoa(20+c.rand.IntN(40))+"m")
	case n < 22:
		c.says(p, "/coffee close")
	case n < 23:
		c.says(p, "/coffee cancel")
	case n < 26:
		c.says(p, "/coffee usual "+c.drink())
	case n < 27:
		c.administers(c.people[0].in(p.Channel))
	case n < 32:
		c.later(time.Duration(c.rand.IntN(180)) * time.Second)
	case n < 33:
		c.kills(services[c.rand.IntN(len(services))])
	case n < 35:
		c.holds(i, []string{"runs", "fairness", "reminder"}[c.rand.IntN(3)])
	case n < 45:
		c.again()
	case n < 60:
		c.clicks(p.dm())
	default:
		c.clicks(p)
	}
}

func (c *chaos) isReady(service string) bool {
	res, err := http.Get("http://" + c.Addresses[service] + "/health/ready")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func (c *chaos) drink() string {
	all := strings.Split(drinks, ",")
	return all[c.rand.IntN(len(all))]
}

// says types a command. That nobody answers is part of the history.
func (c *chaos) says(p person, text string) {
	if err := p.Types(c.t.Context(), text); err != nil {
		c.t.Log(err)
	}
}

// kills a service that is ready. kfake keeps a member for ever that dies while it joins its group, and with it the
// partitions that it would have had; Apache Kafka ends its session.
func (c *chaos) kills(service string) {
	if c.isReady(service) {
		require.NoError(c.t, c.Kill(service))
	}
}

// holds ends a service for a while, so that topics are read at different times.
func (c *chaos) holds(i int, service string) {
	if c.isReady(service) {
		require.NoError(c.t, c.Hold(service))
		c.held[service] = i + 1 + c.rand.IntN(12)
	}
}

// again publishes a record that there was once more, as a producer does that has missed the broker's answer.
func (c *chaos) again() {
	polling, cancel := context.WithTimeout(c.t.Context(), 50*time.Millisecond)
	defer cancel()
	c.records = append(c.records, c.kafka.PollFetches(polling).Records()...)
	if len(c.records) == 0 {
		return
	}
	r := c.records[c.rand.IntN(len(c.records))]
	err := c.kafka.ProduceSync(c.t.Context(), &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers}).FirstErr()
	require.NoError(c.t, err)
}

// pressable is a button or an option of a menu.
type pressable struct{ ts, action, option string }

func pressables(m slacksim.Message) (all []pressable) {
	var blocks []struct {
		Elements []struct {
			ActionID string `json:"action_id"`
			Options  []struct {
				Value string `json:"value"`
			} `json:"options"`
		} `json:"elements"`
	}
	_ = json.Unmarshal(m.Blocks, &blocks) // other blocks have other elements
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.ActionID != "" && e.Options == nil {
				all = append(all, pressable{ts: m.TS, action: e.ActionID})
			}
			for _, o := range e.Options {
				all = append(all, pressable{m.TS, e.ActionID, o.Value})
			}
		}
	}
	return all
}

// clicks presses something that the person has in front of them: mostly something new.
func (c *chaos) clicks(p person) {
	ctx := c.t.Context()
	messages, err := p.Messages(ctx, p.Channel, p.ID)
	require.NoError(c.t, err)
	var all []pressable
	for _, m := range messages {
		all = append(all, pressables(m)...)
	}
	if len(all) == 0 {
		return
	}
	if newest := all[max(0, len(all)-8):]; c.rand.IntN(4) > 0 {
		all = newest
	}
	chosen := all[c.rand.IntN(len(all))]
	times := 1 + c.rand.IntN(8)/7 // some click twice
	for range times {
		if chosen.option != "" {
			_, err = p.Choose(ctx, p.ID, p.Channel, chosen.ts, chosen.action, chosen.option)
		} else {
			_, err = p.Click(ctx, p.ID, p.Channel, chosen.ts, chosen.action)
		}
		if err != nil {
			c.t.Log(p.Name, chosen, err)
		}
	}
	c.fillsIn(p)
}

// fillsIn submits an order form that has opened, and puts away any other.
func (c *chaos) fillsIn(p person) {
	ctx := c.t.Context()
	for range 3 {
		view, err := p.Modal(ctx, p.ID)
		require.NoError(c.t, err)
		if view == nil {
			return
		}
		if view.CallbackID == "order" {
			if result, err := p.Submit(ctx, p.ID, view.ID, map[string]string{"drink": c.drink()}); err == nil && result.Result == "closed" {
				return
			}
		}
		_ = p.Close(ctx, p.ID, view.ID)
	}
}

// administers turns the channel on or off, or changes its rules, and now and then resets it.
func (c *chaos) administers(ana person) {
	c.says(ana, "/coffee admin")
	view, err := ana.Modal(c.t.Context(), ana.ID)
	require.NoError(c.t, err)
	if view == nil || view.CallbackID != "settings" {
		return
	}
	if c.rand.IntN(4) == 0 {
		ctx := c.t.Context()
		if _, err := ana.ClickView(ctx, ana.ID, view.ID, "reset", nil); err == nil {
			if confirm, _ := ana.Modal(ctx, ana.ID); confirm != nil && confirm.CallbackID == "reset" {
				_, _ = ana.Submit(ctx, ana.ID, confirm.ID, map[string]string{"name": c.name(ana.Channel)})
			}
		}
	} else {
		_, _ = ana.Submit(c.t.Context(), ana.ID, view.ID, map[string]string{
			"switches": []string{"enabled,reminders", "enabled,reminders,last_call", "reminders"}[c.rand.IntN(3)],
			"policy":   []string{"fair_share", "rotation"}[c.rand.IntN(2)],
		})
	}
	for range 3 {
		if view, _ := ana.Modal(c.t.Context(), ana.ID); view != nil {
			_ = ana.Close(c.t.Context(), ana.ID, view.ID)
		}
	}
}

func (c *chaos) name(channel string) string {
	if channel == office.Coffee {
		return "coffee"
	}
	return "elsewhere"
}

// quiet lets everything end that has begun.
func (c *chaos) quiet() {
	c.t.Helper()
	for name := range c.held {
		c.Release(name)
		delete(c.held, name)
	}
	c.ready()
	c.settled()
}

// isTrue checks what must hold at rest.
func (c *chaos) isTrue(conn *pgx.Conn) {
	t := c.t
	t.Helper()
	none := func(why, sql string) {
		t.Helper()
		require.Zero(t, c.number(conn, "SELECT count(*) FROM ("+sql+") AS violations"), "%s: %s", why, sql)
	}
	none("one run of a channel goes on", `
		SELECT channel_id FROM runs.run WHERE status IN ('open', 'closing') OR assignment_state = 'choosing' GROUP BY channel_id HAVING count(*) > 1`)
	none("a runner has a reason: numbers, or they said so themselves", `
		SELECT 1 FROM runs.run r WHERE runner_id IS NOT NULL AND explanation IS NULL AND assignment_no = 1`)
	none("whoever runs is credited, once", `
		SELECT 1 FROM runs.run r LEFT JOIN fairness.entry e ON e.run_id = r.id
		WHERE r.status = 'closed' AND r.runner_id IS NOT NULL AND e.runner_id IS DISTINCT FROM r.runner_id`)
	none("nobody else is", `
		SELECT 1 FROM fairness.entry e LEFT JOIN runs.run r ON r.id = e.run_id
		WHERE e.runner_id IS NOT NULL AND (r.id IS NULL OR r.runner_id IS DISTINCT FROM e.runner_id)`)
	none("who served is as often in the ledger as in the standings", `
		SELECT 1 FROM fairness.standing s WHERE served <> (
			SELECT count(*) FROM fairness.entry e WHERE e.channel_id = s.channel_id AND e.runner_id = s.user_id)`)
	none("the ledger adds up to nothing", "SELECT channel_id FROM fairness.standing GROUP BY channel_id HAVING sum(balance) <> 0")
	none("the runner, and nobody but the runner, has the list of the last assignment", `
		SELECT 1 FROM runs.run r WHERE r.status = 'closed' AND r.assignment_state IN ('assigned', 'accepted', 'done') AND NOT EXISTS (
			SELECT 1 FROM ingress.delivery d WHERE d.run_id = r.id::text AND d.kind = 'list' AND d.assignment_no = r.assignment_no
			AND d.user_id = r.runner_id AND d.state IN ('sent', 'obsolete'))`)
	none("what ingress knows is what runs decided", `
		SELECT 1 FROM runs.run r LEFT JOIN ingress.run i ON i.run_id = r.id::text
		WHERE i.version IS DISTINCT FROM GREATEST(r.version, (SELECT max(o.version) FROM runs.drink_order o WHERE o.run_id = r.id))`)
	none("no timer outlives its run", `
		SELECT 1 FROM reminder.timer t JOIN runs.run r ON r.id = t.run_id WHERE t.fired_at IS NULL AND r.status = 'cancelled'`)
	c.cardsAreTrue(conn)
	c.nothingTwice()
}

// cardsAreTrue compares each card with its run.
func (c *chaos) cardsAreTrue(conn *pgx.Conn) {
	c.t.Helper()
	rows, err := conn.Query(c.t.Context(), `
		SELECT r.id::text, r.channel_id, r.status, coalesce(r.assignment_state, ''), coalesce(r.runner_id, ''),
			(SELECT count(*) FROM runs.drink_order o WHERE o.run_id = r.id AND o.drink IS NOT NULL),
			(SELECT coalesce(string_agg(DISTINCT o.drink, ','), '') FROM runs.drink_order o WHERE o.run_id = r.id AND o.drink IS NOT NULL),
			d.message_ts
		FROM runs.run r JOIN ingress.delivery d ON d.run_id = r.id::text AND d.kind = 'card' AND d.message_ts <> ''`)
	require.NoError(c.t, err)
	type run struct {
		ID, Channel, Status, Assignment, Runner string
		Orders                                  int
		Drinks, TS                              string
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[run])
	require.NoError(c.t, err)
	open := map[string]int{}
	for _, r := range runs {
		reader := c.people[0].in(r.Channel)
		var card string
		for _, m := range reader.messages("Coffee run") {
			if m.TS == r.TS {
				card = c.read(reader, m)
			}
		}
		require.NotEmpty(c.t, card, "%+v has a card", r)
		if r.Orders > 0 {
			require.Contains(c.t, card, fmt.Sprintf("%d order", r.Orders), "%+v", r)
			for drink := range strings.SplitSeq(r.Drinks, ",") {
				require.Contains(c.t, card, "× "+drink, "%+v", r)
			}
		}
		require.Equal(c.t, r.Status == "open", strings.Contains(card, "[ Order ]"), "%+v\n%s", r, card)
		require.Equal(c.t, r.Status == "cancelled", strings.Contains(card, "Cancelled"), "%+v\n%s", r, card)
		if r.Status == "open" {
			open[r.Channel]++
		}
		if r.Runner != "" {
			require.Contains(c.t, card, c.named(r.Runner), "%+v", r)
		}
	}
	for channel, n := range open {
		require.LessOrEqual(c.t, n, 1, channel)
	}
}

func (c *chaos) named(userID string) string {
	for _, p := range c.people {
		if p.ID == userID {
			return p.Name
		}
	}
	return userID
}

// nothingTwice looks for messages that carry the same delivery's mark.
func (c *chaos) nothingTwice() {
	c.t.Helper()
	conversations := c.channels
	for _, p := range c.people {
		conversations = append(conversations, p.dm().Channel)
	}
	seen := map[string]string{}
	for _, conversation := range conversations {
		reader := c.people[0]
		for _, p := range c.people {
			if p.dm().Channel == conversation {
				reader = p
			}
		}
		for _, m := range reader.in(conversation).messages() {
			if len(m.Metadata) == 0 || m.Ephemeral {
				continue
			}
			require.Empty(c.t, seen[string(m.Metadata)], "twice in %s: %s", conversation, m.Text)
			seen[string(m.Metadata)] = m.TS
		}
	}
	require.NotEmpty(c.t, seen)
}

// staysSilentWhereItIsOff turns a channel off and has people and the broker go on.
func (c *chaos) staysSilentWhereItIsOff(conn *pgx.Conn) {
	c.t.Helper()
	ana := c.people[0]
	c.says(ana, "/coffee admin")
	ana.enters(map[string]string{"switches": "reminders"}, "")
	c.quiet()
	said := func() int { return len(ana.messages()) - ana.count("only visible to") }
	before, commands := said(), c.number(conn, "SELECT count(*) FROM runs.inbox")
	for range 15 {
		c.says(c.people[c.rand.IntN(len(c.people))], "/coffee")
		c.again()
	}
	c.later(2 * time.Hour)
	c.quiet()
	require.Equal(c.t, before, said(), "nothing is said in a channel that is turned off")
	require.Equal(c.t, commands, c.number(conn, "SELECT count(*) FROM runs.inbox"), "nothing is asked")
	c.isTrue(conn)
}
