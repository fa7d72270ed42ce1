package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
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
	var mu sync.Mutex
	var failed int
	var failure error
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return err
		}
		all.Go(func() {
			c, form := next(from+i, time.Now())
			start := time.Now()
			c.expect(start, &l.seen)
			err := w.post(ctx, form, start)
			took := time.Since(start)
			if err != nil {
				mu.Lock()
				failed, failure = failed+1, err
				mu.Unlock()
				return
			}
			l.acks.add(took)
			l.late.add(start.Sub(due))
		})
	}
	all.Wait()
	w.sent += int64(n - failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d clicks were not acknowledged: %w", failed, n, failure)
	}
	return nil
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
