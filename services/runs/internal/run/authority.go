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
	return by.User == r.Initiator || by.administers(settings)
}

// administers is the rule who may change a channel: an admin of the workspace, or of the channel.
func (a Actor) administers(settings Settings) bool {
	return a.WorkspaceAdmin || a.User != "" && slices.Contains(settings.Admins, a.User)
}
