package slacksim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// object is a decoded block, element or composition object.
type object = map[string]any

func str(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

func obj(o object, key string) object {
	v, _ := o[key].(object)
	return v
}

func list(o object, key string) []object {
	items, _ := o[key].([]any)
	out := make([]object, 0, len(items))
	for _, item := range items {
		if v, ok := item.(object); ok {
			out = append(out, v)
		}
	}
	return out
}

func flag(o object, key string) bool {
	v, _ := o[key].(bool)
	return v
}

// decodeBlocks reads a Block Kit array; null and nothing are no blocks.
func decodeBlocks(raw json.RawMessage) ([]object, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var blocks []object
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&blocks); err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	return blocks, nil
}

// withIDs gives every block and interactive element the id Slack would give it.
func withIDs(blocks []object) (json.RawMessage, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	for _, b := range blocks {
		if str(b, "block_id") == "" {
			b["block_id"] = randomID()
		}
		for _, e := range elementsOf(b) {
			if interactive[str(e, "type")] && str(e, "action_id") == "" {
				e["action_id"] = randomID()
			}
		}
	}
	return json.Marshal(blocks)
}

func randomID() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	id := make([]byte, 5)
	for i := range id {
		id[i] = letters[rand.IntN(len(letters))]
	}
	return string(id)
}

// elementsOf lists what can be pressed or filled in within a block.
func elementsOf(block object) []object {
	switch str(block, "type") {
	case "actions", "context_actions":
		return list(block, "elements")
	case "section":
		if accessory := obj(block, "accessory"); accessory != nil {
			return []object{accessory}
		}
	case "input":
		if element := obj(block, "element"); element != nil {
			return []object{element}
		}
	}
	return nil
}

// interactive element types send block_actions and have an action_id.
var interactive = map[string]bool{
	"button": true, "overflow": true, "workflow_button": true, "icon_button": true, "feedback_buttons": true,
	"static_select": true, "external_select": true, "users_select": true, "conversations_select": true, "channels_select": true,
	"multi_static_select": true, "multi_external_select": true, "multi_users_select": true,
	"multi_conversations_select": true, "multi_channels_select": true,
	"checkboxes": true, "radio_buttons": true, "datepicker": true, "timepicker": true, "datetimepicker": true,
	"plain_text_input": true, "number_input": true, "email_text_input": true, "url_text_input": true,
	"rich_text_input": true, "file_input": true,
}

// field describes how an element type's answer is called in state and actions,
// and the property of the element that holds its initial answer.
type field struct{ name, initial string }

var fields = map[string]field{
	"plain_text_input":           {"value", "initial_value"},
	"number_input":               {"value", "initial_value"},
	"email_text_input":           {"value", "initial_value"},
	"url_text_input":             {"value", "initial_value"},
	"rich_text_input":            {"rich_text_value", "initial_value"},
	"file_input":                 {"files", ""},
	"static_select":              {"selected_option", "initial_option"},
	"external_select":            {"selected_option", "initial_option"},
	"radio_buttons":              {"selected_option", "initial_option"},
	"users_select":               {"selected_user", "initial_user"},
	"conversations_select":       {"selected_conversation", "initial_conversation"},
	"channels_select":            {"selected_channel", "initial_channel"},
	"multi_static_select":        {"selected_options", "initial_options"},
	"multi_external_select":      {"selected_options", "initial_options"},
	"checkboxes":                 {"selected_options", "initial_options"},
	"multi_users_select":         {"selected_users", "initial_users"},
	"multi_conversations_select": {"selected_conversations", "initial_conversations"},
	"multi_channels_select":      {"selected_channels", "initial_channels"},
	"datepicker":                 {"selected_date", "initial_date"},
	"timepicker":                 {"selected_time", "initial_time"},
	"datetimepicker":             {"selected_date_time", "initial_date_time"},
}

// many reports whether an element's answer is a list.
func (f field) many() bool { return strings.HasSuffix(f.name, "s") } // files, selected_users …

// stateOf is the state of all fields in blocks: what was entered before where
// the field is still there, its initial value elsewhere.
func stateOf(raw json.RawMessage, entered Values) Values {
	blocks, _ := decodeBlocks(raw)
	values := Values{}
	for _, b := range blocks {
		for _, e := range elementsOf(b) {
			kind := str(e, "type")
			f, ok := fields[kind]
			if !ok {
				continue
			}
			block, action := str(b, "block_id"), str(e, "action_id")
			value, ok := entered[block][action]
			if !ok || value["type"] != kind {
				value = Value{"type": kind, f.name: e[f.initial]}
				if f.many() && value[f.name] == nil {
					value[f.name] = []any{}
				}
			}
			if values[block] == nil {
				values[block] = map[string]Value{}
			}
			values[block][action] = value
		}
	}
	return values
}

// merge lays the answers of the fields that exist over old.
func (v Values) merge(entered Values) Values {
	for block, actions := range entered {
		for action, value := range actions {
			if old, ok := v[block][action]; ok && (value["type"] == nil || value["type"] == old["type"]) {
				kind, _ := old["type"].(string)
				name := fields[kind].name
				v[block][action] = Value{"type": kind, name: emptyIsNothing(value[name])}
			}
		}
	}
	return v
}

// emptyIsNothing: Slack sends null for a text field that was emptied.
func emptyIsNothing(value any) any {
	if value == "" {
		return nil
	}
	return value
}

// findElement finds an interactive element; an empty block_id matches any.
func findElement(raw json.RawMessage, blockID, actionID string) (block, element object) {
	blocks, _ := decodeBlocks(raw)
	for _, b := range blocks {
		if blockID != "" && str(b, "block_id") != blockID {
			continue
		}
		for _, e := range elementsOf(b) {
			if str(e, "action_id") == actionID {
				return b, e
			}
		}
	}
	return nil, nil
}

// optionOf finds the option of a select, radio, checkbox or overflow by its value.
func optionOf(element object, value string) object {
	options := list(element, "options")
	for _, group := range list(element, "option_groups") {
		options = append(options, list(group, "options")...)
	}
	i := slices.IndexFunc(options, func(o object) bool { return str(o, "value") == value })
	if i < 0 {
		return nil
	}
	return options[i]
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case float64:
		return n, true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}
