package slacksim

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// kind is how Slack's scopes and the types argument call a conversation.
func (c *Channel) kind() (scope, listType string) {
	switch {
	case c.IsIM:
		return "im", "im"
	case c.IsPrivate:
		return "groups", "private_channel"
	}
	return "channels", "public_channel"
}

// readable finds the conversation of a read call and checks the scope its kind needs.
func (s *Sim) readable(c *call, right string) (*Channel, error) {
	channel, err := s.botChannel(c.args["channel"])
	if err != nil {
		return nil, err
	}
	scope, _ := channel.kind()
	return channel, s.needScopes(scope + ":" + right)
}

func (s *Sim) conversationsOpen(c *call) (object, error) {
	if id := c.args["channel"]; id != "" {
		im := s.st.Workspace.channel(id)
		if im == nil || !im.IsIM {
			return nil, apiErr("channel_not_found")
		}
		return object{"channel": s.openedIM(c, *im), "no_op": true, "already_open": true}, nil
	}
	users := strings.FieldsFunc(c.args["users"], func(r rune) bool { return r == ',' || r == ' ' })
	switch len(users) {
	case 0:
		return nil, apiErr("users_list_not_supplied")
	case 1:
	default:
		return nil, apiErr("method_not_supported_for_channel_type") // group messages are not simulated
	}
	u := s.st.Workspace.user(users[0])
	switch {
	case u == nil:
		return nil, apiErr("user_not_found")
	case u.IsBot:
		return nil, apiErr("cannot_dm_bot")
	case u.Deleted:
		return nil, apiErr("user_disabled")
	}
	im, existed := s.st.Workspace.openIM(u.ID)
	c.channel = im.ID
	answer := object{"channel": s.openedIM(c, im)}
	if existed {
		answer["no_op"], answer["already_open"] = true, true
	} else {
		s.hub.publish(Hint{Kind: "channel", Channel: im.ID, to: im.Members})
		s.dirty = true
	}
	return answer, nil
}

func (s *Sim) openedIM(c *call, im Channel) object {
	if c.flag("return_im") {
		return s.apiChannel(&im)
	}
	return object{"id": im.ID}
}

func (s *Sim) conversationsInfo(c *call) (object, error) {
	channel, err := s.readable(c, "read")
	if err != nil {
		return nil, err
	}
	info := s.apiChannel(channel)
	if c.flag("include_num_members") {
		info["num_members"] = len(channel.Members)
	}
	return object{"channel": info}, nil
}

func (s *Sim) apiChannel(c *Channel) object {
	bot := s.st.Workspace.Bot.UserID
	if c.IsIM {
		return object{
			"id": c.ID, "is_im": true, "user": c.IMWith, "is_archived": c.IsArchived, "is_open": true, "created": 1700000000,
			"is_channel": false, "is_group": false, "is_mpim": false, "is_private": true, "context_team_id": s.st.Workspace.Team.ID,
		}
	}
	return object{
		"id": c.ID, "name": c.Name, "name_normalized": c.Name, "is_channel": true, "is_group": false, "is_im": false, "is_mpim": false,
		"is_private": c.IsPrivate, "is_archived": c.IsArchived, "is_general": false, "is_member": c.Has(bot), "created": 1700000000,
		"creator": c.Creator, "is_shared": false, "is_ext_shared": false, "is_org_shared": false, "context_team_id": s.st.Workspace.Team.ID,
		"topic":   object{"value": "", "creator": "", "last_set": 0},
		"purpose": object{"value": "", "creator": "", "last_set": 0},
	}
}

// member is readable, for what only members may read.
func (s *Sim) member(c *call) (*Channel, error) {
	channel, err := s.readable(c, "history")
	if err == nil && !channel.Has(s.st.Workspace.Bot.UserID) {
		return nil, apiErr("not_in_channel")
	}
	return channel, err
}

func (s *Sim) conversationsHistory(c *call) (object, error) {
	channel, err := s.member(c)
	if err != nil {
		return nil, err
	}
	var found []*message
	for _, m := range slices.Backward(s.st.Messages[channel.ID]) {
		if !m.Ephemeral && (m.ThreadTS == "" || m.Subtype == "thread_broadcast") {
			found = append(found, m)
		}
	}
	return s.messagePage(c, found, true)
}

func (s *Sim) conversationsReplies(c *call) (object, error) {
	channel, err := s.member(c)
	if err != nil {
		return nil, err
	}
	if c.args["ts"] == "" {
		return nil, missingArg("ts")
	}
	parent := s.st.message(channel.ID, c.args["ts"])
	if parent == nil || parent.Ephemeral {
		return nil, apiErr("thread_not_found")
	}
	root := cmp.Or(parent.ThreadTS, parent.TS)
	var found []*message
	for _, m := range s.st.Messages[channel.ID] {
		if !m.Ephemeral && (m.TS == root || m.ThreadTS == root) {
			found = append(found, m)
		}
	}
	return s.messagePage(c, found, false)
}

