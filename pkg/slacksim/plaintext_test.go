package slacksim_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/stretchr/testify/require"
)

func readerFor(user string) slacksim.Reader {
	r := slacksim.DefaultWorkspace().Reader(user)
	r.Now = time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)
	return r
}

func TestMrkdwn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"*Coffee run* · started by <@U0ANA>":                      "Coffee run · started by @Ana",
		"_ref 4bf9_ ~gone~ `code`":                                "ref 4bf9 gone `code`",
		"*a* *b*, *c*":                                            "a b, c",
		"2*3*4 and snake_case_name":                               "2*3*4 and snake_case_name",
		"<https://x.example|here> or <https://y.example>":         "here or https://y.example",
		"in <#C0COFFEE> and <#C9|old>":                            "in #coffee and #old",
		"<!here> &lt;b&gt; &amp;amp;":                             "@here <b> &amp;",
		"pickup <!date^1772447400^{time}|10:30>":                  "pickup 11:30",
		"<!date^1772447400^{date_short_pretty} at {time}^l|x>":    "today at 11:30",
		"<!date^1772533800^{date_pretty}|x>":                      "tomorrow",
		"<!date^1772361000^{date_pretty}|x>":                      "yesterday",
		"<!date^1790000000^{date} {date_num} {time_secs}|x>":      "September 21, 2026 2026-09-21 16:13:20",
		"<!date^1772444100^{ago}|x> <!date^1772442240^{ago}|x>":   "in 30 minutes 1 minute ago",
		"<!date^1772442360^{ago}|x> <!date^1772614800^{ago}|x>":   "in 1 minute in 1 day",
		"<!date^soon|later>":                                      "later",
		":coffee: :nosuch:":                                       "☕ :nosuch:",
		"<@U0NOBODY> <!subteam^S1|@team> <mailto:a@b.example|me>": "@U0NOBODY @team me",
	} {
		require.Equal(t, want, readerFor(ana).Mrkdwn(in), in)
	}
	require.Equal(t, "pickup 05:30", readerFor("U0DEE").Mrkdwn("pickup <!date^1772447400^{time}|10:30>")) // New York
	require.Equal(t, "10:30 UTC", slacksim.Reader{}.Mrkdwn("<!date^1772447400^{time} UTC|x>"))
}

func TestBlocksAsText(t *testing.T) {
	t.Parallel()
	blocks := `[
	 {"type":"header","text":{"type":"plain_text","text":"Run"}},
	 {"type":"section","text":{"type":"mrkdwn","text":"*3 orders*"},"fields":[{"type":"mrkdwn","text":"a"}],"accessory":{"type":"image","image_url":"https://x","alt_text":"cup"}},
	 {"type":"divider"},
	 {"type":"actions","block_id":"b","elements":[
	   {"type":"button","text":{"type":"plain_text","text":"Order"},"action_id":"o"},
	   {"type":"overflow","action_id":"m","options":[{"text":{"type":"plain_text","text":"Cancel run"},"value":"c"},{"text":{"type":"plain_text","text":"Withdraw"},"value":"w"}]},
	   {"type":"static_select","action_id":"s","placeholder":{"type":"plain_text","text":"Size"},"options":[{"text":{"type":"plain_text","text":"Small"},"value":"s"}]},
	   {"type":"users_select","action_id":"u","initial_user":"U0BEN"},
	   {"type":"radio_buttons","action_id":"r","options":[{"text":{"type":"plain_text","text":"Hot"},"value":"h"},{"text":{"type":"plain_text","text":"Cold"},"value":"c"}],"initial_option":{"text":{"type":"plain_text","text":"Cold"},"value":"c"}},
	   {"type":"checkboxes","action_id":"c","options":[{"text":{"type":"plain_text","text":"Milk"},"value":"m"}]}]},
	 {"type":"input","label":{"type":"plain_text","text":"Note"},"optional":true,"hint":{"type":"plain_text","text":"short"},"element":{"type":"plain_text_input","action_id":"n"}},
	 {"type":"image","image_url":"https://x","alt_text":"chart","title":{"type":"plain_text","text":"Standing"}},
	 {"type":"table","rows":[[{"type":"raw_text","text":"Who"},{"type":"raw_text","text":"Cups"}],[{"type":"raw_text","text":"Ana"},{"type":"raw_number","value":12}]]},
	 {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"for "},{"type":"user","user_id":"U0CEM"},{"type":"emoji","name":"coffee"}]},
	   {"type":"rich_text_list","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":"https://x"}]}]}]},
	 {"type":"context","elements":[{"type":"mrkdwn","text":"_ref 1_"},{"type":"image","image_url":"https://x","alt_text":"dot"}]}]`
	require.NoError(t, slacksim.ValidateMessage("x", []byte(blocks)))
	r := readerFor(ana)
	require.Equal(t, `# Run
3 orders
· a  (cup)
────────
[ Order ] [ ⋯ Cancel run | Withdraw ] [ Size ▾ ] [ Ben ▾ ] ( ) Hot  (•) Cold [ ] Milk
Note (optional): [ ]
  short
(image: Standing – chart)
Who  Cups
Ana  12
for @Cem☕
• https://x
ref 1  (dot)`, r.Blocks(json.RawMessage(blocks), nil))
}

func TestMessageAsText(t *testing.T) {
	t.Parallel()
	r := readerFor(ana)
	require.Equal(t, "CoffeeBuddy  11:30  (only visible to Ana)\n  Saved.\n  Thanks\n", slacksim.Reader{
		Zone: r.Zone, Names: func(id string) string { return map[string]string{"U0BUDDY": "CoffeeBuddy", ana: "Ana"}[id] },
	}.Message(slacksim.Message{TS: "1772447400.000100", User: "U0BUDDY", Text: "*Saved.*\nThanks", Ephemeral: true, To: ana}))
	require.Equal(t, "Ben  11:30  (edited)  (in a thread)\n  hi\n", r.Message(slacksim.Message{TS: "1772447400.000100", User: ben, Text: "hi", Edited: true, ThreadTS: "1.000001"}))
	require.Equal(t, "(blocks: unexpected EOF)", slacksim.PlainText(slacksim.Message{Blocks: json.RawMessage(`[`)}))
}

func TestConversation(t *testing.T) {
	t.Parallel()
	o := open(t)
	_, err := o.people.Say(o.ctx(), ben, coffee, "hi @Ana")
	require.NoError(t, err)
	got, err := o.people.Conversation(o.ctx(), coffee, ana)
	require.NoError(t, err)
	require.Equal(t, "Ben  10:05\n  hi @Ana\n", got)
}
