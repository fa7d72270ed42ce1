package slacksim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// storedLink is what stands between < and > in stored text: mentions, channels,
// dates, special mentions and addresses.
var storedLink = regexp.MustCompile(`^<(@[UW][A-Z0-9]+(\|[^<>]*)?|#C[A-Z0-9]+(\|[^<>]*)?|![a-z]+(\^[^<>]*)?(\|[^<>]*)?|(https?|mailto):[^<>]+)>`)

var (
	anyLink = regexp.MustCompile(`<([^<>]+)>`)
	// Formatting marks stand at the edges of words, on one line.
	marks = []*regexp.Regexp{
		regexp.MustCompile(`(^|[\s(\[{—–"'_~])\*([^*\n]*[^*\s])\*($|[\s)\]}.,:;!?—–"'_~])`),
		regexp.MustCompile(`(^|[\s(\[{—–"'*~])_([^_\n]*[^_\s])_($|[\s)\]}.,:;!?—–"'*~])`),
		regexp.MustCompile(`(^|[\s(\[{—–"'*_])~([^~\n]*[^~\s])~($|[\s)\]}.,:;!?—–"'*_])`),
	}
	unescape  = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
	shortcode = regexp.MustCompile(`:[a-z0-9_+-]+:`)
)

// emoji are the shortcodes shown as characters; others stay as they are.
var emoji = map[string]string{
	":coffee:": "☕", ":tea:": "🍵", ":runner:": "🏃", ":wave:": "👋", ":white_check_mark:": "✅", ":x:": "❌", ":warning:": "⚠️",
	":hourglass:": "⌛", ":bell:": "🔔", ":tada:": "🎉", ":thumbsup:": "👍", ":+1:": "👍", ":point_up:": "☝️", ":round_pushpin:": "📍",
	":bar_chart:": "📊", ":information_source:": "ℹ️", ":lock:": "🔒", ":eyes:": "👀", ":smile:": "😄", ":heart:": "❤️",
}

// Mrkdwn renders Slack's markup as the text a person reads.
func (r Reader) Mrkdwn(text string) string {
	text = anyLink.ReplaceAllStringFunc(text, func(link string) string {
		target, label, labelled := strings.Cut(link[1:len(link)-1], "|")
		switch {
		case strings.HasPrefix(target, "!date^"):
			return r.date(target, label)
		case strings.HasPrefix(target, "@"):
			return "@" + r.name(target[1:])
		case strings.HasPrefix(target, "#"):
			if labelled && label != "" {
				return "#" + label
			}
			return "#" + r.name(target[1:])
		case strings.HasPrefix(target, "!"):
			if labelled {
				return label
			}
			return "@" + target[1:]
		case labelled:
			return label
		}
		return strings.TrimPrefix(target, "mailto:")
	})
	for _, mark := range marks {
		for range 2 { // neighbours share the space between them
			text = mark.ReplaceAllString(text, "$1$2$3")
		}
	}
	return r.Plain(text)
}

// Plain renders the text of a plain_text object.
func (r Reader) Plain(text string) string {
	text = shortcode.ReplaceAllStringFunc(text, func(code string) string {
		if character, ok := emoji[code]; ok {
			return character
		}
		return code
	})
	return unescape.Replace(text)
}

func (r Reader) name(id string) string {
	if r.Names != nil {
		if name := r.Names(id); name != "" {
			return name
		}
	}
	return id
}

// date renders <!date^seconds^format^link|fallback> in the reader's zone.
func (r Reader) date(target, fallback string) string {
	parts := strings.Split(target, "^")
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if len(parts) < 3 || err != nil {
		return fallback
	}
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	at := time.Unix(seconds, 0).In(zone)
	pretty := func(layout string) string {
		if r.Now.IsZero() {
			return at.Format(layout)
		}
		day := func(t time.Time) string { return t.Format(time.DateOnly) }
		today := r.Now.In(zone)
		switch day(at) {
		case day(today):
			return "today"
		case day(today.AddDate(0, 0, -1)):
			return "yesterday"
		case day(today.AddDate(0, 0, 1)):
			return "tomorrow"
		}
		return at.Format(layout)
	}
	return strings.NewReplacer(
		"{time}", at.Format("15:04"), "{time_secs}", at.Format("15:04:05"), "{date_num}", at.Format("2006-01-02"),
		"{date}", at.Format("January 2, 2006"), "{date_short}", at.Format("Jan 2, 2006"), "{date_long}", at.Format("Monday, January 2, 2006"),
		"{date_pretty}", pretty("January 2, 2006"), "{date_short_pretty}", pretty("Jan 2, 2006"), "{date_long_pretty}", pretty("Monday, January 2, 2006"),
		"{ago}", r.ago(at),
	).Replace(parts[2])
}

// ago is how far away a time is, in its largest whole unit.
func (r Reader) ago(at time.Time) string {
	if r.Now.IsZero() {
		return at.Format("15:04")
	}
	away := at.Sub(r.Now).Round(time.Minute)
	n, unit := int(away.Abs()/time.Minute), "minute"
	switch {
	case n == 0:
		return "now"
	case n >= 24*60:
		n, unit = n/(24*60), "day"
	case n >= 60:
		n, unit = n/60, "hour"
	}
	if n != 1 {
		unit += "s"
	}
	if away < 0 {
		return fmt.Sprintf("%d %s ago", n, unit)
	}
	return fmt.Sprintf("in %d %s", n, unit)
}
