package message_test

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

const (
	runID     = "0197a000-0000-7000-8000-000000000001"
	channelID = "C0COFFEE"
	botID     = "U0BOT"
)

// now is a Monday, 10:05 in Berlin; pickup is at 10:30.
var (
	now    = time.Date(2026, 11, 23, 9, 5, 0, 0, time.UTC)
	pickup = now.Add(25 * time.Minute)
)

var office = map[string]string{
	"U0ANA": "Ana", "U0BEN": "Ben", "U0CEM": "Cem", "U0DEE": "Dee",
	"U0EVIL": "*Eve* <!channel> `rm`\u202e", "U0NOAM": "נועם", "U0GHOST": "\u200b",
}

func names(userID string) string {
	if name, ok := office[userID]; ok {
		return name
	}
	if number, ok := strings.CutPrefix(userID, "U0N"); ok {
		return "Person " + number
	}
	return "someone"
}

func order(userID, drink string) *runv1.Order {
	return &runv1.Order{UserId: userID, Drink: drink, Quantity: 1, PlacedAt: timestamppb.New(now), ChangedAt: timestamppb.New(now)}
}

// three are the orders of the examples.
func three() []*runv1.Order {
	return []*runv1.Order{order("U0ANA", "Flat white"), order("U0BEN", "Earl Grey"), order("U0CEM", " flat  WHITE")}
}

// crowd are n orders: every tenth is a flat white, the others are drinks with their number in it.
func crowd(n int, drink string) []*runv1.Order {
	var orders []*runv1.Order
	for i := range n {
		o := order(fmt.Sprintf("U0N%d", i+1), strings.ReplaceAll(drink, "#", fmt.Sprintf("#%03d", i+1)))
		if i%10 == 0 {
			o.Drink = "Flat white"
		}
		orders = append(orders, o)
	}
	return orders
}

// longest is a drink of 280 characters.
var longest = "Half-caf oat cortado & cinnamon #, " + strings.Repeat("é", 242)

func run(status runv1.RunStatus, orders ...*runv1.Order) *runv1.Run {
	return &runv1.Run{
		Id: runID, WorkspaceId: "T0TEAM", ChannelId: channelID, Status: status, Version: 7, InitiatorId: "U0ANA",
		StartedAt: timestamppb.New(now.Add(-5 * time.Minute)), PickupAt: timestamppb.New(pickup), Place: "Lobby café", Orders: orders,
	}
}

func open(orders ...*runv1.Order) *runv1.Run {
	return run(runv1.RunStatus_RUN_STATUS_OPEN, orders...)
}

// closed is a run with a runner; an empty one means that one is wanted.
func closed(runnerID string, orders ...*runv1.Order) *runv1.Run {
	r := run(runv1.RunStatus_RUN_STATUS_CLOSED, orders...)
	r.Assignment = &runv1.Assignment{AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_WANTED}
	if runnerID != "" {
		r.Assignment = &runv1.Assignment{
			AssignmentNo: 1, State: runv1.AssignmentState_ASSIGNMENT_STATE_ASSIGNED, RunnerId: runnerID, AssignedAt: timestamppb.New(now),
			Explanation: &runv1.Explanation{
				Rule: runv1.Rule_RULE_RESTED_DEBTOR, BalanceMicros: -1_400_000, Cups: 9, Served: 2, Window: 5, RunnerUpId: "U0CEM",
				RunsSinceServed: new(uint32(7)), Since: timestamppb.New(now.AddDate(0, -1, -20)),
			},
		}
	}
	return r
}

func ended(status runv1.RunStatus, reason runv1.EndReason, orders ...*runv1.Order) *runv1.Run {
	r := run(status, orders...)
	r.EndReason = reason
	return r
}

func settings() *runv1.ChannelSettings {
	return &runv1.ChannelSettings{Enabled: true, Reminders: true, ReminderOffsetMinutes: 5, FairnessWindow: 5}
}
