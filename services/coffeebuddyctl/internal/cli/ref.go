package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/coffeebuddyctl/internal/store"
)

type ref struct {
	Ref   string        `arg:"" help:"Eight characters, as its user was shown (ref 4bf92f35), or a whole trace id."`
	Since time.Duration `help:"How far to look back." default:"168h"`
}

var anyRef = regexp.MustCompile(`^[0-9a-f]{8}([0-9a-f]{24})?$`)

// step is something that happened to a click.
type step struct {
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	What    string    `json:"what"`
	Where   string    `json:"where"`
	Trouble string    `json:"trouble,omitempty"` // what is wrong with it; empty: nothing
}

// Run implements the command.
func (r *ref) Run(e *env) error {
	if !anyRef.MatchString(r.Ref) {
		return fmt.Errorf("%q is not a ref (example: 4bf92f35)", r.Ref)
	}
	db, err := e.store()
	if err != nil {
		return err
	}
	client, err := e.kafka()
	if err != nil {
		return err
	}
	all, err := topic.All()
	if err != nil {
		return err
	}
	positions, err := db.Positions(e.ctx)
	if err != nil {
		return err
	}
	var steps []step
	var names []string
	consumers := map[string][]string{}
	for _, t := range all {
		names, consumers[t.Name] = append(names, t.Name), t.Consumers
	}
	err = client.Scan(e.ctx, e.now().Add(-r.Since), names, func(record *bus.Record) error {
		if strings.HasPrefix(traceOf(record.Headers), r.Ref) {
			steps = append(steps, published(record, consumers[record.Topic], positions))
		}
		return nil
	})
	if err != nil {
		return err
	}
	known, err := db.Ref(e.ctx, r.Ref)
	if err != nil {
		return err
	}
	for _, k := range known {
		steps = append(steps, step{At: k.At, Service: k.Service, What: k.What, Where: k.Where, Trouble: k.Trouble})
	}
	if len(steps) == 0 {
		return fmt.Errorf("nothing is known of %s: it is older than --since %s, or ingress could not reach Kafka at all (its log has the ref as the beginning of trace_id)", r.Ref, r.Since)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Where, b.Where)) })
	var rows [][]string
	for _, s := range steps {
		mark := ""
		if s.Trouble != "" {
			mark = "! " + s.Trouble
		}
		rows = append(rows, []string{s.At.UTC().Format("2006-01-02 15:04:05.000"), s.Service, s.What, s.Where, mark})
	}
	return e.print(steps, "WHEN (UTC)\tSERVICE\tWHAT\tWHERE\t", rows)
}

func traceOf(headers map[string]string) string {
	if parts := strings.Split(headers["traceparent"], "-"); len(parts) == 4 {
		return parts[1]
	}
	return ""
}

// published is the step that a record is.
func published(r *bus.Record, consumers []string, positions map[string]store.Positions) step {
	s := step{At: r.Published, Service: r.Source, What: short(r.Type), Where: r.String()}
	if r.Topic == topic.DeadLetter {
		l := newLetter(r)
		s.Service, s.What, s.Trouble = l.Consumer, "could not handle "+l.Type, "dead letter "+l.ID+": "+oneLine(l.Reason, 120)
		return s
	}
	var waiting []string
	for _, service := range consumers {
		if positions[service].Next(r.Topic, r.Partition) <= r.Offset {
			waiting = append(waiting, service)
		}
	}
	if len(waiting) > 0 {
		s.Trouble = "not read yet by " + strings.Join(waiting, ", ")
	}
	event := &runv1.RunEvent{}
	if r.Topic == topic.RunEvents && proto.Unmarshal(r.Value, event) == nil {
		if rejected := event.GetCommandRejected(); rejected != nil {
			s.What += ", " + word(rejected.GetReason().String(), "REJECT_REASON_")
		} else if run := event.GetRun(); run != nil {
			s.What += fmt.Sprintf(", run %s is %s", run.GetId(), word(run.GetStatus().String(), "RUN_STATUS_"))
		}
	}
	return s
}

// word is an enum's value as a word.
func word(value, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(value, prefix), "_", " "))
}
