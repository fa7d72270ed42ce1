package slacksim

import (
	"math"
	"time"
)

// Slack's tiers, in calls per minute, method and workspace.
const (
	tier2   = 20
	tier3   = 50
	tier4   = 100
	special = 600 // "hundreds per minute"
)

// Limits are the rate limits of the Web API. The zero value enforces Slack's.
type Limits struct {
	Off       bool           `json:"off,omitempty"`        // none at all, for load tests
	PerMinute map[string]int `json:"per_minute,omitempty"` // by method, instead of Slack's tier
	// Posts are the messages per second in one channel (default 1) and how many
	// may come at once (default 3): Slack allows "short bursts".
	PostsPerSecond float64 `json:"posts_per_second,omitempty"`
	PostBurst      int     `json:"post_burst,omitempty"`
}

// bucket is a token bucket: full at first, refilled continuously.
type bucket struct {
	tokens float64
	at     time.Time
}

// take uses one token or says how long until there is one.
func (b *bucket) take(now time.Time, perSecond, burst float64) (wait time.Duration) {
	if b.at.IsZero() {
		b.tokens = burst
	} else if now.After(b.at) {
		b.tokens = min(burst, b.tokens+perSecond*now.Sub(b.at).Seconds())
	}
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / perSecond * float64(time.Second))
	}
	b.tokens--
	return 0
}

// meter counts the calls of one workspace. Its methods expect Sim.mu held.
type meter struct {
	limits  Limits
	buckets map[string]*bucket
}

func newMeter(l Limits) *meter {
	if l.PostsPerSecond <= 0 {
		l.PostsPerSecond = 1
	}
	if l.PostBurst <= 0 {
		l.PostBurst = 3
	}
	return &meter{limits: l, buckets: map[string]*bucket{}}
}

// take counts a call of method; retryAfter is 0, or the whole seconds to wait.
func (m *meter) take(now time.Time, method string, perMinute int) (retryAfter int) {
	if own, ok := m.limits.PerMinute[method]; ok {
		perMinute = own
	}
	return m.count(now, method, float64(perMinute)/60, float64(perMinute))
}

// takePost counts a message posted in channel.
func (m *meter) takePost(now time.Time, channel string) (retryAfter int) {
	return m.count(now, "post:"+channel, m.limits.PostsPerSecond, float64(m.limits.PostBurst))
}

func (m *meter) count(now time.Time, key string, perSecond, burst float64) int {
	if m.limits.Off {
		return 0
	}
	if perSecond <= 0 {
		return 60
	}
	b := m.buckets[key]
	if b == nil {
		b = &bucket{}
		m.buckets[key] = b
	}
	return int(math.Ceil(b.take(now, perSecond, burst).Seconds()))
}
