package message_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

const ref = "4bf92f35"

func TestCard(t *testing.T) {
	t.Parallel()
	nowhere := open(three()...)
	nowhere.Place = ""
	several := order("U0DEE", "Flat White")
	several.Quantity = 3
	for name, run := range map[string]*runv1.Run{
		"card_open_0":           open(),
		"card_open_1":           open(order("U0BEN", "Earl Grey")),
		"card_open_3":           open(three()...),
		"card_open_no_place":    nowhere,
		"card_open_several":     open(append(three(), several)...),
		"card_open_100":         open(crowd(100, "Filter coffee, mug #")...),
		"card_open_300_long":    open(crowd(300, longest)...),
		"card_open_300_same":    open(crowd(300, "Flat white")...),
		"card_closing":          run(runv1.RunStatus_RUN_STATUS_CLOSING, three()...),
		"card_closed":           closed("U0BEN", three()...),
		"card_closed_wanted":    closed("", three()...),
		"card_cancelled":        ended(runv1.RunStatus_RUN_STATUS_CANCELLED, runv1.EndReason_END_REASON_CANCELLED_BY_PERSON, three()...),
		"card_failed":           ended(runv1.RunStatus_RUN_STATUS_FAILED, runv1.EndReason_END_REASON_INTERNAL, three()...),
		"card_failed_abandoned": ended(runv1.RunStatus_RUN_STATUS_FAILED, runv1.EndReason_END_REASON_ABANDONED),
	} {
		golden(t, name, message.Card(run, names, ref))
	}
}

func TestCancelledCardSaysWhy(t *testing.T) {
	t.Parallel()
	var parts []any
	for _, reason := range []runv1.EndReason{
		runv1.EndReason_END_REASON_NO_ORDERS, runv1.EndReason_END_REASON_CHANNEL_DISABLED,
		runv1.EndReason_END_REASON_ABANDONED, runv1.EndReason_END_REASON_CHANNEL_RESET, runv1.EndReason_END_REASON_INTERNAL,
	} {
		parts = append(parts, reason.String(), message.Card(ended(runv1.RunStatus_RUN_STATUS_CANCELLED, reason), names, ""))
	}
	golden(t, "card_cancelled_reasons", parts...)
}

// Only an open run can be acted on.
func TestOnlyAnOpenCardHasButtons(t *testing.T) {
	t.Parallel()
	for status := range runv1.RunStatus_name {
		card := string(encode(t, message.Card(run(runv1.RunStatus(status), three()...), names, ref).Blocks))
		if runv1.RunStatus(status) == runv1.RunStatus_RUN_STATUS_OPEN {
			require.Contains(t, card, `"button"`)
		} else {
			require.NotContains(t, card, `"button"`)
			require.NotContains(t, card, `"overflow"`)
		}
	}
}

// Mentions notify: the card has one, of its starter.
func TestCardMentionsTheStarterAlone(t *testing.T) {
	t.Parallel()
	card := message.Card(closed("U0BEN", three()...), names, ref)
	require.NotContains(t, card.Text, "<@")
	mentions := 0
	blocks := string(encode(t, card.Blocks))
	for i := range blocks {
		if i+2 < len(blocks) && blocks[i:i+2] == "<@" {
			mentions++
			require.Equal(t, "<@U0ANA>", blocks[i:i+8])
		}
	}
	require.Equal(t, 1, mentions)
}

func TestAPickupOnAnotherDayNamesTheDay(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	run := &runv1.Run{
		Status: runv1.RunStatus_RUN_STATUS_OPEN, StartedAt: timestamppb.New(started),
		PickupAt: timestamppb.New(started.Add(22 * time.Hour)),
	}
	require.Contains(t, message.Card(run, func(string) string { return "Ana" }, "").Text, "{date_short_pretty} {time}|Tue 13:00 UTC>")
	run.PickupAt = timestamppb.New(started.Add(11 * time.Hour))
	require.NotContains(t, message.Card(run, func(string) string { return "Ana" }, "").Text, "date_short_pretty")
}
