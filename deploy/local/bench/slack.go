package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	signingSecret = "bench"
	team          = "T0BENCH"
)

// slackDouble answers the Web API at once and without limits. Unlike the simulator it checks nothing, so that it takes
// little of the processor time that the product needs.
type slackDouble struct {
	url    string
	server *http.Server

	calls    atomic.Int64 // chat.*
	updates  atomic.Int64 // of them, chat.update
	received atomic.Int64 // bytes of their bodies
	refused  atomic.Int64 // clicks answered at their response_url, as it is done when a command cannot be handed over
	lastTS   atomic.Int64

	mu       sync.Mutex
	channels map[string]*channel
}

func startSlack() (*slackDouble, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	s := &slackDouble{url: "http://" + listener.Addr().String(), channels: map[string]*channel{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *slackDouble) close() { _ = s.server.Close() }

func (s *slackDouble) add(c *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[c.id] = c
}

func (s *slackDouble) channel(id string) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[id]
}

func (s *slackDouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now() // the call has arrived
	method, isCall := strings.CutPrefix(r.URL.Path, "/api/")
	if !isCall {
		s.refused.Add(1)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(method, "chat.") {
		s.calls.Add(1)
		s.received.Add(r.ContentLength)
	}
	answer := map[string]any{"ok": true}
	switch method {
	case "auth.test":
		answer["team_id"], answer["user_id"], answer["bot_id"] = team, "U0BOT", "B0BOT"
	case "users.info":
		id := r.PostForm.Get("user")
		answer["user"] = map[string]any{
			"id": id, "name": strings.ToLower(id), "tz": "Europe/Berlin",
			"profile": map[string]any{"display_name": "Person " + strings.TrimPrefix(id, "U")},
		}
	case "conversations.info":
		answer["channel"] = map[string]any{"id": r.PostForm.Get("channel"), "is_member": true}
	case "conversations.open":
		answer["channel"] = map[string]any{"id": "D" + strings.TrimPrefix(r.PostForm.Get("users"), "U")}
	case "chat.postMessage":
		ts := fmt.Sprintf("1735689600.%06d", s.lastTS.Add(1))
		answer["channel"], answer["ts"] = r.PostForm.Get("channel"), ts
		if c := s.channel(r.PostForm.Get("channel")); c != nil {
			c.posted(ts, r.PostForm.Get("text"), r.PostForm.Get("blocks"))
		}
	case "chat.update":
		s.updates.Add(1)
		answer["channel"], answer["ts"] = r.PostForm.Get("channel"), r.PostForm.Get("ts")
		if c := s.channel(r.PostForm.Get("channel")); c != nil {
			c.updated(at)
		}
	case "chat.postEphemeral":
		answer["message_ts"] = "1735689600.000000"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}
