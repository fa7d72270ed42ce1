package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeSlack is as much of Slack's Web API as sending needs, with faults on demand.
type fakeSlack struct {
	*httptest.Server

	mu       sync.Mutex
	faults   map[string][]fault // by method, taken one per call
	posts    []post
	changes  []change
	whispers []whisper
	calls    map[string]int
	ts       int
}

type post struct {
	channel, ts, text string
	blocks, metadata  json.RawMessage
	at                time.Time
}

type change struct {
	ts, text string
	at       time.Time
}

type whisper struct{ channel, user, text string }

// fault is how a call goes wrong.
type fault struct {
	channel    string // of the call it is for; empty: whichever comes first
	code       string // Slack's error code; ratelimited: a 429
	retryAfter int
	lost       bool          // carried out, and the answer lost
	delay      time.Duration // works, later
	applied    bool          // carried out, and code returned nevertheless
}

func newFakeSlack(t *testing.T) *fakeSlack {
	f := &fakeSlack{faults: map[string][]fault{}, calls: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeSlack) fail(method string, faults ...fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[method] = append(f.faults[method], faults...)
}

func (f *fakeSlack) serve(w http.ResponseWriter, r *http.Request) {
	method := r.URL.Path[len("/api/"):]
	f.mu.Lock()
	f.calls[method]++
	var now fault
	at := slices.IndexFunc(f.faults[method], func(one fault) bool { return one.channel == "" || one.channel == r.FormValue("channel") })
	if at >= 0 {
		now = f.faults[method][at]
		f.faults[method] = slices.Delete(f.faults[method], at, at+1)
	}
	f.mu.Unlock()
	if now.delay > 0 {
		select {
		case <-time.After(now.delay):
		case <-r.Context().Done():
		}
	}
	answer := map[string]any{"ok": false, "error": now.code}
	if now.code == "" || now.applied {
		f.mu.Lock()
		done := f.do(method, r)
		f.mu.Unlock()
		if now.code == "" {
			answer = done
		}
	}
	switch {
	case now.lost:
		panic(http.ErrAbortHandler)
	case now.code == "ratelimited":
		w.Header().Set("Retry-After", fmt.Sprint(now.retryAfter))
		w.WriteHeader(http.StatusTooManyRequests)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeSlack) do(method string, r *http.Request) map[string]any {
	channel, text := r.FormValue("channel"), r.FormValue("text")
	answer := map[string]any{"ok": true}
	switch method {
	case "auth.test":
		answer["team_id"], answer["user_id"] = office, "U0BUDDY"
	case "chat.postMessage":
		f.ts++
		ts := fmt.Sprintf("1700000000.%06d", f.ts)
		f.posts = append(f.posts, post{channel, ts, text, json.RawMessage(r.FormValue("blocks")), json.RawMessage(r.FormValue("metadata")), time.Now()})
		answer["ts"], answer["channel"] = ts, channel
	case "chat.update":
		f.changes = append(f.changes, change{r.FormValue("ts"), text, time.Now()})
		answer["ts"], answer["channel"] = r.FormValue("ts"), channel
	case "chat.postEphemeral":
		f.whispers = append(f.whispers, whisper{channel, r.FormValue("user"), text})
		answer["message_ts"] = "1700000000.000001"
	case "conversations.open":
		answer["channel"] = map[string]any{"id": "D" + r.FormValue("users")}
	case "conversations.history":
		messages := []map[string]any{}
		for _, p := range f.posts {
			if p.channel == channel {
				messages = append(messages, map[string]any{"type": "message", "ts": p.ts, "metadata": p.metadata})
			}
		}
		answer["messages"] = messages
	}
	return answer
}

// posted returns the messages in a channel.
func (f *fakeSlack) posted(channel string) []post {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []post
	for _, p := range f.posts {
		if p.channel == channel {
			all = append(all, p)
		}
	}
	return all
}

func (f *fakeSlack) changed() []change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]change(nil), f.changes...)
}

func (f *fakeSlack) whispered() []whisper {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]whisper(nil), f.whispers...)
}

func (f *fakeSlack) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}
