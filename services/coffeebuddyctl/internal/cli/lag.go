package cli

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

type lag struct{}

// behind is how far a service is behind a topic.
type behind struct {
	Service string `json:"service"`
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
}

// Run implements the command.
func (*lag) Run(e *env) error {
	all, err := lags(e)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, b := range all {
		rows = append(rows, []string{b.Service, b.Topic, fmt.Sprint(b.Records)})
	}
	return e.print(all, "SERVICE\tTOPIC\tBEHIND", rows)
}

func lags(e *env) ([]behind, error) {
	all, err := topic.All()
	if err != nil {
		return nil, err
	}
	admin, err := e.admin()
	if err != nil {
		return nil, err
	}
	db, err := e.store()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	ends, err := admin.Ends(e.ctx, names...)
	if err != nil {
		return nil, err
	}
	positions, err := db.Positions(e.ctx)
	if err != nil {
		return nil, err
	}
	var lags []behind
	for _, t := range all {
		for _, service := range t.Consumers {
			b := behind{Service: service, Topic: t.Name}
			for n, end := range ends[t.Name] {
				b.Records += max(0, end-positions[service].Next(t.Name, n))
			}
			lags = append(lags, b)
		}
	}
	slices.SortFunc(lags, func(a, b behind) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Topic, b.Topic)) })
	return lags, nil
}

type outbox struct{}

// Run implements the command.
func (*outbox) Run(e *env) error {
	db, err := e.store()
	if err != nil {
		return err
	}
	all, err := db.Outboxes(e.ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, o := range all {
		oldest := "-"
		if o.Oldest != nil {
			oldest = o.Oldest.Format(time.RFC3339)
		}
		rows = append(rows, []string{o.Service, fmt.Sprint(o.Events), oldest, fmt.Sprint(o.Channels)})
	}
	return e.print(all, "SERVICE\tUNPUBLISHED\tOLDEST\tCHANNELS", rows)
}
