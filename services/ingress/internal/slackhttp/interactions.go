package slackhttp

import (
	"context"
	"encoding/json"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// interaction is the part of Slack's interaction payloads that is used.
// https://docs.slack.dev/reference/interaction-payloads
type interaction struct {
	Type      string `json:"type"`
	TriggerID string `json:"trigger_id"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		MessageTS string `json:"message_ts"`
	} `json:"container"`
	Message struct {
		Text   string            `json:"text"`
		Blocks []json.RawMessage `json:"blocks"`
	} `json:"message"`
	ResponseURL string   `json:"response_url"`
	Actions     []action `json:"actions"`
	View        view     `json:"view"`
}

// action is a click on a button, or a choice in a menu.
type action struct {
	ActionID       string `json:"action_id"`
	Value          string `json:"value"`
	ActionTS       string `json:"action_ts"` // when, in Slack's seconds: "1735689600.000100"
	SelectedOption choice `json:"selected_option"`
}

// choice is an option that was chosen.
type choice struct {
	Value string `json:"value"`
}

// view is a submitted form.
type view struct {
	ID              string `json:"id"`
	Type            string `json:"type"` // modal or home
	Hash            string `json:"hash"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	State           struct {
		Values map[string]map[string]struct {
			Value           string   `json:"value"`
			SelectedOptions []choice `json:"selected_options"`
			SelectedOption  choice   `json:"selected_option"`
			SelectedUsers   []string `json:"selected_users"`
		} `json:"values"` // by block_id and action_id
	} `json:"state"`
}

// submitted answers a submitted form: errors stay inside it, an empty answer closes it.
func (s *Server) submitted(ctx context.Context, in interaction) (any, error) {
	if in.View.ID == "" {
		return nil, errBad
	}
	switch in.View.CallbackID {
	case message.CallbackSettings:
		return s.savesSettings(ctx, in)
	case message.CallbackUsual:
		return s.savesUsual(ctx, in)
	case message.CallbackReset:
		return s.resets(ctx, in)
	default:
		return s.ordered(ctx, in)
	}
}

// interaction answers clicks and submitted forms.
func (s *Server) interaction(ctx context.Context, payload []byte) (any, error) {
	var in interaction
	if err := json.Unmarshal(payload, &in); err != nil || in.User.ID == "" || in.Type == "" {
		return nil, errBad
	}
	switch in.Type {
	case "block_actions":
		if in.View.ID != "" {
			return nil, s.clickedInView(ctx, in)
		}
		return nil, s.clicked(ctx, in)
	case "view_submission":
		return s.submitted(ctx, in)
	default: // shortcuts and closed views ask for nothing
		return nil, nil
	}
}
