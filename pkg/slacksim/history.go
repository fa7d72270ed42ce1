package slacksim

import (
	"encoding/json"
	"time"
)

// The recorded history is bounded by number and by the size of its arguments.
const (
	historyCalls = 20_000
	historyBytes = 64 << 20
)

// Call is one recorded Web API call. Tokens are never recorded.
type Call struct {
	N       int64                      `json:"n"` // 1, 2, 3 …
	At      time.Time                  `json:"at"`
	Method  string                     `json:"method"`
	OK      bool                       `json:"ok"`
	Error   string                     `json:"error"`
	Channel string                     `json:"channel"`
	User    string                     `json:"user"`
	TS      string                     `json:"ts"` // of the message made or meant
	Args    map[string]json.RawMessage `json:"args"`

	size int
}

// history keeps the latest calls. Its methods expect Sim.mu held.
type history struct {
	calls []Call
	bytes int
	last  int64
}

func (h *history) record(c Call) {
	h.last++
	c.N = h.last
	for _, arg := range c.Args {
		c.size += len(arg)
	}
	h.calls = append(h.calls, c)
	h.bytes += c.size
	drop := 0
	for len(h.calls)-drop > historyCalls || h.bytes > historyBytes && drop < len(h.calls)-1 {
		h.bytes -= h.calls[drop].size
		drop++
	}
	h.calls = h.calls[drop:] // append moves the rest to new memory in time
}

// since returns the calls after number n, of one method unless it is empty.
func (h *history) since(method string, n int64) []Call {
	out := []Call{}
	for _, c := range h.calls {
		if c.N > n && (method == "" || c.Method == method) {
			out = append(out, c)
		}
	}
	return out
}
