package slacksocket

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	mostEnvelope = 1 << 20 // bytes; Slack's own stay far below
	mostAtOnce   = 100     // envelopes being decided on, per connection; more wait
	ackLimit     = time.Second
	farewell     = 30 * time.Second // Slack ends a connection that it announced the end of well within this
	pingEvery    = 10 * time.Second
	pongLimit    = 5 * time.Second
)

// envelope is what Slack sends.
// https://docs.slack.dev/apis/events-api/using-socket-mode
type envelope struct {
	Type    string          `json:"type"`
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
	Answers bool            `json:"accepts_response_payload"`
	Reason  string          `json:"reason"` // of a disconnect
}

// acknowledgement is what we send.
type acknowledgement struct {
	ID      string `json:"envelope_id"`
	Payload any    `json:"payload,omitempty"`
}

func read(ctx context.Context, conn *websocket.Conn) (e envelope, err error) {
	_, raw, err := conn.Read(ctx)
	if err != nil {
		return e, fmt.Errorf("read: %w", err)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("message that is no JSON object: %w", err)
	}
	return e, nil
}

// connection is an open one.
type connection struct {
	conn   *websocket.Conn
	answer Answer
	log    *slog.Logger

	leaving chan struct{} // closed when another one is needed
	leave   func()
	finish  func()         // acknowledges what has come in, takes nothing more and closes
	intake  sync.RWMutex   // held for reading while an envelope is decided on, and for good by finish
	busy    sync.WaitGroup // the same envelopes, for serve
	places  chan struct{}
}

func newConnection(conn *websocket.Conn, answer Answer, log *slog.Logger) *connection {
	c := &connection{conn: conn, answer: answer, log: log, leaving: make(chan struct{}), places: make(chan struct{}, mostAtOnce)}
	c.leave = sync.OnceFunc(func() { close(c.leaving) })
	c.finish = sync.OnceFunc(func() {
		c.intake.Lock()
		_ = c.conn.Close(websocket.StatusNormalClosure, "")
	})
	return c
}

// serve takes what comes until the connection ends; the end of ctx ends it in order. The error is why it ended.
func (c *connection) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.finish)()
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx)) // whatever has come in is acknowledged
	defer cancel()
	defer c.busy.Wait()
	defer c.leave()
	go c.ping(alive)
	for {
		e, err := read(alive, c.conn)
		switch {
		case err != nil:
			_ = c.conn.CloseNow()
			return err
		case e.Type == "disconnect":
			c.disconnected(alive, e.Reason)
		case e.ID != "":
			c.places <- struct{}{}
			c.busy.Go(func() {
				defer func() { <-c.places }()
				c.take(alive, e)
			})
		}
	}
}

// take decides on an envelope and acknowledges it, unless the connection is being closed: then it comes again by another.
func (c *connection) take(ctx context.Context, e envelope) {
	if !c.intake.TryRLock() {
		return
	}
	defer c.intake.RUnlock()
	ack := acknowledgement{ID: e.ID, Payload: c.answer(ctx, e.ID, e.Type, e.Payload)}
	if !e.Answers {
		ack.Payload = nil
	}
	raw, err := json.Marshal(ack)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, ackLimit)
		defer cancel()
		err = c.conn.Write(ctx, websocket.MessageText, raw)
	}
	if err != nil { // Slack sends it again, and what it asks is done once
		c.log.WarnContext(ctx, "envelope not acknowledged", "kind", e.Type, "error", err)
	}
}

// disconnected has another connection opened. Slack ends this one itself, and what it sends until then is still taken.
func (c *connection) disconnected(ctx context.Context, reason string) {
	if reason == "link_disabled" || reason == "too_many_websockets" {
		c.log.ErrorContext(ctx, "slack ends the connection: turn Socket Mode on in the app's settings, or have fewer connections (SLACK_SOCKET_CONNECTIONS)", "reason", reason)
	}
	time.AfterFunc(farewell, c.finish)
	c.leave()
}

// ping closes a connection whose other end is gone without a word.
func (c *connection) ping(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		waiting, cancel := context.WithTimeout(ctx, pongLimit)
		err := c.conn.Ping(waiting)
		cancel()
		if err != nil {
			_ = c.conn.CloseNow()
			return
		}
	}
}
