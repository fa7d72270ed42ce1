package message

import (
	"encoding/json"
	"time"
)

const help = "*CoffeeBuddy organises coffee runs.* Start one, everybody orders, and whoever's turn it is goes.\n\n" +
	"`/coffee` — start a run, pickup in 30 minutes\n" +
	"`/coffee 10:30` — pickup at a time (also `3pm`, `15.30`, `noon`)\n" +
	"`/coffee in 20m` — pickup from now (also `in 1h 15m`, `+20`)\n" +
	"`/coffee 3pm Lobby café` — with a place, after the time\n" +
	"`/coffee help` — this text\n\n" +
	"Everything else is a button on the run's card. Only the person who started a run, or an admin, can close or cancel it."

// Help answers /coffee help.
func Help() Message { return only(help) }

// Unknown answers words that are no command: help, never a run. A run can be started there by one click.
func Unknown(words string) Message {
	m := only("I'm not sure what you mean. A place goes after a time.\n\n%s", help)
	if len([]rune(words)) > 80 {
		return m
	}
	return m.with(button(ActionStart, StartValue{Place: words}.String(), cut("Start a run now, at "+words, 75)))
}

// Usage answers a time that cannot be: the problem in a sentence, and an example that works.
func Usage(problem, example string) Message {
	return only("%s Example: `/coffee %s`", problem, example)
}

// ZoneUnknown answers a time of day from someone whose zone Slack does not tell.
func ZoneUnknown() Message {
	return only("I don't know your time zone right now, so I can't read a time of day. Example: `/coffee in 20m`")
}

// PastTime answers a time of day that is over at now and offers the next instant that it can mean. Both in the reader's zone.
func PastTime(typed string, now, next time.Time, place string) Message {
	label := "Start for " + next.Format("15:04")
	if next.YearDay() != now.YearDay() {
		label = "Start for tomorrow " + next.Format("15:04")
	}
	return only("%s is over for today.", typed).with(button(ActionStart, StartValue{PickupAt: next.Unix(), Place: place}.String(), label))
}

// StartValue is what a button that starts a run carries.
type StartValue struct {
	PickupAt int64  `json:"at,omitempty"` // Unix seconds; 0: the channel's default
	Place    string `json:"place,omitempty"`
}

func (v StartValue) String() string {
	raw, _ := json.Marshal(v) // a number and a string: cannot fail
	return string(raw)
}
