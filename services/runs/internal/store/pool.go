package store

import (
	"fmt"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Role is whom every connection of this service acts as.
const Role = "coffeebuddy_runs"

// Pool prepares connections of the store's own to db's database. Left to itself the server plans queries over arrays
// anew each time, which costs more than running them; the store's are written so that one plan is good for all.
func Pool(db *postgres.DB, connections int) (*postgres.DB, error) {
	pool, err := db.Sibling(connections, map[string]string{"plan_cache_mode": "force_generic_plan"})
	if err != nil {
		return nil, fmt.Errorf("pool of the store: %w", err)
	}
	return pool, nil
}
