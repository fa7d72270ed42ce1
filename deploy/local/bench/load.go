package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// samples are durations that come in from everywhere.
type samples struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *samples) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
}

func (s *samples) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// load is a stream of clicks.
type load struct {
	acks samples // from a request's start to its answer
	late samples // from when a request was due to its start: the load generator's own fault
	seen samples // from a request's start to the arrival of the card's change at Slack
}

// click makes the i-th click: on which channel, and the request's form.
type click func(i int, at time.Time) (*channel, []byte)

// send makes n clicks at a steady rate, whether or not earlier ones are answered; the first one is numbered from.
// It returns when all have been answered.
func (l *load) send(ctx context.Context, w *world, rate, from, n int, next click) error {
	var all sync.WaitGroup
	defer all.Wait()
	var failures failures
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return err
		}
		all.Go(func() { failures.add(l.make(ctx, w, from+i, next, due)) })
	}
	all.Wait()
	return failures.of(w, n)
}

// flood makes n clicks by so many people, each of whom waits for an answer before the next one.
func (l *load) flood(ctx context.Context, w *world, crowd, from, n int, next click) error {
	var all sync.WaitGroup
	var failures failures
	var made atomic.Int64
	for range crowd {
		all.Go(func() {
			for i := int(made.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(made.Add(1)) - 1 {
				failures.add(l.make(ctx, w, from+i, next, time.Now()))
			}
		})
	}
	all.Wait()
	return errors.Join(ctx.Err(), failures.of(w, n))
}

// make makes the i-th click, which was due at a moment.
func (l *load) make(ctx context.Context, w *world, i int, next click, due time.Time) error {
	c, form := next(i, time.Now())
	start := time.Now()
	c.expect(start, &l.seen)
	if err := w.post(ctx, form, start); err != nil {
		return err
	}
	l.acks.add(time.Since(start))
	l.late.add(start.Sub(due))
	return nil
}

// failures counts clicks that were not answered.
type failures struct {
	mu    sync.Mutex
	count int
	last  error
}

func (f *failures) add(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.last = f.count+1, err
}

// of takes into account that n clicks were made.
func (f *failures) of(w *world, n int) error {
	w.sent += int64(n - f.count)
	if f.count == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d clicks were not answered: %w", f.count, n, f.last)
}

// client keeps its connections, as the gateway in front of ingress does.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}, Timeout: 10 * time.Second}

// post sends a signed request and reads its answer.
func (w *world) post(ctx context.Context, form []byte, at time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.stack.SlackRequestsURL+"/slack/interactions", bytes.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("X-Slack-Signature", slacksim.Sign(signingSecret, at, form))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", res.Status)
	}
	return nil
}
