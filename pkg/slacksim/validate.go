package slacksim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Slack's limits, in characters unless the name says otherwise.
const (
	maxText          = 40_000
	maxUpdateText    = 4_000 // chat.update is stricter than chat.postMessage
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxBlockText     = 13_000 // over all blocks of a message; measured by others, undocumented
	maxViewBytes     = 250 << 10
	maxDepth         = 32 // of nesting
)

// Problem is one broken rule of Block Kit.
type Problem struct {
	Pointer string // JSON pointer to the offending value
	Message string
}

// String is the problem as Slack writes it.
func (p Problem) String() string { return fmt.Sprintf("%s [json-pointer:%s]", p.Message, p.Pointer) }

// ValidationError says why Slack would refuse a message or a view.
type ValidationError struct {
	Code     string // Slack's error code
	Problems []Problem
}

func (e *ValidationError) Error() string {
	lines := []string{e.Code}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n\t")
}

// ValidateMessage checks text and blocks (a JSON array, null or nothing) of a
// message as chat.postMessage does. Its error is a *ValidationError.
func ValidateMessage(text string, blocks []byte) error {
	_, err := validateMessage(text, blocks, maxText, false)
	return err
}

func validateText(text string, most int, otherContent bool) error {
	if strings.TrimSpace(text) == "" && !otherContent {
		return &ValidationError{Code: "no_text"}
	}
	if utf8.RuneCountInString(text) > most {
		return &ValidationError{Code: "msg_too_long"}
	}
	return nil
}

// validateMessage returns the decoded blocks of a message that is as it should be.
func validateMessage(text string, raw json.RawMessage, mostText int, hasAttachments bool) ([]object, error) {
	blocks, err := decodeBlocks(raw)
	if err != nil {
		return nil, &ValidationError{Code: "invalid_blocks_format"}
	}
	if err := validateText(text, mostText, hasAttachments || len(blocks) > 0); err != nil {
		return nil, err
	}
	v := validator{surface: "message"}
	v.blocks("/blocks", blocks, maxMessageBlocks)
	if len(v.problems) > 0 {
		return nil, &ValidationError{Code: "invalid_blocks", Problems: v.problems}
	}
	if v.text > maxBlockText {
		return nil, &ValidationError{Code: "msg_blocks_too_long"}
	}
	return blocks, nil
}

// ValidateView checks a modal or a Home tab (a JSON object) as views.open and
// views.publish do. Its error is a *ValidationError.
func ValidateView(view []byte) error { return validateView(view, "") }

// validateView also wants a certain type of view, if one is given.
func validateView(raw json.RawMessage, wantType string) error {
	if len(raw) > maxViewBytes {
		return &ValidationError{Code: "view_too_large"}
	}
	v := validator{}
	var view object
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&view) != nil || view == nil {
		v.add("/view", "must be a JSON object")
		return &ValidationError{Code: "invalid_arguments", Problems: v.problems}
	}
	v.view(view, wantType)
	if len(v.problems) > 0 {
		return &ValidationError{Code: "invalid_arguments", Problems: v.problems}
	}
	return nil
}

// validator collects what is wrong.
type validator struct {
	surface  string // message, modal or home
	problems []Problem
	text     int // characters in the blocks so far
	focused  bool
}

func (v *validator) add(at, format string, args ...any) {
	v.problems = append(v.problems, Problem{Pointer: at, Message: fmt.Sprintf(format, args...)})
}

func (v *validator) view(view object, wantType string) {
	kind := str(view, "type")
	switch {
	case kind != "modal" && kind != "home":
		v.add("/view/type", "must be one of: modal, home")
		return
	case wantType != "" && kind != wantType:
		v.add("/view/type", "must be %s", wantType)
		return
	}
	v.surface = kind
	allowed := "type blocks private_metadata callback_id external_id"
	if kind == "modal" {
		allowed += " title submit close clear_on_close notify_on_close submit_disabled"
		v.plain("/view", view, "title", 24, true)
		v.plain("/view", view, "submit", 24, false)
		v.plain("/view", view, "close", 24, false)
		v.bools("/view", view, "clear_on_close", "notify_on_close", "submit_disabled")
	}
	v.only("/view", view, allowed)
	v.length("/view", view, "private_metadata", 0, 3000)
	v.length("/view", view, "callback_id", 0, 255)
	v.length("/view", view, "external_id", 0, 255)
	items, ok := view["blocks"].([]any)
	if !ok {
		v.add("/view", "missing required field: blocks")
		return
	}
	blocks := make([]object, 0, len(items))
	for i, item := range items {
		b, ok := item.(object)
		if !ok {
			v.add("/view/blocks/"+strconv.Itoa(i), "must be an object")
			return
		}
		blocks = append(blocks, b)
	}
	v.blocks("/view/blocks", blocks, maxViewBlocks)
	if kind == "modal" && view["submit"] == nil {
		for _, b := range blocks {
			if str(b, "type") == "input" {
				v.add("/view", "missing required field: submit")
				break
			}
		}
	}
}

