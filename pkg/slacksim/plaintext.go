package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Reader renders what Slack stores as the text a person reads. The zero value
// shows ids instead of names and times in UTC.
type Reader struct {
	Names func(id string) string // what a user or channel is called; empty: unknown
	Zone  *time.Location
	Now   time.Time // for "today" and "tomorrow"; zero: dates only
}

// Reader sees the workspace with the eyes of user.
func (w Workspace) Reader(user string) Reader {
	r := Reader{Names: func(id string) string {
		if u := w.user(id); u != nil {
			return u.Called()
		}
		if c := w.channel(id); c != nil {
			return c.Name
		}
		return ""
	}}
	if u := w.user(user); u != nil {
		r.Zone = u.Zone()
	}
	return r
}

// PlainText is a message's content, with ids for names and times in UTC.
func PlainText(m Message) string { return Reader{}.content(m) }

// Message is a message with its author, as it stands in the channel.
func (r Reader) Message(m Message) string {
	head := r.name(m.User)
	if seconds, micros, ok := strings.Cut(m.TS, "."); ok {
		zone := r.Zone
		if zone == nil {
			zone = time.UTC
		}
		var at int64
		if _, err := fmt.Sscan(seconds, &at); err == nil && len(micros) == 6 {
			head += time.Unix(at, 0).In(zone).Format("  15:04")
		}
	}
	if m.Ephemeral {
		head += "  (only visible to " + r.name(m.To) + ")"
	}
	if m.Edited {
		head += "  (edited)"
	}
	if m.ThreadTS != "" {
		head += "  (in a thread)"
	}
	return head + "\n" + indent(r.content(m), "  ") + "\n"
}

func (r Reader) content(m Message) string {
	if len(m.Blocks) > 0 && string(m.Blocks) != "null" {
		return r.Blocks(m.Blocks, nil)
	}
	return r.Mrkdwn(m.Text)
}

// View is a modal or a Home tab, with what was entered.
func (r Reader) View(v View) string {
	var out strings.Builder
	if v.Title != nil {
		fmt.Fprintf(&out, "── %s ──\n", r.Plain(v.Title.Text))
	}
	out.WriteString(r.Blocks(v.Blocks, v.State.Values))
	if v.Type == "modal" {
		closing := "Close" // Slack's word when there is none
		if v.Close != nil {
			closing = r.Plain(v.Close.Text)
		}
		fmt.Fprintf(&out, "\n[ %s ]", closing)
		if v.Submit != nil {
			fmt.Fprintf(&out, " [ %s ]", r.Plain(v.Submit.Text))
		}
	}
	return out.String()
}

