package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// merger prints the log lines of several processes as one readable stream.
type merger struct {
	mu     sync.Mutex
	out    io.Writer
	raw    io.Writer // the same lines as they were written; may be nil
	colour bool
}

const (
	nameWidth = len("fairness")
	red       = "31"
)

var palette = map[string]string{"ingress": "36", "runs": "32", "fairness": "35", "reminder": "33", "demo": "1"}

// line prints one line of name's output. Lines of JSON are laid out for people, others are printed as they are.
func (m *merger) line(name string, raw []byte) {
	text := string(raw)
	readable, level, ok := layOut(raw)
	if ok {
		text = readable
	}
	label := fmt.Sprintf("%-*s", nameWidth, name)
	if m.colour {
		label = paint(palette[name], label)
		if level == "ERROR" {
			text = paint(red, text)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = fmt.Fprintf(m.out, "%s │ %s\n", label, text)
	if m.raw != nil {
		_, _ = fmt.Fprintf(m.raw, "%s\n", raw)
	}
}

func (m *merger) say(format string, args ...any) { m.line("demo", fmt.Appendf(nil, format, args...)) }

func paint(colour, text string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }

// writer returns where the process called name writes its output.
func (m *merger) writer(name string) io.Writer {
	return &lines{each: func(raw []byte) { m.line(name, raw) }}
}

// lines is a writer that hands on whole lines.
type lines struct {
	each func(raw []byte)
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if line := bytes.TrimRight(l.rest[:end], "\r"); len(line) > 0 {
			l.each(line)
		}
		l.rest = l.rest[end+1:]
	}
}

// layOut turns a slog JSON line into "15:04:05.000 LEVEL message  key=value …". ok is false for anything else.
func layOut(raw []byte) (text, level string, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return "", "", false
	}
	var when, msg string
	var rest []string
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", "", false
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "", "", false
		}
		switch key {
		case "time":
			if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(value)); err == nil {
				when = at.Local().Format("15:04:05.000")
			}
		case "level":
			level = fmt.Sprint(value)
		case "msg":
			msg = fmt.Sprint(value)
		case "trace_id":
			rest = append(rest, fmt.Sprintf("ref=%.8v", value)) // as people see it in Slack
		case "service", "version", "span_id", "correlation_id":
			// said by the label or the ref, or of no use to a reader
		default:
			rest = append(rest, fmt.Sprintf("%v=%s", key, readable(value)))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s %-5s %s  %s", when, level, msg, strings.Join(rest, " "))), level, true
}

// readable is a value of a log line in few words. Of readiness checks, only those that failed: "kafka: no broker".
func readable(value any) string {
	group, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprint(value)
	}
	var parts []string
	for name, v := range group {
		check, ok := v.(map[string]any)
		switch {
		case !ok:
			parts = append(parts, fmt.Sprintf("%s: %v", name, v))
		case check["ok"] != true:
			parts = append(parts, fmt.Sprintf("%s: %v", name, check["error"]))
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "all well"
	}
	return strings.Join(parts, "; ")
}
