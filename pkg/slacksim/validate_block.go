package slacksim

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// blockFields are the properties of each block, beside type and block_id; a
// block that is known but not simulated has none listed and is not looked into.
var blockFields = map[string]string{
	"section": "text fields accessory expand", "header": "text level", "divider": "", "image": "image_url slack_file alt_text title",
	"actions": "elements", "context": "elements", "context_actions": "elements", "input": "label element hint optional dispatch_action",
	"markdown": "text", "table": "rows column_settings", "rich_text": "elements",
	"video": "alt_text author_name description provider_icon_url provider_name thumbnail_url title title_url video_url",
	"file":  "external_id source", "call": "call_id api_decoration_available call",
}

// unchecked blocks exist in Slack; the simulator takes them as they are.
var unchecked = []string{
	"alert", "auth_provider", "card", "carousel", "container", "data_table", "data_visualization", "layout", "plan", "task_card",
}

var messageOnly = []string{"context_actions", "file", "markdown", "table", "call"}

const (
	selects      = "static_select external_select users_select conversations_select channels_select"
	multiSelects = "multi_static_select multi_external_select multi_users_select multi_conversations_select multi_channels_select"
	inActions    = "button checkboxes datepicker datetimepicker timepicker overflow radio_buttons workflow_button " + selects + " " + multiSelects
	inSection    = "button checkboxes datepicker timepicker image overflow radio_buttons workflow_button " + selects + " " + multiSelects
	inInput      = "plain_text_input number_input email_text_input url_text_input rich_text_input file_input checkboxes radio_buttons " +
		"datepicker datetimepicker timepicker " + selects + " " + multiSelects
)

func (v *validator) block(at string, b object) {
	kind, ok := b["type"].(string)
	if !ok {
		v.add(at, "missing required field: type")
		return
	}
	v.length(at, b, "block_id", 0, 255)
	fields, known := blockFields[kind]
	if !known {
		if !slices.Contains(unchecked, kind) {
			v.add(at+"/type", "unsupported type: %s", kind)
		}
		return
	}
	if v.surface != "message" && slices.Contains(messageOnly, kind) {
		v.add(at+"/type", "unsupported type: %s", kind) // in a view
		return
	}
	v.only(at, b, "type block_id "+fields)
	switch kind {
	case "section":
		v.section(at, b)
	case "header":
		v.plain(at, b, "text", 150, true)
	case "image":
		v.image(at, b)
		v.plain(at, b, "title", 2000, false)
	case "actions":
		v.elements(at, b, 25, inActions)
	case "context_actions":
		v.elements(at, b, 5, "feedback_buttons icon_button")
	case "context":
		v.context(at, b)
	case "input":
		v.input(at, b)
	case "markdown":
		v.length(at, b, "text", 1, 12_000)
		v.text += utf8.RuneCountInString(str(b, "text"))
	case "table":
		v.table(at, b)
	case "rich_text":
		v.items(at, b, "elements", 1, 1000)
		v.countText(b["elements"], 0)
	case "video":
		for _, key := range []string{"video_url", "thumbnail_url", "alt_text"} {
			v.length(at, b, key, 1, 3000)
		}
		v.plain(at, b, "title", 200, true)
	}
}

func (v *validator) section(at string, b object) {
	if b["text"] == nil && b["fields"] == nil {
		v.add(at, "must define either `text` or `fields`")
	}
	v.anyText(at, b, "text", 3000, false)
	if b["fields"] != nil {
		for i, item := range v.items(at, b, "fields", 1, 10) {
			v.checkText(fmt.Sprintf("%s/fields/%d", at, i), item, 2000, "plain_text", "mrkdwn")
		}
	}
	v.bools(at, b, "expand")
	if accessory, present := b["accessory"]; present {
		v.element(at+"/accessory", accessory, inSection)
	}
}

func (v *validator) image(at string, o object) {
	v.length(at, o, "alt_text", 1, 2000)
	v.length(at, o, "image_url", 0, 3000)
	if (str(o, "image_url") == "") == (o["slack_file"] == nil) {
		v.add(at, "must define either `image_url` or `slack_file`")
	}
}

// elements checks an array of interactive elements, whose action_ids must differ.
func (v *validator) elements(at string, b object, most int, allowed string) {
	seen := map[string]bool{}
	for i, item := range v.items(at, b, "elements", 1, most) {
		here := fmt.Sprintf("%s/elements/%d", at, i)
		v.element(here, item, allowed)
		e, _ := item.(object)
		if id := str(e, "action_id"); id != "" {
			if seen[id] {
				v.add(here+"/action_id", "`action_id` %q already exists", id)
			}
			seen[id] = true
		}
	}
}

