// Package people knows who is who: names, time zones and what the workspace lets someone do.
package people

import (
	"time"
	_ "time/tzdata" // zones are people's, not the host's
)

// Person is what Slack says of someone.
type Person struct {
	UserID         string
	Name           string         // display name, else full name, else handle
	Zone           *time.Location // nil: unknown
	WorkspaceAdmin bool           // admin or owner
	Bot            bool
	Deactivated    bool
}

// Known is a Person as of a moment.
type Known struct {
	Person
	SeenAt time.Time
}

// Someone is the name of people we know nothing of.
const Someone = "someone"
