package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
)

const maxMetadata = 8 << 10 // bytes; Slack documents no number below its request limit

// content reads and checks text, blocks, attachments and metadata of a message.
func (s *Sim) content(c *call, maxText int) (m message, err error) {
	m.User, m.Bot = s.st.Workspace.Bot.UserID, true
	m.Text = c.args["text"]
	if m.Text == "" {
		m.Text = c.args["markdown_text"]
	}
	if a := c.args["attachments"]; a != "" && a != "[]" {
		if !json.Valid([]byte(a)) {
			return m, apiErr("invalid_attachments")
		}
		m.Attachments = json.RawMessage(a)
	}
	if b := c.args["blocks"]; b != "" {
		if m.Blocks, err = checkedBlocks(m.Text, json.RawMessage(b), maxText, m.Attachments != nil); err != nil {
			return m, err
		}
	} else if err := validateText(m.Text, maxText, m.Attachments != nil); err != nil {
		return m, err
	}
	m.Metadata, err = metadata(c.args["metadata"])
	return m, err
}

// checkedBlocks validates the blocks of a message and gives them their ids.
func checkedBlocks(text string, raw json.RawMessage, maxText int, hasAttachments bool) (json.RawMessage, error) {
	blocks, err := validateMessage(text, raw, maxText, hasAttachments)
	if err != nil {
		return nil, err
	}
	return withIDs(blocks)
}

func metadata(raw string) (json.RawMessage, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > maxMetadata {
		return nil, apiErr("metadata_too_large")
	}
	var m struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	}
	if json.Unmarshal([]byte(raw), &m) != nil {
		return nil, apiErr("invalid_metadata_format")
	}
	if m.EventType == "" && m.EventPayload == nil {
		return nil, nil // what slack-go sends for "no metadata"
	}
	if m.EventType == "" || m.EventPayload == nil {
		return nil, apiErr("invalid_metadata_schema")
	}
	return json.RawMessage(raw), nil
}

// botChannel finds a conversation the bot can know of: any public channel, and
// the private ones and direct messages it is in.
func (s *Sim) botChannel(id string) (*Channel, error) {
	if id == "" {
		return nil, missingArg("channel")
	}
	c := s.st.Workspace.channel(id)
	if c == nil || !c.visibleTo(s.st.Workspace.Bot.UserID) {
		return nil, apiErr("channel_not_found")
	}
	return c, nil
}

// writable finds a conversation the bot may post in.
func (s *Sim) writable(id string) (*Channel, error) {
	if c := s.st.Workspace.channelNamed(id); c != nil {
		id = c.ID
	} else if u := s.st.Workspace.user(id); u != nil {
		if u.IsBot || u.Deleted {
			return nil, apiErr("channel_not_found")
		}
		im, existed := s.st.Workspace.openIM(u.ID) // posting to a user id opens the direct message
		id = im.ID
		if !existed {
			s.hub.publish(Hint{Kind: "channel", Channel: id, to: im.Members})
		}
	}
	c, err := s.botChannel(id)
	if err != nil {
		return nil, err
	}
	if c.IsArchived {
		return nil, apiErr("is_archived")
	}
	if !c.Has(s.st.Workspace.Bot.UserID) && s.needScopes("chat:write.public") != nil {
		return nil, apiErr("not_in_channel")
	}
	return c, nil
}

func (s *Sim) chatPostMessage(c *call) (object, error) {
	channel, err := s.writable(c.args["channel"])
	if err != nil {
		return nil, err
	}
	if c.has("username") || c.has("icon_emoji") || c.has("icon_url") {
		if err := s.needScopes("chat:write.customize"); err != nil {
			return nil, err
		}
	}
	m, err := s.content(c, maxText)
	if err != nil {
		return nil, err
	}
	m.Channel = channel.ID
	if m.ThreadTS = c.args["thread_ts"]; m.ThreadTS != "" {
		parent := s.st.message(channel.ID, m.ThreadTS)
		if parent == nil || parent.Ephemeral {
			return nil, apiErr("thread_not_found")
		}
		if parent.ThreadTS != "" {
			m.ThreadTS = parent.ThreadTS // a reply to a reply belongs to the same thread
		}
		if c.flag("reply_broadcast") {
			m.Subtype = "thread_broadcast"
		}
	}
	if wait := s.meter.takePost(c.now, channel.ID); wait > 0 {
		return nil, &rateLimited{wait}
	}
	stored := s.post(m)
	c.channel, c.ts = channel.ID, stored.TS
	return object{"channel": channel.ID, "ts": stored.TS, "message": s.apiMessage(stored, true)}, nil
}

// post stores a message and tells the pages. Expects Sim.mu held.
func (s *Sim) post(m message) *message {
	stored := s.st.add(s.cfg.Now(), m)
	s.changedMessage("message", stored)
	return stored
}

