package cli

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	fairnessv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/fairness/v1"
	reminderv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/reminder/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

type deadLetter struct {
	List   deadLetterList   `cmd:"" help:"List what nobody has dealt with."`
	Show   deadLetterShow   `cmd:"" help:"Show one in full. It may hold what people typed."`
	Replay deadLetterReplay `cmd:"" help:"Publish some again, to the topic they came from."`
	Drop   deadLetterDrop   `cmd:"" help:"Note that some need nothing more."`
}

// settledHeader marks a record of the dead-letter topic that says which other one has been dealt with, and how.
const settledHeader = "dead-letter-settled"

// letter is a record that could not be handled. Its id is its place in the dead-letter topic.
type letter struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Topic    string    `json:"topic"`
	Place    string    `json:"place"` // in that topic: partition@offset
	Consumer string    `json:"consumer"`
	Type     string    `json:"type"`
	Channel  string    `json:"channel"` // the key
	Reason   string    `json:"reason"`
	Ref      string    `json:"ref"`
	record   *bus.Record
}

func newLetter(r *bus.Record) letter {
	h := r.Headers
	at, err := time.Parse(time.RFC3339Nano, h["dead-letter-time"])
	if err != nil {
		at = r.Published
	}
	return letter{
		ID: fmt.Sprintf("%d@%d", r.Partition, r.Offset), At: at, Topic: h["dead-letter-topic"],
		Place: h["dead-letter-partition"] + "@" + h["dead-letter-offset"], Consumer: h["dead-letter-consumer"],
		Type: short(r.Type), Channel: r.Key, Reason: h["dead-letter-reason"], Ref: refOf(h), record: r,
	}
}

// short is a message's type without its package.
func short(ceType string) string { return ceType[strings.LastIndexByte(ceType, '.')+1:] }

// refOf is the beginning of a trace's id.
func refOf(headers map[string]string) string {
	if parts := strings.Split(headers["traceparent"], "-"); len(parts) == 4 && len(parts[1]) == 32 {
		return parts[1][:8]
	}
	return ""
}

// letters reads the dead-letter topic: what was put there since, oldest first, without what has been dealt with.
func letters(e *env, since time.Time) ([]letter, error) {
	client, err := e.kafka()
	if err != nil {
		return nil, err
	}
	all, settled := map[string]letter{}, map[string]bool{}
	err = client.Scan(e.ctx, since, []string{topic.DeadLetter}, func(r *bus.Record) error {
		if id := r.Headers[settledHeader]; id != "" {
			settled[id] = true
			return nil
		}
		l := newLetter(r)
		all[l.ID] = l
		return nil
	})
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(id string, _ letter) bool { return settled[id] })
	return slices.SortedFunc(maps.Values(all), func(a, b letter) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID))
	}), nil
}

type deadLetterList struct {
	Since time.Duration `help:"How far to look back." default:"720h"`
}

// Run implements the command.
func (d *deadLetterList) Run(e *env) error {
	all, err := letters(e, e.now().Add(-d.Since))
	if err != nil {
		return err
	}
	if len(all) == 0 && !e.json {
		fmt.Fprintln(e.out, "None.")
		return nil
	}
	var rows [][]string
	for _, l := range all {
		rows = append(rows, []string{l.ID, l.At.Format(time.RFC3339), l.Consumer, l.Type, l.Channel, l.Ref, oneLine(l.Reason, 80)})
	}
	return e.print(all, "ID\tWHEN\tCONSUMER\tTYPE\tCHANNEL\tREF\tREASON", rows)
}

func oneLine(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

type chosen struct {
	IDs []string `arg:"" name:"id" help:"As in the list: PARTITION@OFFSET. all: every one of them."`
}

var letterID = regexp.MustCompile(`^\d+@\d+$`)

func (c chosen) of(all []letter) ([]letter, error) {
	if len(c.IDs) == 1 && c.IDs[0] == "all" {
		return all, nil
	}
	var some []letter
	for _, id := range c.IDs {
		if !letterID.MatchString(id) {
			return nil, fmt.Errorf("%q is not an id (example: 3@17)", id)
		}
		at := slices.IndexFunc(all, func(l letter) bool { return l.ID == id })
		if at < 0 {
			return nil, fmt.Errorf("%s is not among the dead letters, or has been dealt with", id)
		}
		some = append(some, all[at])
	}
	return some, nil
}

type deadLetterShow struct{ chosen }

// Run implements the command.
func (d *deadLetterShow) Run(e *env) error {
	all, err := letters(e, time.Time{})
	if err != nil {
		return err
	}
	some, err := d.of(all)
	if err != nil {
		return err
	}
	for _, l := range some {
		fmt.Fprintf(e.out, "%s  %s from %s %s, given up by %s at %s\nreason: %s\n", l.ID, l.Type, l.Topic, l.Place, l.Consumer, l.At.Format(time.RFC3339), l.Reason)
		for _, name := range slices.Sorted(maps.Keys(l.record.Headers)) {
			if !strings.HasPrefix(name, "dead-letter-") {
				fmt.Fprintf(e.out, "%s: %s\n", name, l.record.Headers[name])
			}
		}
		fmt.Fprintf(e.out, "%s\n\n", readable(l.Topic, l.record.Value))
	}
	return nil
}

// readable is a record's envelope as JSON, or its bytes where it is none.
func readable(name string, value []byte) string {
	envelopes := map[string]proto.Message{
		topic.Commands: &commandv1.Command{}, topic.RunEvents: &runv1.RunEvent{},
		topic.FairnessEvents: &fairnessv1.FairnessEvent{}, topic.ReminderEvents: &reminderv1.ReminderEvent{},
	}
	if envelope := envelopes[name]; envelope != nil && proto.Unmarshal(value, envelope) == nil {
		return protojson.Format(envelope)
	}
	return strconv.QuoteToASCII(string(value))
}

type deadLetterReplay struct{ chosen }

// Run implements the command.
func (d *deadLetterReplay) Run(e *env) error {
	return d.settle(e, "replayed", func(client *bus.Client, l letter) error {
		m := l.record.Message
		m.Topic = l.Topic
		m.Headers = maps.Clone(m.Headers)
		maps.DeleteFunc(m.Headers, func(name, _ string) bool { return strings.HasPrefix(name, "dead-letter-") })
		if m.Topic == "" || m.ID == "" || m.Type == "" {
			return fmt.Errorf("%s does not say what it was: drop it", l.ID)
		}
		return client.Publish(e.ctx, m)
	})
}

type deadLetterDrop struct{ chosen }

// Run implements the command.
func (d *deadLetterDrop) Run(e *env) error {
	return d.settle(e, "dropped", func(*bus.Client, letter) error { return nil })
}

// settle does something with the chosen ones and notes that it was done.
func (c chosen) settle(e *env, how string, do func(*bus.Client, letter) error) error {
	all, err := letters(e, time.Time{})
	if err != nil {
		return err
	}
	some, err := c.of(all)
	if err != nil {
		return err
	}
	client, err := e.kafka()
	if err != nil {
		return err
	}
	for _, l := range some {
		if err := do(client, l); err != nil {
			return err
		}
		note := bus.Message{
			Topic: topic.DeadLetter, Key: l.Channel, ID: "settled-" + l.ID, Type: "coffeebuddy.deadletter.Settled",
			Headers: map[string]string{settledHeader: l.ID, "dead-letter-how": how},
		}
		if err := client.Publish(e.ctx, note); err != nil {
			return fmt.Errorf("%s was %s, but that could not be noted: %w", l.ID, how, err)
		}
		fmt.Fprintln(e.out, l.ID, how)
	}
	return nil
}
