package run

import "slices"

// Actor is the person who asks, with what the edge knows of them. The zero Actor is the product itself.
type Actor struct {
	User           UserID
	WorkspaceAdmin bool // admin or owner of the workspace
}

// mayEnd is the rule "only the initiator or an admin may close or cancel a run":
// the person who started it, an admin of the workspace, or an admin of the channel.
func (r *Run) mayEnd(by Actor, settings Settings) bool {
	return by.User == r.Initiator || by.WorkspaceAdmin || slices.Contains(settings.Admins, by.User)
}
