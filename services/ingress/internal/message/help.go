package message

import (
	"strings"
	"time"
)

const help = "*CoffeeBuddy organises coffee runs.* Someone starts one, everybody orders, and whoever's turn it is goes.\n\n" +
	"`/coffee` — start a run, pickup in 30 minutes unless an admin set another time\n" +
	"`/coffee 10:30` — pickup at that time (also `3pm`, `15.30`, `noon`)\n" +
	"`/coffee in 20m` — pickup that long from now (also `in 1h 15m`, `+20`)\n" +
	"`/coffee 3pm Lobby café` — with a place, after the time\n" +
	"`/coffee pickup=10:30 note=\"Lobby café\"` — the same spelled out; each half works alone\n" +
	"`/coffee status`, `close`, `cancel` — the open run\n" +
	"`/coffee usual`, `usual Flat white`, `usual clear` — your drink for one click\n" +
	"`/coffee fairness`, `history` — who owes what, and the latest runs\n" +
	"`/coffee admin` — this channel's settings, for admins\n\n" +
	"Everything else is a button on the run's card. Only the person who started a run, or an admin, can close or cancel it."

// Help answers /coffee help.
func Help() Message { return only("%s", help) }

// Unknown answers words that are no command: help, never a run. One that can be meant for place can be started there by
// one click; empty: none.
func Unknown(place string) Message {
	if place == "" {
		return only("I'm not sure what you mean.").and("%s", help)
	}
	return only("I'm not sure what you mean. A place goes after a time.").and("%s", help).
		with(button(ActionStart, StartValue{Place: place}.String(), "Start a run now, at "+shown(place)))
}

// Usage answers what cannot be understood: the problem in a sentence, and examples that work.
func Usage(problem string, examples ...string) Message {
	return only("%s Example: `/coffee %s`. `/coffee help` shows more.", problem, strings.Join(examples, "` or `/coffee "))
}

// ZoneUnknown answers a time of day from someone whose zone Slack does not tell.
func ZoneUnknown() Message {
	return only("I don't know your time zone right now, so I can't read a time of day. Example: `/coffee in 20m`.")
}

// PastTime answers a time of day that is over and offers the next instant that it can mean. Typed and label are the
// two as their reader writes them.
func PastTime(typed, label string, next time.Time, place string) Message {
	return only("%s is over for today. Did you mean %s? Or try `/coffee in 20m`.", typed, label).
		with(button(ActionStart, StartValue{PickupAt: next.Unix(), Place: place}.String(), "Start for "+label))
}

// StartValue is what a button that starts a run carries.
type StartValue struct {
	PickupAt int64  `json:"at,omitempty"` // Unix seconds; 0: the channel's default
	Place    string `json:"place,omitempty"`
}

func (v StartValue) String() string { return asJSON(v) }