func (v *validator) blocks(at string, blocks []object, most int) {
	if len(blocks) > most {
		v.add(at, "no more than %d items allowed", most)
	}
	seen := map[string]bool{}
	tables := 0
	for i, b := range blocks {
		here := fmt.Sprintf("%s/%d", at, i)
		if b == nil {
			v.add(here, "must be an object")
			continue
		}
		v.block(here, b)
		if id := str(b, "block_id"); id != "" {
			if seen[id] {
				v.add(here+"/block_id", "`block_id` %q is not unique", id)
			}
			seen[id] = true
		}
		if str(b, "type") == "table" {
			if tables++; tables > 1 {
				v.add(here, "only one table is allowed in a message")
			}
		}
	}
}

// only reports properties that do not exist. Names is a space-separated list.
func (v *validator) only(at string, o object, names string) {
	for key := range o {
		if !strings.Contains(" "+names+" ", " "+key+" ") {
			v.add(at, "invalid additional property: %s", key)
		}
	}
}

// length checks a string property; a least of 1 or more makes it required.
func (v *validator) length(at string, o object, key string, least, most int) {
	value, present := o[key]
	if !present || value == nil {
		if least > 0 {
			v.add(at, "missing required field: %s", key)
		}
		return
	}
	s, ok := value.(string)
	if !ok {
		v.add(at+"/"+key, "must be a string")
		return
	}
	v.size(at+"/"+key, s, least, most)
}

func (v *validator) size(at, s string, least, most int) {
	switch n := utf8.RuneCountInString(s); {
	case n < least:
		v.add(at, "must be more than %d characters", least-1)
	case n > most:
		v.add(at, "must be less than %d characters", most+1)
	}
}

func (v *validator) bools(at string, o object, keys ...string) {
	for _, key := range keys {
		if value, present := o[key]; present {
			if _, ok := value.(bool); !ok {
				v.add(at+"/"+key, "must be a boolean")
			}
		}
	}
}

func (v *validator) oneOf(at string, o object, key string, values ...string) {
	value, present := o[key]
	if !present {
		return
	}
	for _, allowed := range values {
		if value == allowed {
			return
		}
	}
	v.add(at+"/"+key, "must be one of: %s", strings.Join(values, ", "))
}

// plain checks a plain_text object property.
func (v *validator) plain(at string, o object, key string, most int, required bool) {
	v.textObject(at, o, key, most, required, "plain_text")
}

// anyText checks a text object property of either type.
func (v *validator) anyText(at string, o object, key string, most int, required bool) {
	v.textObject(at, o, key, most, required, "plain_text", "mrkdwn")
}

func (v *validator) textObject(at string, o object, key string, most int, required bool, types ...string) {
	value, present := o[key]
	if !present || value == nil {
		if required {
			v.add(at, "missing required field: %s", key)
		}
		return
	}
	v.checkText(at+"/"+key, value, most, types...)
}

func (v *validator) checkText(at string, value any, most int, types ...string) {
	t, ok := value.(object)
	if !ok {
		v.add(at, "must be a text object")
		return
	}
	if t["type"] == nil {
		v.add(at, "missing required field: type")
		return
	}
	v.oneOf(at, t, "type", types...)
	v.length(at, t, "text", 1, most)
	v.text += utf8.RuneCountInString(str(t, "text"))
	if str(t, "type") == "mrkdwn" {
		v.only(at, t, "type text verbatim")
		v.bools(at, t, "verbatim")
	} else {
		v.only(at, t, "type text emoji")
		v.bools(at, t, "emoji")
	}
}

// items returns a list property, with its length checked.
func (v *validator) items(at string, o object, key string, least, most int) []any {
	value, present := o[key]
	if !present {
		if least > 0 {
			v.add(at, "missing required field: %s", key)
		}
		return nil
	}
	items, ok := value.([]any)
	switch {
	case !ok:
		v.add(at+"/"+key, "must be an array")
	case len(items) < least:
		v.add(at+"/"+key, "no fewer than %d items allowed", least)
	case len(items) > most:
		v.add(at+"/"+key, "no more than %d items allowed", most)
	}
	return items
}
