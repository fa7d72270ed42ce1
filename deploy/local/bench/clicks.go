package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sweep goes round and round over all channels, so that every click is on another one: in the first round a regular
// takes back what they ordered, in the second they order it again, and so on.
func (w *world) sweep(i int, at time.Time) (*channel, []byte) {
	c := w.channels[i%len(w.channels)]
	by := c.person(round(i) / 2 % regulars)
	if takesBack(i) {
		return c, c.withdraw(by, at)
	}
	return c, c.usual(by, at)
}

func round(i int) int      { return i / channelCount }
func takesBack(i int) bool { return round(i)%2 == 0 }

// rounds sends clicks for whole rounds, and watches until they have arrived at Slack.
func (w *world) rounds(ctx context.Context, l *load, rate, n int) (usage, time.Duration, error) {
	clicks := n * channelCount
	wanted := l.seen.count() + clicks
	u, took, err := w.watched(func() error {
		if err := l.send(ctx, w, rate, w.swept, clicks, w.sweep); err != nil {
			return err
		}
		for deadline := time.Now().Add(seenLimit); l.seen.count() < wanted && time.Now().Before(deadline); {
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	w.swept += clicks
	return u, took, err
}

const (
	clickRate = 200 // a second
	ackRate   = 500
	crowd     = 32              // people who click as fast as they are answered
	seenLimit = 5 * time.Second // for the last click of all
)

func measureClicks(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	if _, _, err := w.rounds(ctx, &load{}, 2*clickRate, 2); err != nil { // caches fill, plans are made
		return err
	}
	var l load
	total := usage{}
	var perClick []string
	var took time.Duration
	for range 2 {
		kind := "My usual, two Slack calls"
		if takesBack(w.swept) {
			kind = "Withdraw, one"
		}
		u, t, err := w.rounds(ctx, &l, clickRate, 1)
		if err != nil {
			return err
		}
		took += t
		for name, d := range u {
			total[name] += d
		}
		perClick = append(perClick, fmt.Sprintf("%s: %.2f ms", kind, milliseconds(u.product())/channelCount))
	}
	clicks := 2 * channelCount
	r.atMost(fmt.Sprintf("click to Slack call at %d/s, p99", clickRate), l.seen.quantile(0.99), 50, "ms", others(total, took))
	r.note("  p50", value(l.seen.quantile(0.5), "ms"), "acknowledged: p50 %.1f ms, p99 %.1f ms", l.acks.quantile(0.5), l.acks.quantile(0.99))
	r.flaws(w, &l, clicks)
	r.atMost("processor time per click", milliseconds(total.product())/float64(clicks), 1.2, "ms", strings.Join(perClick, "; "))
	r.note("  of it", "", "%s", total.each(clicks))
	return w.settle(ctx)
}

// flaws says what makes the figures of n clicks better than the product.
func (r *report) flaws(w *world, l *load, n int) {
	if lost := n - l.seen.count(); lost > 0 {
		r.note("  NOT SEEN", fmt.Sprint(lost), "clicks, within %s", seenLimit)
	}
	if refused := w.slack.refused.Load(); refused > 0 {
		r.note("  NOT CONFIRMED", fmt.Sprint(refused), "clicks so far: their authors were told so")
	}
}

// each says what one of n took, by process, the largest first.
func (u usage) each(n int) string {
	return u.spread(func(d time.Duration) string { return fmt.Sprintf("%.2f ms", milliseconds(d)/float64(n)) })
}

// shares says how much of a core each process took.
func (u usage) shares(took time.Duration) string {
	return u.spread(func(d time.Duration) string { return fmt.Sprintf("%.1f %%", 100*d.Seconds()/took.Seconds()) })
}

func (u usage) spread(say func(time.Duration) string) string {
	var names []string
	for name := range u {
		if name != "machine" && name != "bench" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(u[b] - u[a]) })
	for i, name := range names {
		names[i] = name + " " + say(u[name])
	}
	return strings.Join(names, ", ")
}

// A channel's second click in a second waits until the card may be changed again.
func measureCoalescing(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	const channels, rate = 200, 400 // so the second click comes half a second after the first
	var loads [2]load
	for n := range loads {
		err := loads[n].send(ctx, w, rate, 0, channels, func(i int, at time.Time) (*channel, []byte) {
			c := w.channels[i]
			return c, c.usual(c.person(1+n), at)
		})
		if err != nil {
			return err
		}
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	second := &loads[1].seen
	r.note("the same for a second click within a second, p99", value(second.quantile(0.99), "ms"),
		"p50 %.0f ms; half a second after the first: a card changes once a second", second.quantile(0.5))
	return nil
}

func measureAcknowledgement(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	if _, _, err := w.rounds(ctx, &load{}, ackRate, 1); err != nil {
		return err
	}
	var l load
	u, took, err := w.rounds(ctx, &l, ackRate, 4)
	if err != nil {
		return err
	}
	clicks := l.acks.count()
	r.atMost(fmt.Sprintf("acknowledgement at %d/s, p99", ackRate), l.acks.quantile(0.99), 10, "ms", others(u, took))
	r.note("  p50", value(l.acks.quantile(0.5), "ms"), "the load generator was late by %.1f ms at p99", l.late.quantile(0.99))
	r.note("  click to Slack call meanwhile, p99", value(l.seen.quantile(0.99), "ms"), "p50 %.0f ms; processor time per click %.2f ms",
		l.seen.quantile(0.5), milliseconds(u.product())/float64(clicks))
	r.flaws(w, &l, clicks)
	return w.settle(ctx)
}

func measureFlood(ctx context.Context, w *world, r *report) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	const clicks = 4 * channelCount
	var l load
	u, took, err := w.watched(func() error {
		if err := l.flood(ctx, w, crowd, w.swept, clicks, w.sweep); err != nil {
			return err
		}
		return w.settle(ctx)
	})
	if err != nil {
		return err
	}
	w.swept += clicks
	r.note(fmt.Sprintf("clicks of %d people without a pause", crowd), value(clicks/took.Seconds(), "/s"),
		"until every card is right; processor time per click %.2f ms; %s", milliseconds(u.product())/clicks, others(u, took))
	return nil
}
