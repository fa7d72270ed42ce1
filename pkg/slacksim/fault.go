package slacksim

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kinds of fault that are more than an error code.
const (
	FaultRateLimited = "ratelimited" // 429 with Retry-After
	FaultTimeout     = "timeout"     // no answer; the connection is dropped after the delay
	FaultHTTP500     = "http_500"    // a status 500 that is not JSON
	FaultSlow        = "slow"        // works, after the delay
)

// Fault makes Web API calls go wrong on demand.
type Fault struct {
	Method  string `json:"method"`            // chat.postMessage, or * for all
	Channel string `json:"channel,omitempty"` // only calls with this channel argument
	Kind    string `json:"kind"`              // one of Fault… or any Slack error code
	Count   int    `json:"count,omitempty"`   // that many calls; 0: until cleared
	// RetryAfter is in seconds, for ratelimited (default 1).
	RetryAfter int `json:"retry_after,omitempty"`
	// DelayMS is how long slow and timeout wait (default 1 s and 30 s), in milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// Applied lets the call take effect before its answer is lost (timeout,
	// http_500 and error codes): what a client cannot tell from a failure.
	Applied bool `json:"applied,omitempty"`
}

func (f *Fault) hits(method, channel string) bool {
	return (f.Method == "*" || f.Method == method) && (f.Channel == "" || f.Channel == channel)
}

// fault takes the first fault set for a call, counting it down. Expects Sim.mu held.
func (s *Sim) fault(method, channel string) *Fault {
	for i, f := range s.faults {
		if !f.hits(method, channel) {
			continue
		}
		if f.Count > 0 {
			f.Count--
			if f.Count == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			} else {
				s.faults[i].Count = f.Count
			}
		}
		return &f
	}
	return nil
}

// wait sleeps as long as a fault says, less when the caller or the simulator goes away.
func (s *Sim) wait(ctx context.Context, delayMS int, otherwise time.Duration) {
	delay := time.Duration(delayMS) * time.Millisecond
	if delay <= 0 {
		delay = otherwise
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
}

// answerFault writes the answer of a faulty call.
func (s *Sim) answerFault(w http.ResponseWriter, r *http.Request, f *Fault) {
	switch f.Kind {
	case FaultRateLimited:
		writeRateLimited(w, max(f.RetryAfter, 1))
	case FaultHTTP500:
		http.Error(w, "<html><body>Internal Server Error</body></html>", http.StatusInternalServerError)
	case FaultTimeout:
		s.wait(r.Context(), f.DelayMS, 30*time.Second)
		panic(http.ErrAbortHandler) // drops the connection
	case "missing_scope":
		needed := strings.Join(apiMethods[r.PathValue("method")].scopes, ",")
		writeJSON(w, http.StatusOK, object{"ok": false, "error": f.Kind, "needed": needed, "provided": strings.Join(s.cfg.Scopes, ",")})
	default:
		writeJSON(w, http.StatusOK, object{"ok": false, "error": f.Kind})
	}
}

func writeRateLimited(w http.ResponseWriter, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	writeJSON(w, http.StatusTooManyRequests, object{"ok": false, "error": "ratelimited"})
}
