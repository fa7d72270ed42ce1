package slacksim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Hint tells a page what to fetch again.
type Hint struct {
	Kind    string `json:"kind"` // message, message_changed, message_deleted, view, home, channel, workspace (all of it)
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	ViewID  string `json:"view_id,omitempty"`

	to []string // who may know; nil: everyone
}

// pendingHints bounds what a slow page can pile up.
const pendingHints = 256

// hub hands hints to the open streams.
type hub struct {
	mu      sync.Mutex
	streams map[*stream]struct{}
}

type stream struct {
	user    string
	pending []Hint
	wake    chan struct{}
}

func (h *hub) publish(hint Hint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for st := range h.streams {
		if hint.to != nil && st.user != "" && !slices.Contains(hint.to, st.user) {
			continue
		}
		if len(st.pending) >= pendingHints {
			st.pending = []Hint{{Kind: "workspace"}} // too far behind: look at everything again
		}
		st.pending = append(st.pending, hint)
		select {
		case st.wake <- struct{}{}:
		default:
		}
	}
}

func (h *hub) take(st *stream) []Hint {
	h.mu.Lock()
	defer h.mu.Unlock()
	hints := st.pending
	st.pending = nil
	return hints
}

// handleStream is GET /sim/stream: Server-Sent Events until either side leaves.
func (s *Sim) handleStream(w http.ResponseWriter, r *http.Request) {
	st := &stream{user: r.URL.Query().Get("user"), wake: make(chan struct{}, 1)}
	s.hub.mu.Lock()
	s.hub.streams[st] = struct{}{}
	s.hub.mu.Unlock()
	defer func() {
		s.hub.mu.Lock()
		delete(s.hub.streams, st)
		s.hub.mu.Unlock()
	}()

	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // a stream outlives the server's time-out
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, ": ping\n\n")
	if rc.Flush() != nil {
		return
	}
	ping := time.NewTicker(15 * time.Second)
	defer ping.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case <-ping.C:
			fmt.Fprint(w, ": ping\n\n")
		case <-st.wake:
			for _, hint := range s.hub.take(st) {
				data, _ := json.Marshal(hint)
				fmt.Fprintf(w, "data: %s\n\n", data)
			}
		}
		if rc.Flush() != nil {
			return
		}
	}
}

// changedMessage tells those who can see m. Expects Sim.mu held.
func (s *Sim) changedMessage(kind string, m *message) {
	s.dirty = true
	hint := Hint{Kind: kind, Channel: m.Channel, TS: m.TS}
	switch c := s.st.Workspace.channel(m.Channel); {
	case m.Ephemeral:
		hint.to = []string{m.To}
	case c != nil && (c.IsIM || c.IsPrivate):
		hint.to = slices.Clone(c.Members)
	}
	s.hub.publish(hint)
}

// changedView tells the person whose view it is. Expects Sim.mu held.
func (s *Sim) changedView(v *view) {
	s.dirty = true
	kind := "view"
	if v.Type == "home" {
		kind = "home"
	}
	s.hub.publish(Hint{Kind: kind, ViewID: v.ID, to: []string{v.User}})
}
