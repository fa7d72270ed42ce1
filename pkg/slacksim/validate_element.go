package slacksim

import (
	"fmt"
	"reflect"
	"regexp"
)

// elementRule says which properties an element has beside type and action_id, and what else holds.
type elementRule struct {
	fields string // space-separated; empty: not looked into
	check  func(v *validator, at string, e object)
}

var elementRules map[string]elementRule

func init() { // not a literal: the checks call back into the table
	elementRules = map[string]elementRule{
		"button": {"text value url style confirm accessibility_label agent_prompt agent_prompt_display visible_to_user_ids", (*validator).button},
		"image":  {"image_url slack_file alt_text", (*validator).image},
		"overflow": {"options confirm", func(v *validator, at string, e object) {
			v.options(at, e, 5, optionRule{url: true, types: []string{"plain_text"}})
		}},
		"static_select":              selectRule("options option_groups initial_option", (*validator).staticSelect),
		"external_select":            selectRule("min_query_length initial_option", nil),
		"users_select":               selectRule("initial_user", nil),
		"conversations_select":       selectRule("initial_conversation default_to_current_conversation response_url_enabled filter", nil),
		"channels_select":            selectRule("initial_channel response_url_enabled", nil),
		"multi_static_select":        selectRule("options option_groups initial_options max_selected_items", (*validator).staticSelect),
		"multi_external_select":      selectRule("min_query_length initial_options max_selected_items", nil),
		"multi_users_select":         selectRule("initial_users max_selected_items", nil),
		"multi_conversations_select": selectRule("initial_conversations default_to_current_conversation filter max_selected_items", nil),
		"multi_channels_select":      selectRule("initial_channels max_selected_items", nil),
		"checkboxes":                 {"options initial_options confirm focus_on_load visible_to_user_ids", (*validator).choices},
		"radio_buttons":              {"options initial_option confirm focus_on_load", (*validator).choices},
		"datepicker":                 pickerRule("initial_date", `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`),
		"timepicker":                 pickerRule("initial_time", `^([01]\d|2[0-3]):[0-5]\d$`),
		"datetimepicker": {"initial_date_time confirm focus_on_load", func(v *validator, at string, e object) {
			if initial, present := e["initial_date_time"]; present && !tenDigits.MatchString(fmt.Sprint(initial)) {
				v.add(at+"/initial_date_time", "must be 10 digits")
			}
		}},
		"plain_text_input": inputRule("multiline min_length max_length", (*validator).plainInput),
		"number_input":     inputRule("is_decimal_allowed min_value max_value", (*validator).numberInput),
		"email_text_input": inputRule("", nil),
		"url_text_input":   inputRule("", nil),
	}
}

var tenDigits = regexp.MustCompile(`^\d{10}$`)

func selectRule(own string, check func(*validator, string, object)) elementRule {
	return elementRule{own + " placeholder confirm focus_on_load", func(v *validator, at string, e object) {
		v.plain(at, e, "placeholder", 150, false)
		if most, present := e["max_selected_items"]; present {
			if n, ok := number(most); !ok || n < 1 {
				v.add(at+"/max_selected_items", "must be more than 0")
			}
		}
		if check != nil {
			check(v, at, e)
		}
	}}
}

func pickerRule(initial, pattern string) elementRule {
	format := regexp.MustCompile(pattern)
	return elementRule{initial + " placeholder confirm focus_on_load timezone", func(v *validator, at string, e object) {
		v.plain(at, e, "placeholder", 150, false)
		if value, present := e[initial]; present && !format.MatchString(fmt.Sprint(value)) {
			v.add(at+"/"+initial, "invalid format")
		}
	}}
}

func inputRule(own string, check func(*validator, string, object)) elementRule {
	return elementRule{own + " initial_value placeholder dispatch_action_config focus_on_load", func(v *validator, at string, e object) {
		v.plain(at, e, "placeholder", 150, false)
		v.length(at, e, "initial_value", 0, 3000)
		if config, present := e["dispatch_action_config"]; present {
			c, _ := config.(object)
			for i, item := range v.items(at+"/dispatch_action_config", c, "trigger_actions_on", 1, 2) {
				if item != "on_enter_pressed" && item != "on_character_entered" {
					v.add(fmt.Sprintf("%s/dispatch_action_config/trigger_actions_on/%d", at, i), "must be one of: on_enter_pressed, on_character_entered")
				}
			}
		}
		if check != nil {
			check(v, at, e)
		}
	}}
}

