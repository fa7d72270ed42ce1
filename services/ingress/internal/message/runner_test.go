package message_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	golden(t, "summary_3", message.Summary(closed("U0BEN", three()...), names))
	golden(t, "summary_1", message.Summary(closed("U0ANA", order("U0ANA", "Earl Grey")), names))
	golden(t, "summary_100", message.Summary(closed("U0BEN", crowd(100, "Filter coffee, mug #")...), names))
	golden(t, "summary_300_long", message.Summary(closed("U0BEN", crowd(300, longest)...), names))
	golden(t, "summary_wanted", message.Summary(closed("", three()...), names))
	valid(t, message.Summary(closed("U0BEN"), names)) // a volunteer needs no order
}

func TestRunnerList(t *testing.T) {
	t.Parallel()
	list := func(run *runv1.Run, settings *runv1.ChannelSettings) []any {
		var parts []any
		for _, m := range message.RunnerList(run, settings, names) {
			parts = append(parts, m)
		}
		return parts
	}
	off := settings()
	off.Reminders = false
	late := closed("U0BEN", three()...)
	late.Assignment.AssignedAt = timestamppb.New(pickup.Add(-5 * time.Minute))
	golden(t, "runner_list_3", list(closed("U0BEN", three()...), settings())...)
	golden(t, "runner_list_reminders_off", list(closed("U0BEN", three()...), off)...)
	golden(t, "runner_list_reminders_off", list(closed("U0BEN", three()...), nil)...)
	golden(t, "runner_list_after_the_reminder", list(late, settings())...)
	golden(t, "runner_list_100", list(closed("U0BEN", crowd(100, "Filter coffee, mug #")...), settings())...)
	golden(t, "runner_list_300_long", list(closed("U0BEN", crowd(300, longest)...), settings())...)
	valid(t, message.RunnerList(closed("U0BEN"), settings(), names)[0])
}

func TestReminder(t *testing.T) {
	t.Parallel()
	golden(t, "reminder_3", message.Reminder(closed("U0BEN", three()...), names, pickup.Add(-5*time.Minute))[0])
	golden(t, "reminder_at_the_last_moment", message.Reminder(closed("U0BEN", order("U0BEN", "Earl Grey")), names, pickup.Add(-20*time.Second))[0])
	require.Contains(t, message.Reminder(closed("U0BEN"), names, pickup.Add(-80*time.Second))[0].Text, "1 minute from now")
	require.Contains(t, message.Reminder(closed("U0BEN"), names, pickup.Add(time.Second))[0].Text, "right now")
	require.Len(t, message.Reminder(closed("U0BEN", crowd(300, longest)...), names, now),
		len(message.RunnerList(closed("U0BEN", crowd(300, longest)...), settings(), names)))
}

// The channel gets the beginning of a long list, the runner all of it, in order and within Slack's limits.
func TestTheRunnerGetsEveryOrder(t *testing.T) {
	t.Parallel()
	orders := crowd(300, longest)
	for i, o := range orders { // what Slack keeps escaped is the worst
		if i%3 == 0 {
			o.Drink = strings.Repeat("&<>🍵", 70)
		}
	}
	var all strings.Builder
	parts := message.RunnerList(closed("U0BEN", orders...), settings(), names)
	for _, m := range parts {
		valid(t, m)
		var blocks []struct{ Text struct{ Type, Text string } }
		require.NoError(t, json.Unmarshal(encode(t, m.Blocks), &blocks))
		for _, b := range blocks {
			if b.Text.Type == "plain_text" {
				all.WriteString(b.Text.Text + "\n")
			}
		}
	}
	require.Greater(t, len(parts), 5)
	text := strings.ReplaceAll(all.String(), "\n", "") // a line of 100 names is longer than a section
	for _, o := range orders {
		require.Contains(t, text, o.GetDrink())
		require.Contains(t, text, names(o.GetUserId()))
	}
	require.Contains(t, string(encode(t, parts[len(parts)-1].Blocks)), "*300 cups*")

	for name, short := range map[string]message.Message{
		"card": message.Card(open(orders...), names, ref), "summary": message.Summary(closed("U0BEN", orders...), names),
	} {
		valid(t, short)
		require.Regexp(t, `and \d+ more orders`, string(encode(t, short.Blocks)), name)
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	never, longAgo := (*uint32)(nil), new(uint32(9))
	since := timestamppb.New(time.Date(2026, 10, 3, 9, 0, 0, 0, time.UTC))
	for want, e := range map[string]*runv1.Explanation{
		"Ben owes 1.4 runs and did not run in the last 5. (23 cups since 3 Oct, ran once.) Next in line: Cem.": {Rule: runv1.Rule_RULE_RESTED_DEBTOR, BalanceMicros: -1_400_000, RunsSinceServed: longAgo, Window: 5, Cups: 23, Served: 1, Since: since, RunnerUpId: "U0CEM"},
		"Ben owes 2 runs. (1 cup since 3 Oct, ran 12 times.)":                                                  {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: -2_000_000, RunsSinceServed: new(uint32(0)), Window: 5, Cups: 1, Served: 12, Since: since},
		"Ben owes 0.7 runs and has not run yet. (2 cups since 3 Oct.)":                                         {Rule: runv1.Rule_RULE_RESTED_DEBTOR, BalanceMicros: -666_667, Cups: 2, Since: since},
		"Ben owes 1.4 runs and did not run in the last 5.":                                                     {Rule: runv1.Rule_RULE_RESTED_DEBTOR, BalanceMicros: -1_400_000, RunsSinceServed: longAgo, Window: 5},
		"Ben owes 1 run and has not run yet.":                                                                  {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: -1_020_000, RunsSinceServed: never, Cups: 4},
		"Ben owes 0.1 runs.":                                                                                   {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: -60_000, RunsSinceServed: new(uint32(1)), Window: 5},
		"Ben is even, the others who could go are ahead.":                                                      {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: 40_000, RunsSinceServed: never},
		"Ben is 1 run ahead, the others who could go more.":                                                    {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: 1_000_000, RunsSinceServed: new(uint32(0))},
		"Ben is 2.5 runs ahead, the others who could go more.":                                                 {Rule: runv1.Rule_RULE_LOWEST_BALANCE, BalanceMicros: 2_500_000, RunsSinceServed: new(uint32(0))},
		"Ben was the only one who could go.":                                                                   {Rule: runv1.Rule_RULE_ONLY_CANDIDATE, RunnerUpId: "U0CEM"},
		"Ben volunteered. Thank you!":                                                                          {Rule: runv1.Rule_RULE_ONLY_VOLUNTEER},
		"Ben said “I'll go”. Thank you!":                                                                       {Rule: runv1.Rule_RULE_TOOK_OVER},
		"Of those who were level, only Ben had not run yet. Next in line: Cem.":                                {Rule: runv1.Rule_RULE_SERVED_LONGEST_AGO, RunnerUpId: "U0CEM"},
		"Of those who were level, Ben ran longest ago.":                                                        {Rule: runv1.Rule_RULE_SERVED_LONGEST_AGO, RunsSinceServed: longAgo},
		"Several were level, so the lot decided: Ben.":                                                         {Rule: runv1.Rule_RULE_DRAW, RunnerUpId: "U0CEM"},
		"Ben ran least in the last 5 runs.":                                                                    {Rule: runv1.Rule_RULE_FEWEST_IN_WINDOW, Window: 5},
		"":                                                                                                     {},
	} {
		require.Equal(t, want, message.Why(&runv1.Assignment{RunnerId: "U0BEN", Explanation: e}, names))
	}
	require.Empty(t, message.Why(nil, names))
}
