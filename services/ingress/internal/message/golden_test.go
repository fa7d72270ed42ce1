package message_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares shown, in this order, with testdata/name.golden: for each part how Ana in Berlin reads it, what a
// notification or a screen reader says, and what is sent. Parts are messages or modals, with a title before each where
// there are several. All must be as Slack takes them.
func golden(t *testing.T, name string, shown ...any) {
	t.Helper()
	var out strings.Builder
	title := ""
	for _, part := range shown {
		switch part := part.(type) {
		case string:
			title = " " + part + " "
		case message.Message:
			valid(t, part)
			blocks := encode(t, part.Blocks)
			read, heard := abridge(reader(t).Blocks(blocks, nil)), reader(t).Mrkdwn(part.Text)
			if heard == read {
				heard = "the same"
			}
			fmt.Fprintf(&out, "════%s════ reads\n%s\n──── hears\n%s\n──── gets\n%s\n", title, read, heard,
				shorten(encode(t, map[string]any{"text": part.Text, "blocks": json.RawMessage(blocks)})))
		case slack.HomeTabViewRequest:
			raw := encode(t, part)
			require.NoError(t, slacksim.ValidateView(raw))
			var view slacksim.View
			require.NoError(t, json.Unmarshal(raw, &view))
			fmt.Fprintf(&out, "════%s════ reads\n%s\n──── gets\n%s\n", title, reader(t).View(view), raw)
		case slack.ModalViewRequest:
			raw := encode(t, part)
			require.NoError(t, slacksim.ValidateView(raw))
			var view slacksim.View
			require.NoError(t, json.Unmarshal(raw, &view))
			fmt.Fprintf(&out, "════%s════ reads\n%s\n──── gets\n%s\n", title, reader(t).View(view), raw)
		default:
			require.FailNow(t, "not to be shown", "%T", part)
		}
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./internal/message -update writes it")
	require.Equal(t, string(want), out.String(), "%s; if this is right: go test ./internal/message -update", path)
}

func reader(t *testing.T) slacksim.Reader {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return slacksim.Reader{Zone: zone, Now: now, Names: func(id string) string {
		switch id {
		case channelID:
			return "coffee"
		case botID:
			return "CoffeeBuddy"
		}
		return office[id]
	}}
}

// valid checks what no message may get wrong: Slack's rules, something to hear, nothing of what people typed at work.
func valid(t *testing.T, m message.Message) {
	t.Helper()
	blocks := encode(t, m.Blocks)
	require.NoError(t, slacksim.ValidateMessage(m.Text, blocks))
	require.NotEmpty(t, m.Text, "screen readers and notifications have nothing else")
	require.Less(t, len([]rune(m.Text)), 1000)
	inert(t, m.Text)
	var all any
	require.NoError(t, json.Unmarshal(blocks, &all))
	each(all, func(object map[string]any) {
		if object["type"] == "mrkdwn" {
			inert(t, object["text"].(string))
			require.Equal(t, true, object["verbatim"], "Slack must not look for links")
		}
	})
}

var (
	ours   = regexp.MustCompile(`<(@U[0A-Z]+|#C[0A-Z]+|!date\^\d+\^(\{date_short_pretty\} )?\{time\}\|[\w ]*\d\d:\d\d UTC)>`)
	entity = regexp.MustCompile(`&(amp|lt|gt);`)
)

// inert checks that nothing in a mrkdwn text mentions, links or notifies but what we put there ourselves.
func inert(t *testing.T, text string) {
	t.Helper()
	require.NotRegexp(t, `[<>&]`, entity.ReplaceAllString(ours.ReplaceAllString(text, ""), ""), text)
}

func each(value any, visit func(map[string]any)) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			each(item, visit)
		}
	case map[string]any:
		visit(value)
		for _, item := range value {
			each(item, visit)
		}
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(value))
	return bytes.TrimSpace(out.Bytes())
}

// abridge leaves out the middle of what is too long to be read in a review.
func abridge(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if runes := []rune(line); len(runes) > 200 && !strings.Contains(line, "`") { // help is read in full
			lines[i] = fmt.Sprintf("%s ⟨%d more characters⟩ %s", string(runes[:60]), len(runes)-100, string(runes[len(runes)-40:]))
		}
	}
	if len(lines) > 24 {
		gap := fmt.Sprintf("⟨%d more lines⟩", len(lines)-12)
		lines = append(append(lines[:6:6], gap), lines[len(lines)-6:]...)
	}
	return strings.Join(lines, "\n")
}

var long = regexp.MustCompile(`"text": "(?:[^"\\]|\\.){300,}"`)

// shorten does the same to long texts in JSON: they were read above.
func shorten(raw []byte) []byte {
	return long.ReplaceAllFunc(raw, func(text []byte) []byte {
		runes := []rune(string(text))
		return fmt.Appendf(nil, "%s ⟨%d more characters⟩\"", string(runes[:60]), len(runes)-61)
	})
}
