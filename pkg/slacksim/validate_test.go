package slacksim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/stretchr/testify/require"
)

func repeat(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// numbered repeats item with %d replaced by its number.
func numbered(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "%d", fmt.Sprint(i))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func long(n int) string { return strings.Repeat("ä", n) }

func pt(s string) string { return `{"type":"plain_text","text":"` + s + `"}` }

func option(value string) string { return `{"text":` + pt("One") + `,"value":"` + value + `"}` }

const divider = `{"type":"divider"}`

func actions(elements string) string { return `[{"type":"actions","elements":[` + elements + `]}]` }

func sectionText(s string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + s + `"}}`
}

func inputOf(element string) string {
	return `[{"type":"input","label":` + pt("Label") + `,"element":` + element + `}]`
}

func TestValidateMessage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, blocks, want string }{
		{"null", `null`, ""},
		{"50 blocks", repeat(50, divider), ""},
		{"51 blocks", repeat(51, divider), "invalid_blocks: no more than 50 items allowed [json-pointer:/blocks]"},
		{"not a list", `{}`, "invalid_blocks_format:"},
		{"a list of nothing", `[null]`, "invalid_blocks: must be an object [json-pointer:/blocks/0]"},
		{"no type", `[{}]`, "invalid_blocks: missing required field: type [json-pointer:/blocks/0]"},
		{"unknown block", `[{"type":"sektion"}]`, "invalid_blocks: unsupported type: sektion [json-pointer:/blocks/0/type]"},
		{"known, unchecked", `[{"type":"card","title":{}}]`, ""},
		{"extra property", `[{"type":"divider","txt":"x"}]`, "invalid_blocks: invalid additional property: txt [json-pointer:/blocks/0]"},
		{"block_id 255", `[{"type":"divider","block_id":"` + long(255) + `"}]`, ""},
		{"block_id 256", `[{"type":"divider","block_id":"` + long(256) + `"}]`, "invalid_blocks: must be less than 256 characters [json-pointer:/blocks/0/block_id]"},
		{"block_id twice", repeat(2, `{"type":"divider","block_id":"x"}`), "invalid_blocks: `block_id` \"x\" is not unique [json-pointer:/blocks/1/block_id]"},

		{"section 3000", "[" + sectionText(long(3000)) + "]", ""},
		{"section 3001", "[" + sectionText(long(3001)) + "]", "invalid_blocks: must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		{"section empty text", "[" + sectionText("") + "]", "invalid_blocks: must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		{"section of nothing", `[{"type":"section"}]`, "invalid_blocks: must define either `text` or `fields` [json-pointer:/blocks/0]"},
		{"section text is a string", `[{"type":"section","text":"x"}]`, "invalid_blocks: must be a text object [json-pointer:/blocks/0/text]"},
		{"text without type", `[{"type":"section","text":{"text":"x"}}]`, "invalid_blocks: missing required field: type [json-pointer:/blocks/0/text]"},
		{"text of unknown type", `[{"type":"section","text":{"type":"html","text":"x"}}]`, "invalid_blocks: must be one of: plain_text, mrkdwn [json-pointer:/blocks/0/text/type]"},
		{"emoji in mrkdwn", `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`, "invalid_blocks: invalid additional property: emoji [json-pointer:/blocks/0/text]"},
		{"10 fields", `[{"type":"section","fields":` + repeat(10, pt("x")) + `}]`, ""},
		{"11 fields", `[{"type":"section","fields":` + repeat(11, pt("x")) + `}]`, "invalid_blocks: no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		{"field 2001", `[{"type":"section","fields":[` + pt(long(2001)) + `]}]`, "invalid_blocks: must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		{"accessory", `[{"type":"section","text":` + pt("x") + `,"accessory":{"type":"image","image_url":"https://x","alt_text":"a"}}]`, ""},
		{"input as accessory", `[{"type":"section","text":` + pt("x") + `,"accessory":{"type":"plain_text_input"}}]`, "invalid_blocks: unsupported type here: plain_text_input [json-pointer:/blocks/0/accessory/type]"},
		{"all text 13000", "[" + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(1000)) + "]", ""},
		{"all text 13001", "[" + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(3000)) + "," + sectionText(long(1001)) + "]", "msg_blocks_too_long:"},

		{"header 150", `[{"type":"header","text":` + pt(long(150)) + `}]`, ""},
		{"header 151", `[{"type":"header","text":` + pt(long(151)) + `}]`, "invalid_blocks: must be less than 151 characters [json-pointer:/blocks/0/text/text]"},
		{"header mrkdwn", `[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`, "invalid_blocks: must be one of: plain_text [json-pointer:/blocks/0/text/type]"},
		{"image without alt", `[{"type":"image","image_url":"https://x"}]`, "invalid_blocks: missing required field: alt_text [json-pointer:/blocks/0]"},
		{"image without picture", `[{"type":"image","alt_text":"a"}]`, "invalid_blocks: must define either `image_url` or `slack_file` [json-pointer:/blocks/0]"},
		{"context 10", `[{"type":"context","elements":` + repeat(10, pt("x")) + `}]`, ""},
		{"context 11", `[{"type":"context","elements":` + repeat(11, pt("x")) + `}]`, "invalid_blocks: no more than 10 items allowed [json-pointer:/blocks/0/elements]"},
		{"context button", `[{"type":"context","elements":[{"type":"button","text":` + pt("x") + `}]}]`, "invalid_blocks: must be a text object or an image [json-pointer:/blocks/0/elements/0]"},

		{"25 actions", `[{"type":"actions","elements":` + numbered(25, `{"type":"button","action_id":"a%d","text":`+pt("x")+`}`) + `}]`, ""},
		{"26 actions", `[{"type":"actions","elements":` + numbered(26, `{"type":"button","action_id":"a%d","text":`+pt("x")+`}`) + `}]`, "invalid_blocks: no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		{"no actions", `[{"type":"actions","elements":[]}]`, "invalid_blocks: no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"},
		{"action_id twice", actions(`{"type":"button","action_id":"a","text":` + pt("x") + `},{"type":"button","action_id":"a","text":` + pt("y") + `}`), "invalid_blocks: `action_id` \"a\" already exists [json-pointer:/blocks/0/elements/1/action_id]"},
		{"action_id 256", actions(`{"type":"button","action_id":"` + long(256) + `","text":` + pt("x") + `}`), "invalid_blocks: must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"},
		{"button text 75", actions(`{"type":"button","text":` + pt(long(75)) + `}`), ""},
		{"button text 76", actions(`{"type":"button","text":` + pt(long(76)) + `}`), "invalid_blocks: must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		{"button value 2001", actions(`{"type":"button","text":` + pt("x") + `,"value":"` + long(2001) + `"}`), "invalid_blocks: must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"},
		{"button style", actions(`{"type":"button","text":` + pt("x") + `,"style":"default"}`), "invalid_blocks: must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]"},
		{"unknown element", actions(`{"type":"knob"}`), "invalid_blocks: unsupported type: knob [json-pointer:/blocks/0/elements/0/type]"},
		{"element without type", actions(`{}`), "invalid_blocks: missing required field: type [json-pointer:/blocks/0/elements/0]"},
		{"confirm", actions(`{"type":"button","text":` + pt("x") + `,"confirm":{"title":` + pt("Sure?") + `,"text":` + pt("Really?") + `,"confirm":` + pt("Yes") + `,"deny":` + pt("No") + `,"style":"danger"}}`), ""},
		{"confirm without deny", actions(`{"type":"button","text":` + pt("x") + `,"confirm":{"title":` + pt("Sure?") + `,"text":` + pt("Really?") + `,"confirm":` + pt("Yes") + `}}`), "invalid_blocks: missing required field: deny [json-pointer:/blocks/0/elements/0/confirm]"},
		{"confirm button 31", actions(`{"type":"button","text":` + pt("x") + `,"confirm":{"title":` + pt("Sure?") + `,"text":` + pt("Really?") + `,"confirm":` + pt(long(31)) + `,"deny":` + pt("No") + `}}`), "invalid_blocks: must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]"},
		{"overflow 5", actions(`{"type":"overflow","options":` + repeat(5, option("v")) + `}`), ""},
		{"overflow 6", actions(`{"type":"overflow","options":` + repeat(6, option("v")) + `}`), "invalid_blocks: no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"},
		{"option value 151", actions(`{"type":"overflow","options":[` + option(long(151)) + `]}`), "invalid_blocks: must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]"},
		{"option text 76", actions(`{"type":"overflow","options":[{"text":` + pt(long(76)) + `,"value":"v"}]}`), "invalid_blocks: must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]"},
		{"select without options", actions(`{"type":"static_select"}`), "invalid_blocks: must define either `options` or `option_groups` [json-pointer:/blocks/0/elements/0]"},
		{"select with groups", actions(`{"type":"static_select","option_groups":[{"label":` + pt("g") + `,"options":[` + option("v") + `]}],"initial_option":` + option("v") + `}`), ""},
		{"select with a foreign initial option", actions(`{"type":"static_select","options":[` + option("v") + `],"initial_option":` + option("w") + `}`), "invalid_blocks: must be one of the options [json-pointer:/blocks/0/elements/0/initial_option]"},
		{"radio 11", actions(`{"type":"radio_buttons","options":` + repeat(11, option("v")) + `}`), "invalid_blocks: no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]"},
		{"multi users max 0", actions(`{"type":"multi_users_select","max_selected_items":0}`), "invalid_blocks: must be more than 0 [json-pointer:/blocks/0/elements/0/max_selected_items]"},
		{"timepicker", actions(`{"type":"timepicker","initial_time":"24:00"}`), "invalid_blocks: invalid format [json-pointer:/blocks/0/elements/0/initial_time]"},
		{"datepicker", actions(`{"type":"datepicker","initial_date":"2026-02-28"}`), ""},
		{"datetimepicker", actions(`{"type":"datetimepicker","initial_date_time":12}`), "invalid_blocks: must be 10 digits [json-pointer:/blocks/0/elements/0/initial_date_time]"},
		{"two with focus", inputOf(`{"type":"plain_text_input","focus_on_load":true}`)[:len(inputOf(`{"type":"plain_text_input","focus_on_load":true}`))-1] + "," + inputOf(`{"type":"plain_text_input","focus_on_load":true}`)[1:], "invalid_blocks: only one element can have focus_on_load [json-pointer:/blocks/1/element/focus_on_load]"},

		{"text input", inputOf(`{"type":"plain_text_input","min_length":1,"max_length":280,"initial_value":"x","dispatch_action_config":{"trigger_actions_on":["on_enter_pressed"]}}`), ""},
		{"text input max 3001", inputOf(`{"type":"plain_text_input","max_length":3001}`), "invalid_blocks: must be between 0 and 3000 [json-pointer:/blocks/0/element/max_length]"},
		{"text input initial beyond max", inputOf(`{"type":"plain_text_input","max_length":2,"initial_value":"xyz"}`), "invalid_blocks: must be less than 3 characters [json-pointer:/blocks/0/element/initial_value]"},
		{"text input unknown trigger", inputOf(`{"type":"plain_text_input","dispatch_action_config":{"trigger_actions_on":["on_blur"]}}`), "invalid_blocks: must be one of: on_enter_pressed, on_character_entered [json-pointer:/blocks/0/element/dispatch_action_config/trigger_actions_on/0]"},
		{"number input", inputOf(`{"type":"number_input","is_decimal_allowed":false,"min_value":"1","max_value":"9"}`), ""},
		{"number input needs decimals said", inputOf(`{"type":"number_input"}`), "invalid_blocks: missing required field: is_decimal_allowed [json-pointer:/blocks/0/element]"},
		{"number input with a number", inputOf(`{"type":"number_input","is_decimal_allowed":false,"min_value":1}`), "invalid_blocks: must be a string [json-pointer:/blocks/0/element/min_value]"},
		{"input of a button", inputOf(`{"type":"button","text":` + pt("x") + `}`), "invalid_blocks: unsupported type here: button [json-pointer:/blocks/0/element/type]"},
		{"input without element", `[{"type":"input","label":` + pt("x") + `}]`, "invalid_blocks: missing required field: element [json-pointer:/blocks/0]"},
		{"checkboxes with a foreign initial option", inputOf(`{"type":"checkboxes","options":[` + option("v") + `],"initial_options":[` + option("w") + `]}`), "invalid_blocks: must be one of the options [json-pointer:/blocks/0/element/initial_options/0]"},

		{"table", `[{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_number","value":1}]],"column_settings":[{"align":"right","is_wrapped":true}]}]`, ""},
		{"table 101 rows", `[{"type":"table","rows":` + repeat(101, `[{"type":"raw_text","text":"a"}]`) + `}]`, "invalid_blocks: no more than 100 items allowed [json-pointer:/blocks/0/rows]"},
		{"table 21 columns", `[{"type":"table","rows":[` + repeat(21, `{"type":"raw_text","text":"a"}`) + `]}]`, "invalid_blocks: no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"},
		{"two tables", repeat(2, `{"type":"table","rows":[[{"type":"raw_text","text":"a"}]]}`), "invalid_blocks: only one table is allowed in a message [json-pointer:/blocks/1]"},
		{"markdown", `[{"type":"markdown","text":"**x**"}]`, ""},
		{"rich text", `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"` + long(13001) + `"}]}]}]`, "msg_blocks_too_long:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, slacksim.ValidateMessage("text", []byte(test.blocks)), test.want)
		})
	}
	check(t, slacksim.ValidateMessage("", nil), "no_text:")
	check(t, slacksim.ValidateMessage(long(40_000), nil), "")
	check(t, slacksim.ValidateMessage(long(40_001), nil), "msg_too_long:")
	check(t, slacksim.ValidateMessage("", []byte("["+divider+"]")), "")
}

