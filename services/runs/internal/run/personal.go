package run

// PersonalSettings are one person's own, in all channels of the workspace.
type PersonalSettings struct {
	Version          uint64 // 0: never changed
	Reminders        bool   // wants the runner's reminder
	NamedInLastCalls bool
}
