package slackhttp

import (
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// derive makes an id from what is the same in a replay of its request.
func derive(parts ...string) string {
	var name []byte
	for _, part := range parts {
		name = strconv.AppendQuote(name, part)
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, name).String()
}

// doubleClick is how long the same person on the same button of the same message counts as one click.
const doubleClick = 2 * time.Second

// clicks remembers the last click on each button, so that a double click has one id.
type clicks struct {
	mu   sync.Mutex
	last map[string]lastClick
}

type lastClick struct {
	id string
	at time.Duration
}

const mostClicks = 10_000

// id returns the command id of a click on button (who, where, what) at the instant that Slack gave it. That instant
// decides, not our clock: a replay of the second click of two is the same click, too.
func (c *clicks) id(button, actionTS string) string {
	id := derive(button, actionTS)
	seconds, err := strconv.ParseFloat(actionTS, 64)
	if err != nil || !(seconds > 0 && seconds < 1e10) { // no instant of this age
		return id
	}
	at := time.Duration(seconds * float64(time.Second))
	c.mu.Lock()
	defer c.mu.Unlock()
	if earlier, ok := c.last[button]; ok && (at-earlier.at).Abs() < doubleClick {
		return earlier.id
	}
	if c.last == nil || len(c.last) >= mostClicks {
		c.last = make(map[string]lastClick) // a double click across this moment is a harmless repeat
	}
	c.last[button] = lastClick{id, at}
	return id
}
