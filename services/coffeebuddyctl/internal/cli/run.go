package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

type run struct {
	Show runShow `cmd:"" help:"Show a run as each service knows it, without what people drink."`
}

type runShow struct {
	ID string `arg:"" help:"The run's id, as in logs (run_id)."`
}

// Run implements the command.
func (r *runShow) Run(e *env) error {
	if uuid.Validate(r.ID) != nil {
		return fmt.Errorf("%q is not a run's id (example: 0197a000-0000-7000-8000-000000000001)", r.ID)
	}
	db, err := e.store()
	if err != nil {
		return err
	}
	known, err := db.Run(e.ctx, r.ID)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return errors.New("no service knows that run")
	}
	var rows [][]string
	for _, k := range known {
		at := "-"
		if k.At != nil {
			at = k.At.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{k.Service, k.What, at, k.State})
	}
	return e.print(known, "SERVICE\tWHAT\tWHEN\tSTATE", rows)
}