// messagePage applies oldest, latest, inclusive, limit and cursor.
func (s *Sim) messagePage(c *call, found []*message, countFromLatest bool) (object, error) {
	oldest, latest, inclusive := c.args["oldest"], c.args["latest"], c.flag("inclusive")
	for name, ts := range map[string]string{"oldest": oldest, "latest": latest} {
		if _, err := strconv.ParseFloat(cmp.Or(ts, "0"), 64); err != nil {
			return nil, apiErr("invalid_ts_" + name)
		}
	}
	found = slices.DeleteFunc(slices.Clone(found), func(m *message) bool {
		from, to := compareTS(m.TS, oldest), compareTS(m.TS, latest)
		outside := oldest != "" && from < 0 || latest != "" && to > 0
		edge := oldest != "" && from == 0 || latest != "" && to == 0
		return outside || edge && !inclusive
	})
	part, next, err := page(c, found)
	if err != nil {
		return nil, err
	}
	messages := make([]object, 0, len(part))
	for _, m := range part {
		messages = append(messages, s.apiMessage(m, c.flag("include_all_metadata")))
	}
	answer := object{"messages": messages, "has_more": next != "", "response_metadata": object{"next_cursor": next}}
	if countFromLatest {
		answer["pin_count"] = 0
		if latest != "" {
			answer["latest"] = latest
		}
	}
	return answer, nil
}

// compareTS compares a message's ts with a time argument, which may have fewer digits.
func compareTS(ts, arg string) int {
	seconds, micros, _ := strings.Cut(arg, ".")
	micros = (micros + "000000")[:6]
	whole, _ := strconv.ParseInt(seconds, 10, 64)
	own, ownMicros, _ := strings.Cut(ts, ".")
	ownWhole, _ := strconv.ParseInt(own, 10, 64)
	return cmp.Or(cmp.Compare(ownWhole, whole), cmp.Compare(ownMicros, micros))
}

// page cuts items by limit and cursor; next is empty on the last page.
func page[T any](c *call, items []T) (part []T, next string, err error) {
	limit, start := 100, 0
	if l := c.args["limit"]; l != "" {
		if limit, err = strconv.Atoi(l); err != nil || limit < 0 {
			return nil, "", apiErr("invalid_limit")
		}
		if limit == 0 {
			limit = 100
		}
		limit = min(limit, 999)
	}
	if cursor := c.args["cursor"]; cursor != "" {
		raw, decodeErr := base64.StdEncoding.DecodeString(cursor)
		start, err = strconv.Atoi(strings.TrimPrefix(string(raw), "next:"))
		if decodeErr != nil || err != nil || start < 0 {
			return nil, "", apiErr("invalid_cursor")
		}
	}
	start = min(start, len(items))
	end := min(start+limit, len(items))
	if end < len(items) {
		next = base64.StdEncoding.EncodeToString([]byte("next:" + strconv.Itoa(end)))
	}
	return items[start:end], next, nil
}

func (s *Sim) conversationsMembers(c *call) (object, error) {
	channel, err := s.readable(c, "read")
	if err != nil {
		return nil, err
	}
	members, next, err := page(c, slices.Clone(channel.Members))
	if err != nil {
		return nil, err
	}
	return object{"members": members, "response_metadata": object{"next_cursor": next}}, nil
}

func (s *Sim) conversationsList(c *call) (object, error) {
	return s.listChannels(c, func(ch *Channel) bool { return ch.visibleTo(s.st.Workspace.Bot.UserID) })
}

func (s *Sim) usersConversations(c *call) (object, error) {
	user := cmp.Or(c.args["user"], s.st.Workspace.Bot.UserID)
	if s.st.Workspace.user(user) == nil {
		return nil, apiErr("user_not_found")
	}
	return s.listChannels(c, func(ch *Channel) bool { return ch.Has(user) && ch.visibleTo(s.st.Workspace.Bot.UserID) })
}

func (s *Sim) listChannels(c *call, want func(*Channel) bool) (object, error) {
	types := strings.Split(cmp.Or(strings.ReplaceAll(c.args["types"], " ", ""), "public_channel"), ",")
	for _, t := range types {
		scope, ok := map[string]string{"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}[t]
		if !ok {
			return nil, apiErr("invalid_types")
		}
		if err := s.needScopes(scope); err != nil {
			return nil, err
		}
	}
	var found []object
	for i := range s.st.Workspace.Channels {
		ch := &s.st.Workspace.Channels[i]
		_, kind := ch.kind()
		if slices.Contains(types, kind) && want(ch) && !(ch.IsArchived && c.flag("exclude_archived")) {
			found = append(found, s.apiChannel(ch))
		}
	}
	part, next, err := page(c, found)
	if err != nil {
		return nil, err
	}
	return object{"channels": append([]object{}, part...), "response_metadata": object{"next_cursor": next}}, nil
}
