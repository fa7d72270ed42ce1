package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// merger prints the log lines of several processes as one readable stream.
type merger struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	width  int // of the name column
}

var palette = map[string]string{"ingress": "36", "runs": "32", "fairness": "35", "reminder": "33", "demo": "1"}

// line prints one line of name's output. Lines of JSON are laid out for people, others are printed as they are.
func (m *merger) line(name string, raw []byte) {
	text := string(raw)
	if readable, ok := layOut(raw); ok {
		text = readable
	}
	label := fmt.Sprintf("%-*s", m.width, name)
	if m.colour {
		label = "\x1b[" + palette[name] + "m" + label + "\x1b[0m"
		if strings.Contains(text, " ERROR ") {
			text = "\x1b[31m" + text + "\x1b[0m"
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = fmt.Fprintf(m.out, "%s │ %s\n", label, text)
}

// writer returns where a process writes its output.
func (m *merger) writer(name string, copyTo io.Writer) io.Writer {
	return &lines{each: func(raw []byte) { m.line(name, raw) }, copyTo: copyTo}
}

// lines is a writer that hands on whole lines.
type lines struct {
	each   func(raw []byte)
	copyTo io.Writer
	rest   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	if l.copyTo != nil {
		_, _ = l.copyTo.Write(p)
	}
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

// layOut turns a slog JSON line into "15:04:05.000 LEVEL message key=value …", ids last and shortened to what a person needs.
func layOut(raw []byte) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return "", false
	}
	var when, level, msg string
	var rest []string
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", false
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "", false
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
		case "service", "version", "span_id":
			// said by the label, or of no use to a reader
		default:
			rest = append(rest, fmt.Sprintf("%v=%v", key, value))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s %-5s %s  %s", when, level, msg, strings.Join(rest, " "))), true
}
