package bus

import (
	"errors"
	"sync"
	"time"
)

// membership is what a consumer knows of its place in the group.
type membership struct {
	mu       sync.Mutex
	member   bool
	ever     bool
	since    time.Time // when it was lost
	why      error     // it is not a member
	assigned []*partition
}

func (m *membership) join(assigned []*partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.member, m.ever, m.assigned = true, true, assigned
}

func (m *membership) leave(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.member {
		m.since = time.Now()
	}
	m.member, m.why, m.assigned = false, why, nil
}

func (m *membership) partitions() []*partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.assigned
}

// check returns what is assigned, or why nothing is. A rebalance is no reason yet: it is over soon.
func (m *membership) check() ([]*partition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.member || m.ever && time.Since(m.since) < absence && !errors.Is(m.why, errStopped) {
		return m.assigned, nil
	}
	return nil, m.why
}
