package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
)

// viewStack is how many modals one person can have on top of each other.
const viewStack = 3

// View is a modal or a Home tab, in Slack's own shape.
type View struct {
	ID                 string          `json:"id"`
	TeamID             string          `json:"team_id"`
	Type               string          `json:"type"` // modal or home
	Title              *Text           `json:"title"`
	Submit             *Text           `json:"submit"`
	Close              *Text           `json:"close"`
	Blocks             json.RawMessage `json:"blocks"`
	PrivateMetadata    string          `json:"private_metadata"`
	CallbackID         string          `json:"callback_id"`
	ExternalID         string          `json:"external_id"`
	State              ViewState       `json:"state"`
	Hash               string          `json:"hash"`
	ClearOnClose       bool            `json:"clear_on_close"`
	NotifyOnClose      bool            `json:"notify_on_close"`
	SubmitDisabled     bool            `json:"submit_disabled,omitempty"`
	RootViewID         string          `json:"root_view_id"`
	PreviousViewID     *string         `json:"previous_view_id"`
	AppID              string          `json:"app_id"`
	BotID              string          `json:"bot_id"`
	AppInstalledTeamID string          `json:"app_installed_team_id"`
}

// ViewState is what a person entered.
type ViewState struct {
	Values Values `json:"values"`
}

// Values is block_id → action_id → what was entered there.
type Values map[string]map[string]Value

// Value is one field: type, and value or selected_… as Slack names them.
type Value map[string]any

// Text is a Block Kit text object.
type Text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    bool   `json:"emoji,omitempty"`
	Verbatim bool   `json:"verbatim,omitempty"`
}

// view is a View and whose it is; replaced, never changed, once stored.
type view struct {
	View
	User string `json:"user"`
}

// newView builds what Slack stores from what an app sent. The argument was validated.
func (st *state) newView(user string, sent json.RawMessage) (*view, error) {
	v := &view{User: user}
	if err := json.Unmarshal(sent, &v.View); err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	decoded, err := decodeBlocks(v.Blocks)
	if err != nil {
		return nil, err
	}
	blocks, err := withIDs(decoded)
	if err != nil {
		return nil, err
	}
	bot := st.Workspace.Bot
	v.Blocks = blocks
	v.ID = st.nextID("V")
	v.TeamID, v.AppInstalledTeamID = st.Workspace.Team.ID, st.Workspace.Team.ID
	v.AppID, v.BotID = bot.AppID, bot.BotID
	v.RootViewID = v.ID
	v.Hash = fmt.Sprintf("%d.%08x", st.LastTS/1e6, st.LastID)
	v.State = ViewState{Values: stateOf(blocks, nil)}
	return v, nil
}

// successor is next in the place of v: same identity, and what was typed stays
// where block_id and action_id are the same.
func (v *view) successor(next *view) *view {
	next.ID, next.RootViewID, next.PreviousViewID = v.ID, v.RootViewID, v.PreviousViewID
	if next.ExternalID == "" {
		next.ExternalID = v.ExternalID
	}
	next.State.Values = stateOf(next.Blocks, v.State.Values)
	return next
}

func (st *state) top(user string) *view {
	stack := st.Modals[user]
	if len(stack) == 0 {
		return nil
	}
	return stack[len(stack)-1]
}

// findView finds an open modal or a home by id or external id.
func (st *state) findView(id, external string) *view {
	match := func(v *view) bool {
		return v != nil && (id != "" && v.ID == id || id == "" && external != "" && v.ExternalID == external)
	}
	for _, stack := range st.Modals {
		for _, v := range stack {
			if match(v) {
				return v
			}
		}
	}
	for _, v := range st.Homes {
		if match(v) {
			return v
		}
	}
	return nil
}

func (st *state) replaceView(v *view) {
	if v.Type == "home" {
		st.Homes[v.User] = v
		return
	}
	for i, old := range st.Modals[v.User] {
		if old.ID == v.ID {
			st.Modals[v.User][i] = v
		}
	}
}

// pushView puts v on top of the user's stack.
func (st *state) pushView(v *view) error {
	stack := st.Modals[v.User]
	if len(stack) >= viewStack {
		return apiErr("push_limit_reached")
	}
	if len(stack) > 0 {
		v.RootViewID = stack[0].ID
		previous := stack[len(stack)-1].ID
		v.PreviousViewID = &previous
	}
	st.Modals[v.User] = append(stack, v)
	return nil
}

// closeView takes v off the stack, with all that lie on it, and those below too
// if all is set. It returns the closed views, topmost first.
func (st *state) closeView(v *view, all bool) []*view {
	stack := st.Modals[v.User]
	from := slices.IndexFunc(stack, func(o *view) bool { return o.ID == v.ID })
	if from < 0 {
		return nil
	}
	if all {
		from = 0
	}
	closed := slices.Clone(stack[from:])
	slices.Reverse(closed)
	if from == 0 {
		delete(st.Modals, v.User)
	} else {
		st.Modals[v.User] = slices.Clone(stack[:from])
	}
	return closed
}
