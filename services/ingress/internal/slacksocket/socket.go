// Package slacksocket is the door for sites that Slack cannot reach: ingress opens connections to Slack (Socket Mode), and
// Slack's requests come through them in envelopes. Each is acknowledged on the connection that it came by; one that is not
// acknowledged comes again by another.
package slacksocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

const (
	openLimit  = 10 * time.Second       // from the call to Slack's hello
	firstPause = 250 * time.Millisecond // after a failure; the next ones are longer
	mostPause  = 30 * time.Second
	steady     = 10 * time.Second // open for longer: whatever ended it is not what ended it last time
)

// Open opens a connection.
type Open func(ctx context.Context) (*websocket.Conn, error)

// Answer decides on an envelope of this id and kind. What it returns goes with the acknowledgement, unless it is nil.
type Answer func(ctx context.Context, id, kind string, payload []byte) any

// Door takes what Slack sends through its connections.
type Door struct {
	connections int
	open        Open
	answer      Answer
	log         *slog.Logger
	gauge       metric.Int64UpDownCounter

	mu      sync.Mutex
	usable  int
	problem error // why the last attempt failed
}

// New makes a door with that many connections.
func New(connections int, open Open, answer Answer, tel *telemetry.Telemetry) (*Door, error) {
	gauge, err := tel.Meter.Int64UpDownCounter("slack_connections", metric.WithDescription("Connections to Slack that requests come through."))
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return &Door{connections: connections, open: open, answer: answer, log: tel.Log, gauge: gauge}, nil
}

// Run keeps the connections open until ctx ends. It returns when everything that has come in is acknowledged.
func (d *Door) Run(ctx context.Context) error {
	var kept sync.WaitGroup
	for range d.connections {
		kept.Go(func() { d.keep(ctx) })
	}
	kept.Wait()
	return nil
}

// Check fails while no connection is open: then nothing that people do arrives.
func (d *Door) Check(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.usable > 0:
		return nil
	case d.problem != nil:
		return fmt.Errorf("no connection to Slack is open: %w", d.problem)
	default:
		return errors.New("no connection to Slack is open yet")
	}
}

// keep keeps one connection open, and for a while two: Slack says beforehand that it will end one, and goes on using it.
func (d *Door) keep(ctx context.Context) {
	var served sync.WaitGroup
	defer served.Wait()
	pause := time.Duration(0)
	for ctx.Err() == nil {
		since := time.Now()
		c, err := d.connect(ctx)
		if err == nil {
			served.Go(func() { d.serve(ctx, c) })
			<-c.leaving
		} else if ctx.Err() == nil {
			d.failed(err)
			d.log.WarnContext(ctx, "no connection to slack, trying again", "error", err)
		}
		if err == nil && time.Since(since) > steady {
			pause = 0
			continue
		}
		pause = min(max(2*pause, firstPause), mostPause)
		wait := max(pause/2+rand.N(pause/2), slack.AsError(err).RetryAfter)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// connect opens a connection and waits until Slack has greeted.
func (d *Door) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	conn, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(mostEnvelope)
	first, err := read(ctx, conn)
	if err == nil && first.Type != "hello" {
		err = fmt.Errorf("no greeting but %s %s", first.Type, first.Reason)
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return newConnection(conn, d.answer, d.log), nil
}

func (d *Door) serve(ctx context.Context, c *connection) {
	d.count(ctx, 1)
	defer d.count(ctx, -1)
	d.failed(c.serve(ctx))
}

func (d *Door) count(ctx context.Context, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usable += n
	d.gauge.Add(ctx, int64(n))
}

func (d *Door) failed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problem = err
}
