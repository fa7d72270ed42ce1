package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Ack is how the app took a command or a click.
type Ack struct {
	Status int    `json:"status"` // of the app's answer; 0: none came
	AckMS  int64  `json:"ack_ms"` // until then, in milliseconds, rounded up
	Error  string `json:"error"`  // empty, operation_timeout or dispatch_failed
}

func (r reply) ack() Ack {
	return Ack{Status: r.status, AckMS: int64(math.Ceil(float64(r.took) / float64(time.Millisecond))), Error: r.err}
}

// command sends what a person typed to the app, and shows what it answered.
func (s *Sim) command(ctx context.Context, base, user, channelID, typed string) (Ack, error) {
	typed = strings.TrimSpace(typed)
	name, text := typed, ""
	if i := strings.IndexFunc(typed, unicode.IsSpace); i >= 0 {
		name, text = typed[:i], strings.TrimSpace(typed[i:])
	}
	if !strings.HasPrefix(name, "/") {
		return Ack{}, badRequest("not_a_command", "a command starts with /")
	}

	s.mu.Lock()
	channel, u, err := s.insider(channelID, user)
	if err != nil {
		s.mu.Unlock()
		return Ack{}, err
	}
	if !slices.Contains(s.st.Workspace.Commands, strings.ToLower(name)) {
		s.slackbot(channelID, user, fmt.Sprintf("`%s` is not a valid command.", name))
		s.mu.Unlock()
		return Ack{}, nil
	}
	h := hook{channel: channelID, user: user}
	fields := map[string]string{
		"token": verificationToken, "team_id": s.st.Workspace.Team.ID, "team_domain": s.st.Workspace.Team.Domain,
		"channel_id": channelID, "channel_name": shownName(channel), "user_id": user, "user_name": u.Name,
		"command": strings.ToLower(name), "text": text, "api_app_id": s.st.Workspace.Bot.AppID, "is_enterprise_install": "false",
		"response_url": s.newHook(base, h), "trigger_id": s.newTrigger(user),
	}
	s.mu.Unlock()

	payload, _ := json.Marshal(fields) // strings: cannot fail
	r := s.deliver(ctx, outgoing{kind: kindCommand, payload: payload})

	s.mu.Lock()
	defer s.mu.Unlock()
	if r.err == "" {
		r.err = s.commandAnswer(&h, r)
	}
	if r.err != "" {
		s.slackbot(channelID, user, fmt.Sprintf("%s failed with the error \"%s\"", name, r.err))
	}
	return r.ack(), nil
}

// commandAnswer shows the body of the app's acknowledgement, if it has one.
func (s *Sim) commandAnswer(h *hook, r reply) (failed string) {
	body := strings.TrimSpace(string(r.body))
	if body == "" {
		return ""
	}
	said := response{Text: body}
	if kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type")); kind == "application/json" {
		said = response{}
		if json.Unmarshal(r.body, &said) != nil {
			return errDispatch
		}
		if said.Text == "" && len(said.Blocks) == 0 && len(said.Attachments) == 0 {
			return "" // {"ok":true}, or only a response_type
		}
	}
	said.ReplaceOriginal, said.DeleteOriginal = false, false
	if s.respond(h, said) != nil {
		return errDispatch
	}
	return ""
}

// slackbot tells one person something. Expects Sim.mu held.
func (s *Sim) slackbot(channel, user, text string) {
	s.post(message{Message: Message{Channel: channel, User: Slackbot, Bot: true, Text: text, Ephemeral: true, To: user}})
}

// insider finds a conversation and a person who is in it. Expects Sim.mu held.
func (s *Sim) insider(channelID, user string) (*Channel, *User, error) {
	channel, u := s.st.Workspace.channel(channelID), s.st.Workspace.user(user)
	switch {
	case u == nil || u.IsBot || u.Deleted:
		return nil, nil, badRequest("user_not_found", "no such person: "+user)
	case channel == nil:
		return nil, nil, badRequest("channel_not_found", "no such channel: "+channelID)
	case !channel.Has(user):
		return nil, nil, badRequest("not_in_channel", u.Called()+" is not in this conversation")
	case channel.IsArchived:
		return nil, nil, badRequest("is_archived", "this channel is archived")
	}
	return channel, u, nil
}

// shownName is the channel_name of commands and interactions.
func shownName(c *Channel) string {
	switch {
	case c.IsIM:
		return "directmessage"
	case c.IsPrivate:
		return "privategroup"
	}
	return c.Name
}