func (v *validator) button(at string, e object) {
	v.plain(at, e, "text", 75, true)
	v.length(at, e, "value", 0, 2000)
	v.length(at, e, "url", 0, 3000)
	v.length(at, e, "accessibility_label", 0, 75)
	v.oneOf(at, e, "style", "primary", "danger")
}

func (v *validator) staticSelect(at string, e object) {
	rule := optionRule{types: []string{"plain_text"}}
	switch options, groups := e["options"] != nil, e["option_groups"] != nil; {
	case options == groups:
		v.add(at, "must define either `options` or `option_groups`")
	case options:
		v.options(at, e, 100, rule)
	default:
		for i, item := range v.items(at, e, "option_groups", 1, 100) {
			here := fmt.Sprintf("%s/option_groups/%d", at, i)
			group, _ := item.(object)
			v.only(here, group, "label options")
			v.plain(here, group, "label", 75, true)
			v.options(here, group, 100, rule)
		}
	}
	v.initialOptions(at, e)
}

func (v *validator) choices(at string, e object) {
	v.options(at, e, 10, optionRule{types: []string{"plain_text", "mrkdwn"}})
	v.initialOptions(at, e)
}

// optionRule is what differs between the elements that have options.
type optionRule struct {
	url   bool
	types []string // of the text
}

func (v *validator) options(at string, e object, most int, rule optionRule) {
	for i, item := range v.items(at, e, "options", 1, most) {
		here := fmt.Sprintf("%s/options/%d", at, i)
		o, ok := item.(object)
		if !ok {
			v.add(here, "must be an object")
			continue
		}
		v.only(here, o, "text value description url")
		v.textObject(here, o, "text", 75, true, rule.types...)
		v.length(here, o, "value", 1, 150)
		v.textObject(here, o, "description", 75, false, rule.types...)
		v.length(here, o, "url", 0, 3000)
		if o["url"] != nil && !rule.url {
			v.add(here+"/url", "only overflow menus have urls")
		}
	}
}

// initialOptions must be, word for word, among the options.
func (v *validator) initialOptions(at string, e object) {
	check := func(here string, value any) {
		initial, _ := value.(object)
		if option := optionOf(e, str(initial, "value")); option == nil || !sameOption(option, initial) {
			v.add(here, "must be one of the options")
		}
	}
	if initial, present := e["initial_option"]; present {
		check(at+"/initial_option", initial)
	}
	if e["initial_options"] != nil {
		for i, item := range v.items(at, e, "initial_options", 1, 100) {
			check(fmt.Sprintf("%s/initial_options/%d", at, i), item)
		}
	}
}

func sameOption(a, b object) bool {
	return str(obj(a, "text"), "text") == str(obj(b, "text"), "text") && reflect.DeepEqual(a["value"], b["value"])
}

func (v *validator) plainInput(at string, e object) {
	v.bools(at, e, "multiline")
	least, most := 0.0, 3000.0
	for key, into := range map[string]*float64{"min_length": &least, "max_length": &most} {
		value, present := e[key]
		if !present {
			continue
		}
		n, ok := number(value)
		if !ok || n < 0 || n > 3000 || key == "max_length" && n < 1 {
			v.add(at+"/"+key, "must be between 0 and 3000")
			continue
		}
		*into = n
	}
	if least > most {
		v.add(at+"/min_length", "must be at most max_length")
	}
	if initial := str(e, "initial_value"); initial != "" {
		v.size(at+"/initial_value", initial, 0, int(most))
	}
}

func (v *validator) numberInput(at string, e object) {
	if _, ok := e["is_decimal_allowed"].(bool); !ok {
		v.add(at, "missing required field: is_decimal_allowed")
	}
	for _, key := range []string{"min_value", "max_value", "initial_value"} {
		value, present := e[key]
		if !present {
			continue
		}
		if _, isText := value.(string); !isText {
			v.add(at+"/"+key, "must be a string")
		} else if _, ok := number(value); !ok {
			v.add(at+"/"+key, "must be a number")
		}
	}
}
