package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Slack's limits, with room to spare for what stands around the text.
const (
	maxSection = 2900 // of 3000 characters in a section
	maxMessage = 9000 // of about 13 000 in all blocks of a message
	maxLine    = 600  // of a list that is not the full one
	maxLabel   = 75   // of a button
)

// OneLine is typed text on one line, without what nobody sees: control characters, those that turn the text around them,
// those without width. Empty: there is nothing to see.
func OneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case r == '\u200c', r == '\u200d', r >= 0xE0020 && r <= 0xE007F: // join letters and emoji, and make flags
			return r
		case unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, text)), " ")
}

// shown is typed text as it can stand on a line among other words: what is written from right to left keeps to itself.
func shown(text string) string {
	const isolate, end = "\u2068", "\u2069"
	text = OneLine(text)
	if strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
	}) {
		return isolate + text + end
	}
	return text
}

// escape makes typed text harmless in a message's top-level text, which is mrkdwn.
func escape(text string) string { return escaper.Replace(text) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// size is a text's length in characters. Slack keeps some escaped; whether it counts them so, it does not say.
func size(text string) int {
	return utf8.RuneCountInString(text) + 4*strings.Count(text, "&") + 3*strings.Count(text, "<") + 3*strings.Count(text, ">")
}

// fit returns the beginning of text that has at most limit characters, and the rest.
func fit(text string, limit int) (begin, rest string) {
	for i, r := range text {
		if limit -= size(string(r)); limit < 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// cut shortens text to at most limit characters, with an ellipsis.
func cut(text string, limit int) string {
	if size(text) <= limit {
		return text
	}
	begin, _ := fit(text, limit-1)
	return begin + "…"
}