// check compares an error with "code: first problem".
func check(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var invalid *slacksim.ValidationError
	require.ErrorAs(t, err, &invalid)
	code, problem, _ := strings.Cut(want, ":")
	require.Equal(t, code, invalid.Code)
	if problem = strings.TrimSpace(problem); problem != "" {
		require.Len(t, invalid.Problems, 1, "%v", err)
		require.Equal(t, problem, invalid.Problems[0].String())
		require.ErrorContains(t, err, problem)
	}
}

func TestValidateView(t *testing.T) {
	t.Parallel()
	modal := func(rest string) string {
		return `{"type":"modal","title":` + pt("Title") + `,"blocks":[]` + rest + `}`
	}
	for _, test := range []struct{ name, view, want string }{
		{"smallest", modal(""), ""},
		{"not json", `{`, "invalid_arguments: must be a JSON object [json-pointer:/view]"},
		{"no type", `{"blocks":[]}`, "invalid_arguments: must be one of: modal, home [json-pointer:/view/type]"},
		{"no title", `{"type":"modal","blocks":[]}`, "invalid_arguments: missing required field: title [json-pointer:/view]"},
		{"no blocks", `{"type":"home"}`, "invalid_arguments: missing required field: blocks [json-pointer:/view]"},
		{"title 25", `{"type":"modal","title":` + pt(long(25)) + `,"blocks":[]}`, "invalid_arguments: must be less than 25 characters [json-pointer:/view/title/text]"},
		{"submit 25", modal(`,"submit":` + pt(long(25))), "invalid_arguments: must be less than 25 characters [json-pointer:/view/submit/text]"},
		{"close 25", modal(`,"close":` + pt(long(25))), "invalid_arguments: must be less than 25 characters [json-pointer:/view/close/text]"},
		{"metadata 3000", modal(`,"private_metadata":"` + long(3000) + `"`), ""},
		{"metadata 3001", modal(`,"private_metadata":"` + long(3001) + `"`), "invalid_arguments: must be less than 3001 characters [json-pointer:/view/private_metadata]"},
		{"callback_id 256", modal(`,"callback_id":"` + long(256) + `"`), "invalid_arguments: must be less than 256 characters [json-pointer:/view/callback_id]"},
		{"100 blocks", `{"type":"home","blocks":` + repeat(100, divider) + `}`, ""},
		{"101 blocks", `{"type":"home","blocks":` + repeat(101, divider) + `}`, "invalid_arguments: no more than 100 items allowed [json-pointer:/view/blocks]"},
		{"input without submit", `{"type":"modal","title":` + pt("x") + `,"blocks":` + inputOf(`{"type":"plain_text_input"}`) + `}`, "invalid_arguments: missing required field: submit [json-pointer:/view]"},
		{"home with submit", `{"type":"home","blocks":[],"submit":` + pt("x") + `}`, "invalid_arguments: invalid additional property: submit [json-pointer:/view]"},
		{"markdown in a modal", `{"type":"modal","title":` + pt("x") + `,"blocks":[{"type":"markdown","text":"x"}]}`, "invalid_arguments: unsupported type: markdown [json-pointer:/view/blocks/0/type]"},
		{"flags", modal(`,"notify_on_close":"yes"`), "invalid_arguments: must be a boolean [json-pointer:/view/notify_on_close]"},
		{"block is no object", `{"type":"home","blocks":[1]}`, "invalid_arguments: must be an object [json-pointer:/view/blocks/0]"},
		{"too large", `{"type":"home","blocks":` + repeat(20_000, divider) + `}`, "view_too_large:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, slacksim.ValidateView([]byte(test.view)), test.want)
		})
	}
}

func TestEveryProblemIsTold(t *testing.T) {
	t.Parallel()
	err := slacksim.ValidateMessage("x", []byte(`[{"type":"x"},{"type":"y"}]`))
	var invalid *slacksim.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, 2)
}

func FuzzValidate(f *testing.F) {
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`)
	f.Add(actions(`{"type":"static_select","options":[` + option("v") + `],"initial_option":1}`))
	f.Add(`[{"type":"table","rows":[[{"type":"rich_text","elements":[]}],1],"column_settings":[null]}]`)
	f.Add(inputOf(`{"type":"plain_text_input","dispatch_action_config":null,"max_length":"x"}`))
	f.Fuzz(func(t *testing.T, blocks string) {
		_ = slacksim.ValidateMessage("x", []byte(blocks)) // no input makes it panic, nor the renderer
		_ = slacksim.ValidateView([]byte(`{"type":"home","blocks":` + blocks + `}`))
		_ = slacksim.PlainText(slacksim.Message{Blocks: json.RawMessage(blocks)})
	})
}
