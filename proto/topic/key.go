package topic

// Key is the key of every record about a channel: they are all in one partition of each topic, and so in order.
func Key(workspaceID, channelID string) string { return workspaceID + "/" + channelID }