func (v *validator) context(at string, b object) {
	for i, item := range v.items(at, b, "elements", 1, 10) {
		here := fmt.Sprintf("%s/elements/%d", at, i)
		e, _ := item.(object)
		switch str(e, "type") {
		case "image":
			v.only(here, e, "type image_url slack_file alt_text")
			v.image(here, e)
		case "plain_text", "mrkdwn":
			v.checkText(here, item, 3000, "plain_text", "mrkdwn")
		default:
			v.add(here, "must be a text object or an image")
		}
	}
}

func (v *validator) input(at string, b object) {
	v.plain(at, b, "label", 2000, true)
	v.plain(at, b, "hint", 2000, false)
	v.bools(at, b, "optional", "dispatch_action")
	element, present := b["element"]
	if !present {
		v.add(at, "missing required field: element")
		return
	}
	v.element(at+"/element", element, inInput)
	if e, _ := element.(object); flag(b, "dispatch_action") && str(e, "type") == "file_input" {
		v.add(at+"/dispatch_action", "not supported with file_input")
	}
}

func (v *validator) table(at string, b object) {
	for i, item := range v.items(at, b, "rows", 1, 100) {
		cells, ok := item.([]any)
		here := fmt.Sprintf("%s/rows/%d", at, i)
		if !ok {
			v.add(here, "must be an array")
			continue
		}
		if len(cells) > 20 {
			v.add(here, "no more than 20 items allowed")
		}
		for j, cell := range cells {
			c, _ := cell.(object)
			there := fmt.Sprintf("%s/%d", here, j)
			switch str(c, "type") {
			case "raw_text":
				v.length(there, c, "text", 1, 3000)
				v.text += utf8.RuneCountInString(str(c, "text"))
			case "raw_number":
				if _, ok := number(c["value"]); !ok {
					v.add(there, "missing required field: value")
				}
			case "rich_text":
				v.countText(c["elements"], 0)
			default:
				v.add(there, "must be one of: raw_text, raw_number, rich_text")
			}
		}
	}
	if b["column_settings"] != nil {
		for i, item := range v.items(at, b, "column_settings", 0, 20) {
			if settings, ok := item.(object); ok {
				here := fmt.Sprintf("%s/column_settings/%d", at, i)
				v.only(here, settings, "align is_wrapped")
				v.oneOf(here, settings, "align", "left", "center", "right")
			}
		}
	}
}

// countText adds up the text in rich text.
func (v *validator) countText(value any, depth int) {
	if depth > maxDepth {
		return
	}
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			v.countText(item, depth+1)
		}
	case object:
		v.text += utf8.RuneCountInString(str(value, "text"))
		v.countText(value["elements"], depth+1)
	}
}

// element checks one element; allowed is a space-separated list of types.
func (v *validator) element(at string, value any, allowed string) {
	e, ok := value.(object)
	if !ok {
		v.add(at, "must be an object")
		return
	}
	kind := str(e, "type")
	switch {
	case kind == "":
		v.add(at, "missing required field: type")
		return
	case !interactive[kind] && kind != "image":
		v.add(at+"/type", "unsupported type: %s", kind)
		return
	case !strings.Contains(" "+allowed+" ", " "+kind+" "):
		v.add(at+"/type", "unsupported type here: %s", kind)
		return
	}
	v.length(at, e, "action_id", 0, 255)
	if rule := elementRules[kind]; rule.fields != "" {
		v.only(at, e, "type action_id "+rule.fields)
		rule.check(v, at, e)
	}
	if confirm, present := e["confirm"]; present {
		v.confirm(at+"/confirm", confirm)
	}
	v.bools(at, e, "focus_on_load")
	if flag(e, "focus_on_load") {
		if v.focused {
			v.add(at+"/focus_on_load", "only one element can have focus_on_load")
		}
		v.focused = true
	}
}

func (v *validator) confirm(at string, value any) {
	c, ok := value.(object)
	if !ok {
		v.add(at, "must be an object")
		return
	}
	v.only(at, c, "title text confirm deny style")
	v.plain(at, c, "title", 100, true)
	v.anyText(at, c, "text", 300, true)
	v.plain(at, c, "confirm", 30, true)
	v.plain(at, c, "deny", 30, true)
	v.oneOf(at, c, "style", "primary", "danger")
}
