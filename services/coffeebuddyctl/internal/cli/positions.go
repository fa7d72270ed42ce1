package cli

import (
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

type positions struct {
	Skip positionsSkip `cmd:"" help:"Have all services go on at the ends of their topics, after a backup of the database was restored: what happened since is forgotten by all alike. Stop the services first."`
}

type positionsSkip struct{}

// Run implements the command.
func (*positionsSkip) Run(e *env) error {
	all, err := topic.All()
	if err != nil {
		return err
	}
	admin, err := e.admin()
	if err != nil {
		return err
	}
	db, err := e.store()
	if err != nil {
		return err
	}
	skipped, err := lags(e)
	if err != nil {
		return err
	}
	services := map[string][]string{}
	for _, t := range all {
		for _, service := range t.Consumers {
			services[service] = append(services[service], t.Name)
		}
	}
	for service, topics := range services {
		ends, err := admin.Ends(e.ctx, topics...)
		if err != nil {
			return err
		}
		if err := db.Move(e.ctx, service, ends); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, b := range skipped {
		rows = append(rows, []string{b.Service, b.Topic, fmt.Sprint(b.Records)})
	}
	return e.print(skipped, "SERVICE\tTOPIC\tSKIPPED", rows)
}
