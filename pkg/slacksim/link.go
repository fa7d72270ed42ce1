package slacksim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Socket Mode: the app opens connections, and its requests come through them in envelopes.
// https://docs.slack.dev/apis/events-api/using-socket-mode
const (
	mostLinks  = 10
	ticketLife = 30 * time.Second
	mostAck    = 20 << 10    // bytes; Slack ignores what is larger
	farewell   = time.Second // between saying so and ending a connection
	pingEvery  = 10 * time.Second
)

// links are the app's connections.
type links struct {
	mu      sync.Mutex
	tickets map[string]time.Time // until when each can be used
	open    []*link              // the oldest first
	number  int                  // of those that were ever open
	turn    int
}

// link is one connection.
type link struct {
	Link
	conn    *websocket.Conn
	gone    chan struct{}                   // closed when it has ended
	waiting map[string]chan json.RawMessage // for an acknowledgement, by envelope
}

// Link is one of the app's connections.
type Link struct {
	ID        int `json:"id"`
	Envelopes int `json:"envelopes"` // given to it so far
}

func (s *Sim) appsConnectionsOpen(c *call) (object, error) {
	return object{"url": "ws" + strings.TrimPrefix(c.base, "http") + "/link/?ticket=" + s.links.ticket(c.now)}, nil
}

func (l *links) ticket(now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, end := range l.tickets {
		if now.After(end) {
			delete(l.tickets, id)
		}
	}
	id := secretID(16)
	l.tickets[id] = now.Add(ticketLife)
	return id
}

// redeem reports whether a ticket was still good. It is no longer.
func (l *links) redeem(ticket string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	end, known := l.tickets[ticket]
	delete(l.tickets, ticket)
	return known && !now.After(end)
}

// handleLink is GET /link/: one connection, for as long as it lasts.
func (s *Sim) handleLink(w http.ResponseWriter, r *http.Request) {
	if !s.links.redeem(r.URL.Query().Get("ticket"), s.cfg.Now()) {
		http.Error(w, "ticket is not valid", http.StatusUnauthorized)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // of the origin: the ticket is the proof
	if err != nil {
		return // was answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxBody)
	if s.links.count() >= mostLinks {
		say(s.ctx, conn, object{"type": "disconnect", "reason": "too_many_websockets"})
		_ = conn.Close(websocket.StatusPolicyViolation, "")
		return
	}
	say(s.ctx, conn, object{
		"type": "hello", "num_connections": s.links.count() + 1, "connection_info": object{"app_id": s.cfg.Workspace.Bot.AppID},
		"debug_info": object{"host": "slacksim", "approximate_connection_time": 18060},
	})
	l := s.links.add(conn)
	defer s.links.remove(l)
	go l.ping()
	for {
		_, raw, err := conn.Read(s.ctx)
		if err != nil {
			return
		}
		s.links.acknowledged(l, raw)
	}
}

// say sends a message; that the connection has ended is found by whoever reads from it.
func say(ctx context.Context, conn *websocket.Conn, message object) {
	raw, _ := json.Marshal(message) // strings and numbers: cannot fail
	_ = conn.Write(ctx, websocket.MessageText, raw)
}

// ping ends a connection whose other end is gone.
func (l *link) ping() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), pingEvery)
		err := l.conn.Ping(ctx)
		cancel()
		if err != nil {
			_ = l.conn.CloseNow()
			return
		}
	}
}

func (l *links) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

func (l *links) add(conn *websocket.Conn) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	added := &link{Link: Link{ID: l.number}, conn: conn, gone: make(chan struct{}), waiting: map[string]chan json.RawMessage{}}
	l.open = append(l.open, added)
	return added
}

func (l *links) remove(gone *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = slices.DeleteFunc(l.open, func(other *link) bool { return other == gone })
	close(gone.gone)
}

// next is the connection whose turn it is, ready to wait for an acknowledgement; nil: none is open.
func (l *links) next(envelope string) (*link, <-chan json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == 0 {
		return nil, nil
	}
	l.turn = (l.turn + 1) % len(l.open)
	next, ack := l.open[l.turn], make(chan json.RawMessage, 1)
	next.waiting[envelope] = ack
	next.Envelopes++
	return next, ack
}

func (l *links) acknowledged(by *link, raw []byte) {
	var ack struct {
		Envelope string          `json:"envelope_id"`
		Payload  json.RawMessage `json:"payload"`
	}
	if len(raw) >= mostAck || json.Unmarshal(raw, &ack) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if waiting := by.waiting[ack.Envelope]; waiting != nil {
		delete(by.waiting, ack.Envelope)
		waiting <- ack.Payload
	}
}

func (l *links) forget(from *link, envelope string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(from.waiting, envelope)
}

// deliver gives a request to the app's connections, one after the other until it is acknowledged.
func (l *links) deliver(ctx context.Context, o outgoing) reply {
	start := time.Now()
	id := secretID(16)
	envelope := object{
		"envelope_id": id, "type": o.kind, "payload": json.RawMessage(o.payload), "accepts_response_payload": o.kind != kindEvent,
	}
	if o.kind == kindEvent {
		envelope["retry_attempt"], envelope["retry_reason"] = o.retry, o.reason
	}
	for {
		next, ack := l.next(id)
		if next == nil {
			return reply{err: errDispatch, took: time.Since(start)}
		}
		say(ctx, next.conn, envelope)
		select {
		case payload := <-ack:
			r := reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, took: time.Since(start)}
			if o.kind != kindEvent && !bytes.Equal(payload, []byte("null")) {
				r.body = payload
			}
			return r
		case <-next.gone: // another one's turn
		case <-ctx.Done():
			l.forget(next, id)
			return reply{err: deliveryError(ctx.Err()), took: time.Since(start)}
		}
	}
}

func (s *Sim) getLinks(*http.Request) (any, error) {
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	open := []Link{}
	for _, l := range s.links.open {
		open = append(open, l.Link)
	}
	return object{"links": open}, nil
}

// disconnect is the end of a connection.
type disconnect struct {
	ID     int    `json:"id"`
	Reason string `json:"reason"`
}

func (s *Sim) postLink(r *http.Request) (any, error) {
	in, err := read[disconnect](r)
	if err != nil {
		return nil, err
	}
	s.links.mu.Lock()
	at := slices.IndexFunc(s.links.open, func(l *link) bool { return l.ID == in.ID })
	var l *link
	if at >= 0 {
		l = s.links.open[at]
	}
	s.links.mu.Unlock()
	if l == nil {
		return nil, badRequest("link_not_found", "no such connection is open")
	}
	if in.Reason == "" {
		_ = l.conn.CloseNow() // an error: it has ended already
		<-l.gone
		return nil, nil
	}
	say(r.Context(), l.conn, object{"type": "disconnect", "reason": in.Reason, "debug_info": object{"host": "slacksim"}})
	if in.Reason != "warning" {
		time.AfterFunc(farewell, func() { _ = l.conn.Close(websocket.StatusGoingAway, "") })
	}
	return nil, nil
}
