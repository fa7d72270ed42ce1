package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// silence is how long a server may say nothing while we wait for it. It ends every statement before that, so one that
// is still silent is frozen, or cut off by a network that swallows packets; nobody would tell us.
const silence = statementLimit + 5*time.Second

var errSilent = errors.New("the server has been silent for too long")

// impatient makes connections that fail after a limit of silence, whether or not a context limits the call.
func impatient(dial pgconn.DialFunc, limit time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &limited{Conn: conn, limit: limit}, nil
	}
}

type limited struct {
	net.Conn
	limit time.Duration

	mu   sync.Mutex
	told bool // somebody has set a deadline, which counts instead of ours
}

func (c *limited) Read(p []byte) (int, error) {
	c.begin(c.SetReadDeadline)
	n, err := c.Conn.Read(p)
	return n, c.explain(err)
}

func (c *limited) Write(p []byte) (int, error) {
	c.begin(c.SetWriteDeadline)
	n, err := c.Conn.Write(p)
	return n, c.explain(err)
}

func (c *limited) begin(set func(time.Time) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		_ = set(time.Now().Add(c.limit)) // of a closed connection, whose reads fail anyway
	}
}

// explain hides that a deadline passed if it was ours: after a timeout pgx would go on reading.
func (c *limited) explain(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told && errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// SetDeadline is how pgx interrupts a call when its context ends; the zero time takes that back.
func (c *limited) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = !t.IsZero()
	return c.Conn.SetDeadline(t)
}
