package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
)

// Action is a click, or a choice made, in a message or a view.
type Action struct {
	User     string `json:"user"`
	Channel  string `json:"channel,omitempty"`
	TS       string `json:"ts,omitempty"`
	ViewID   string `json:"view_id,omitempty"`
	BlockID  string `json:"block_id,omitempty"` // may be left out when the action_id is unique
	ActionID string `json:"action_id"`
	// What was chosen or typed, for everything but buttons. Value is enough for options: it is looked up.
	Value                 *string  `json:"value,omitempty"`
	SelectedOption        object   `json:"selected_option,omitempty"`
	SelectedOptions       []object `json:"selected_options,omitempty"`
	SelectedUser          string   `json:"selected_user,omitempty"`
	SelectedUsers         []string `json:"selected_users,omitempty"`
	SelectedConversation  string   `json:"selected_conversation,omitempty"`
	SelectedConversations []string `json:"selected_conversations,omitempty"`
	SelectedChannel       string   `json:"selected_channel,omitempty"`
	SelectedChannels      []string `json:"selected_channels,omitempty"`
	SelectedDate          string   `json:"selected_date,omitempty"`
	SelectedTime          string   `json:"selected_time,omitempty"`
	SelectedDateTime      int64    `json:"selected_date_time,omitempty"`
	// Values is what stands in the fields of the view meanwhile: it is part of the view's state.
	Values Values `json:"values,omitempty"`
}

// chosen is the answer in the terms of the element's type.
func (a *Action) chosen(element object) (any, error) {
	f := fields[str(element, "type")]
	if str(element, "type") == "overflow" {
		f.name = "selected_option"
	}
	asMap := object{}
	raw, _ := json.Marshal(a)
	_ = json.Unmarshal(raw, &asMap)
	value := asMap[f.name]
	known := func(o object) (object, error) {
		if str(element, "type") == "external_select" || str(element, "type") == "multi_external_select" {
			return o, nil
		}
		if found := optionOf(element, str(o, "value")); found != nil {
			return found, nil
		}
		return nil, badRequest("option_not_found", "there is no such option")
	}
	switch f.name {
	case "selected_option":
		option := a.SelectedOption
		if option == nil && a.Value != nil {
			option = object{"value": *a.Value}
		}
		if option == nil {
			return nil, nil
		}
		return known(option)
	case "selected_options":
		options := []any{}
		for _, o := range a.SelectedOptions {
			found, err := known(o)
			if err != nil {
				return nil, err
			}
			options = append(options, found)
		}
		return options, nil
	}
	if value == nil && a.Value != nil && !f.many() {
		value = *a.Value
	}
	if value == nil && f.many() {
		value = []any{}
	}
	return emptyIsNothing(value), nil
}

// action sends block_actions to the app.
func (s *Sim) action(ctx context.Context, base string, a Action) (Ack, error) {
	s.mu.Lock()
	payload, err := s.actionPayload(base, a)
	s.mu.Unlock()
	if err != nil {
		return Ack{}, err
	}
	return s.interact(ctx, payload).ack(), nil
}

func (s *Sim) interact(ctx context.Context, payload object) reply {
	raw, _ := json.Marshal(payload)
	return s.deliver(ctx, outgoing{kind: kindInteraction, payload: raw})
}

// payload has what all interactions share. Expects Sim.mu held.
func (s *Sim) payload(kind string, u *User) object {
	w := &s.st.Workspace
	return object{
		"type": kind, "token": verificationToken, "api_app_id": w.Bot.AppID, "enterprise": nil, "is_enterprise_install": false,
		"team": object{"id": w.Team.ID, "domain": w.Team.Domain},
		"user": object{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": w.Team.ID},
	}
}

// actionPayload expects Sim.mu held.
func (s *Sim) actionPayload(base string, a Action) (object, error) {
	u := s.st.Workspace.user(a.User)
	if u == nil || u.IsBot || u.Deleted {
		return nil, badRequest("user_not_found", "no such person: "+a.User)
	}
	p := s.payload("block_actions", u)
	var blocks json.RawMessage
	var m *message
	var v *view
	if a.ViewID != "" {
		if v = s.st.findView(a.ViewID, ""); v == nil || v.User != a.User {
			return nil, badRequest("view_not_found", "this view is not open")
		}
		blocks = v.Blocks
	} else {
		channel, _, err := s.insider(a.Channel, a.User)
		if err != nil {
			return nil, err
		}
		if m = s.st.message(a.Channel, a.TS); m == nil || !m.visibleTo(a.User) {
			return nil, badRequest("message_not_found", "this message is gone")
		}
		blocks = m.Blocks
		p["channel"] = object{"id": channel.ID, "name": shownName(channel)}
	}

	block, element := findElement(blocks, a.BlockID, a.ActionID)
	if element == nil {
		return nil, badRequest("action_not_found", fmt.Sprintf("there is no %q here", a.ActionID))
	}
	kind := str(element, "type")
	blockID := str(block, "block_id")
	if str(block, "type") == "input" && !flag(block, "dispatch_action") {
		return nil, badRequest("action_not_found", "this field does not dispatch actions")
	}
	act := object{"type": kind, "action_id": a.ActionID, "block_id": blockID, "action_ts": s.st.nextTS(s.cfg.Now())}
	entered := Values{}
	switch kind {
	case "button", "workflow_button", "icon_button", "feedback_buttons":
		for _, key := range []string{"text", "value", "style", "url"} {
			if element[key] != nil {
				act[key] = element[key]
			}
		}
	default:
		chosen, err := a.chosen(element)
		if err != nil {
			return nil, err
		}
		name := fields[kind].name
		if kind == "overflow" {
			name = "selected_option"
		} else {
			entered = Values{blockID: {a.ActionID: Value{"type": kind, name: chosen}}}
		}
		act[name] = chosen
	}
	p["actions"] = []object{act}
	p["trigger_id"] = s.newTrigger(a.User)

	if v != nil {
		next := *v
		next.State.Values = stateOf(v.Blocks, v.State.Values).merge(a.Values).merge(entered)
		s.st.replaceView(&next)
		s.dirty = true
		p["view"] = next.View
		p["container"] = object{"type": "view", "view_id": v.ID}
		return p, nil
	}
	state := stateOf(m.Blocks, m.States[a.User]).merge(a.Values).merge(entered)
	if len(state) > 0 {
		next := *m
		next.States = map[string]Values{a.User: state}
		for user, old := range m.States {
			if user != a.User {
				next.States[user] = old
			}
		}
		s.st.replace(&next)
		s.dirty = true
	}
	p["state"] = ViewState{Values: state}
	p["container"] = object{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": m.Ephemeral}
	if m.ThreadTS != "" {
		p["container"].(object)["thread_ts"] = m.ThreadTS
	}
	if !m.Ephemeral { // Slack does not show ephemeral messages, not even here
		p["message"] = s.apiMessage(m, true)
	}
	p["response_url"] = s.newHook(base, hook{channel: m.Channel, user: a.User, ts: m.TS})
	return p, nil
}