// Blocks renders a Block Kit array, line by line. Entered may be nil.
func (r Reader) Blocks(raw json.RawMessage, entered Values) string {
	blocks, err := decodeBlocks(raw)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	var lines []string
	for _, b := range blocks {
		if line := r.block(b, entered); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (r Reader) block(b object, entered Values) string {
	switch str(b, "type") {
	case "header":
		return "# " + r.text(obj(b, "text"))
	case "divider":
		return "────────"
	case "markdown":
		return str(b, "text")
	case "section":
		var parts []string
		if t := obj(b, "text"); t != nil {
			parts = append(parts, r.text(t))
		}
		for _, f := range list(b, "fields") {
			parts = append(parts, "· "+r.text(f))
		}
		line := strings.Join(parts, "\n")
		if a := obj(b, "accessory"); a != nil {
			line += "  " + r.element(a, valueOf(b, a, entered))
		}
		return line
	case "context":
		var parts []string
		for _, e := range list(b, "elements") {
			if str(e, "type") == "image" {
				parts = append(parts, "("+str(e, "alt_text")+")")
			} else {
				parts = append(parts, r.text(e))
			}
		}
		return strings.Join(parts, "  ")
	case "actions", "context_actions":
		var parts []string
		for _, e := range list(b, "elements") {
			parts = append(parts, r.element(e, valueOf(b, e, entered)))
		}
		return strings.Join(parts, " ")
	case "input":
		label := r.text(obj(b, "label"))
		if flag(b, "optional") {
			label += " (optional)"
		}
		line := label + ": " + r.element(obj(b, "element"), valueOf(b, obj(b, "element"), entered))
		if hint := obj(b, "hint"); hint != nil {
			line += "\n  " + r.text(hint)
		}
		return line
	case "image":
		if t := obj(b, "title"); t != nil {
			return "(image: " + r.text(t) + " – " + str(b, "alt_text") + ")"
		}
		return "(image: " + str(b, "alt_text") + ")"
	case "table":
		return r.table(b)
	case "rich_text":
		return r.richText(b["elements"], 0)
	}
	return "(" + str(b, "type") + ")"
}

func (r Reader) text(t object) string {
	if str(t, "type") == "mrkdwn" {
		return r.Mrkdwn(str(t, "text"))
	}
	return r.Plain(str(t, "text"))
}

// valueOf is what was entered in an element, or its initial value.
func valueOf(b, e object, entered Values) any {
	f := fields[str(e, "type")]
	if v, ok := entered[str(b, "block_id")][str(e, "action_id")]; ok {
		return v[f.name]
	}
	return e[f.initial]
}

func (r Reader) element(e object, value any) string {
	switch kind := str(e, "type"); kind {
	case "button", "workflow_button", "icon_button":
		return "[ " + r.text(obj(e, "text")) + " ]"
	case "overflow":
		var options []string
		for _, o := range list(e, "options") {
			options = append(options, r.text(obj(o, "text")))
		}
		return "[ ⋯ " + strings.Join(options, " | ") + " ]"
	case "image":
		return "(" + str(e, "alt_text") + ")"
	case "checkboxes", "radio_buttons":
		empty, full := "( ) ", "(•) "
		if kind == "checkboxes" {
			empty, full = "[ ] ", "[x] "
		}
		chosen := " " + r.shown(value) + ", "
		var options []string
		for _, o := range list(e, "options") {
			mark := empty
			if strings.Contains(chosen, " "+r.text(obj(o, "text"))+", ") {
				mark = full
			}
			options = append(options, mark+r.text(obj(o, "text")))
		}
		return strings.Join(options, "  ")
	default:
		shown := r.shown(value)
		if shown == "" {
			shown = r.text(obj(e, "placeholder"))
		}
		if strings.HasSuffix(kind, "select") || strings.HasSuffix(kind, "picker") {
			shown = strings.TrimSpace(shown + " ▾")
		}
		if shown == "" {
			return "[ ]"
		}
		return "[ " + shown + " ]"
	}
}

// shown is an entered value as the field shows it.
func (r Reader) shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return r.name(value)
	case object:
		return r.text(obj(value, "text"))
	case []any:
		var all []string
		for _, v := range value {
			all = append(all, r.shown(v))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(value)
}

func (r Reader) table(b object) string {
	var rows [][]string
	var widths []int
	items, _ := b["rows"].([]any)
	for _, item := range items {
		cells, _ := item.([]any)
		var row []string
		for i, cell := range cells {
			c, _ := cell.(object)
			text := str(c, "text")
			switch {
			case str(c, "type") == "rich_text":
				text = r.richText(c["elements"], 0)
			case text == "" && c["value"] != nil:
				text = fmt.Sprint(c["value"])
			}
			row = append(row, text)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
		rows = append(rows, row)
	}
	var out []string
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		out = append(out, strings.TrimRight(line.String(), " "))
	}
	return strings.Join(out, "\n")
}

func (r Reader) richText(value any, depth int) string {
	items, _ := value.([]any)
	if depth > maxDepth {
		return ""
	}
	var out strings.Builder
	for i, item := range items {
		e, _ := item.(object)
		switch str(e, "type") {
		case "text":
			out.WriteString(str(e, "text"))
		case "user":
			out.WriteString("@" + r.name(str(e, "user_id")))
		case "channel":
			out.WriteString("#" + r.name(str(e, "channel_id")))
		case "emoji":
			out.WriteString(r.Plain(":" + str(e, "name") + ":"))
		case "link":
			if text := str(e, "text"); text != "" {
				out.WriteString(text)
			} else {
				out.WriteString(str(e, "url"))
			}
		case "rich_text_list":
			nested, _ := e["elements"].([]any)
			for _, n := range nested {
				out.WriteString("• " + r.richText([]any{n}, depth+1) + "\n")
			}
		default:
			out.WriteString(r.richText(e["elements"], depth+1))
			if depth == 0 && i < len(items)-1 {
				out.WriteString("\n")
			}
		}
	}
	return strings.TrimRight(out.String(), "\n")
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