func (s *Sim) chatPostEphemeral(c *call) (object, error) {
	channel, err := s.writable(c.args["channel"])
	if err != nil {
		return nil, err
	}
	user := c.args["user"]
	if user == "" {
		return nil, missingArg("user")
	}
	if !channel.Has(user) {
		return nil, apiErr("user_not_in_channel")
	}
	m, err := s.content(c, maxText)
	if err != nil {
		return nil, err
	}
	m.Channel, m.Ephemeral, m.To, m.ThreadTS = channel.ID, true, user, c.args["thread_ts"]
	stored := s.post(m)
	c.channel, c.ts = channel.ID, stored.TS
	return object{"message_ts": stored.TS}, nil
}

// ownMessage finds a message the bot may change.
func (s *Sim) ownMessage(c *call, notOwn string) (*message, error) {
	channel, err := s.botChannel(c.args["channel"])
	if err != nil {
		return nil, err
	}
	if c.args["ts"] == "" {
		return nil, missingArg("ts")
	}
	m := s.st.message(channel.ID, c.args["ts"])
	switch {
	case m == nil || m.Ephemeral: // the Web API does not know ephemeral messages
		return nil, apiErr("message_not_found")
	case m.User != s.st.Workspace.Bot.UserID || m.Subtype == "channel_join" || m.Subtype == "channel_leave":
		return nil, apiErr(notOwn)
	case channel.IsArchived:
		return nil, apiErr("is_inactive")
	}
	return m, nil
}

func (s *Sim) chatUpdate(c *call) (object, error) {
	old, err := s.ownMessage(c, "cant_update_message")
	if err != nil {
		return nil, err
	}
	if !c.has("text") && !c.has("blocks") && !c.has("attachments") && !c.has("markdown_text") {
		return nil, apiErr("no_text")
	}
	next, err := s.content(c, maxUpdateText)
	if err != nil {
		return nil, err
	}
	changed := *old
	changed.Text = next.Text
	if c.has("blocks") { // else the former blocks stay
		changed.Blocks = next.Blocks
	}
	if c.has("attachments") {
		changed.Attachments = next.Attachments
	}
	if next.Metadata != nil {
		changed.Metadata = next.Metadata
	}
	s.edit(&changed)
	return object{"channel": changed.Channel, "ts": changed.TS, "text": changed.Text, "message": s.apiMessage(&changed, true)}, nil
}

// edit stores a changed message and tells the pages. Expects Sim.mu held.
func (s *Sim) edit(m *message) {
	m.Edited = true
	m.EditedTS = fmt.Sprintf("%d.000000", s.cfg.Now().Unix())
	m.States = nil
	s.st.replace(m)
	s.changedMessage("message_changed", m)
}

func (s *Sim) chatDelete(c *call) (object, error) {
	m, err := s.ownMessage(c, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	s.st.remove(m)
	s.changedMessage("message_deleted", m)
	return object{"channel": m.Channel, "ts": m.TS}, nil
}

func (s *Sim) chatGetPermalink(c *call) (object, error) {
	channel, err := s.botChannel(c.args["channel"])
	if err != nil {
		return nil, err
	}
	ts := c.args["message_ts"]
	if ts == "" {
		return nil, missingArg("message_ts")
	}
	if m := s.st.message(channel.ID, ts); m == nil || m.Ephemeral {
		return nil, apiErr("message_not_found")
	}
	// On the simulator itself, so that people can follow it.
	link := fmt.Sprintf("%s/archives/%s/p%s", c.base, channel.ID, strings.Replace(ts, ".", "", 1))
	return object{"channel": channel.ID, "permalink": link}, nil
}

// apiMessage is a message as the Web API and interaction payloads show it.
func (s *Sim) apiMessage(m *message, withMetadata bool) object {
	o := object{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": s.st.Workspace.Team.ID}
	if m.Bot && m.User == s.st.Workspace.Bot.UserID {
		bot := s.st.Workspace.Bot
		o["bot_id"], o["app_id"] = bot.BotID, bot.AppID
		o["bot_profile"] = object{"id": bot.BotID, "app_id": bot.AppID, "name": bot.Name, "team_id": s.st.Workspace.Team.ID}
	}
	if m.Subtype != "" {
		o["subtype"] = m.Subtype
	}
	if m.Blocks != nil {
		o["blocks"] = m.Blocks
	}
	if m.Attachments != nil {
		o["attachments"] = m.Attachments
	}
	if m.Edited {
		o["edited"] = object{"user": m.User, "ts": m.EditedTS}
	}
	if m.ThreadTS != "" {
		o["thread_ts"] = m.ThreadTS
	}
	if m.ReplyCount > 0 {
		o["thread_ts"], o["reply_count"] = m.TS, m.ReplyCount
	}
	if withMetadata && m.Metadata != nil {
		o["metadata"] = m.Metadata
	}
	return o
}
