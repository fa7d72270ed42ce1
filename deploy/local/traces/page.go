package traces

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// shown is how many traces the page lists.
const shown = 15

// click is one trace in the list.
type click struct {
	Ref, Name string
	At        string
	Took      time.Duration
	Services  int
	Failed    bool
}

// bar is one span in the waterfall.
type bar struct {
	Span
	Label       string // the name, and what kind of message it was about
	Depth       int
	Left, Width float64 // in percent of the whole
	After       time.Duration
}

// Show answers GET /traces?ref=…: the newest clicks, and the waterfall of the one whose trace id begins with ref; of the newest if
// it is not given, and then the page follows what happens.
func (c *Collector) Show(w http.ResponseWriter, r *http.Request) {
	ref := r.FormValue("ref")
	var clicks []click
	for _, spans := range byTrace(c.Spans("")) {
		if one, ok := clickOf(spans); ok {
			clicks = append(clicks, one)
		}
	}
	slices.Reverse(clicks)
	clicks = clicks[:min(len(clicks), shown)]
	view := struct {
		Follows bool
		Ref     string
		Clicks  []click
		Bars    []bar
	}{ref == "", ref, clicks, nil}
	if view.Follows && len(clicks) > 0 {
		view.Ref = clicks[0].Ref
	}
	if view.Ref != "" {
		view.Bars = waterfall(c.Spans(strings.ToLower(view.Ref)))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if err := page.Execute(w, view); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// byTrace splits what Spans returned.
func byTrace(spans []Span) [][]Span {
	var all [][]Span
	for _, s := range spans {
		if n := len(all); n > 0 && all[n-1][0].Trace == s.Trace {
			all[n-1] = append(all[n-1], s)
		} else {
			all = append(all, []Span{s})
		}
	}
	return all
}

// clickOf sums a trace up. False: it did not begin with a person, or its beginning has not come yet.
func clickOf(spans []Span) (click, bool) {
	root := slices.IndexFunc(spans, func(s Span) bool { return s.Parent == "" && strings.HasPrefix(s.Name, "POST /slack/") })
	if root < 0 {
		return click{}, false
	}
	services := map[string]bool{}
	one := click{Ref: spans[root].Trace[:8], Name: nameOf(spans[root], spans), At: spans[root].Start.Format("15:04:05")}
	for _, s := range spans {
		services[s.Service] = true
		one.Failed = one.Failed || s.Failed
		one.Took = max(one.Took, s.Start.Add(s.Took).Sub(spans[root].Start).Round(time.Millisecond))
	}
	one.Services = len(services)
	return one, true
}

// nameOf is what was asked for, as far as the command says it that came of it.
func nameOf(root Span, spans []Span) string {
	for _, s := range spans {
		if kind := s.Attributes[messageType]; strings.HasPrefix(kind, "coffeebuddy.command.") {
			return last(kind)
		}
	}
	return strings.TrimPrefix(root.Name, "POST /slack/")
}

const messageType = "messaging.message.type"

func last(dotted string) string { return dotted[strings.LastIndex(dotted, ".")+1:] }

func labelOf(s Span) string {
	if kind := s.Attributes[messageType]; kind != "" {
		verb, _, _ := strings.Cut(s.Name, " ")
		return verb + " " + last(kind)
	}
	return strings.Replace(s.Name, "coffeebuddy.", "", 1)
}

// waterfall has each span below what it came from, in the order of their beginnings.
func waterfall(spans []Span) []bar {
	if len(spans) == 0 {
		return nil
	}
	first, end := spans[0].Start, spans[0].Start
	known, children := map[string]bool{}, map[string][]Span{}
	for _, s := range spans {
		known[s.ID] = true
		if s.Start.Before(first) {
			first = s.Start
		}
		if ends := s.Start.Add(s.Took); ends.After(end) {
			end = ends
		}
	}
	for _, s := range spans {
		parent := s.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	whole := max(end.Sub(first), time.Microsecond)
	var bars []bar
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		slices.SortStableFunc(children[parent], func(a, b Span) int { return a.Start.Compare(b.Start) })
		for _, s := range children[parent] {
			after := s.Start.Sub(first)
			bars = append(bars, bar{
				Span: s, Label: labelOf(s), Depth: depth, After: after.Round(100 * time.Microsecond),
				Left: 100 * float64(after) / float64(whole), Width: max(100*float64(s.Took)/float64(whole), .3),
			})
			below(s.ID, depth+1)
		}
	}
	below("", 0)
	return bars
}
