package slacksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// saveEvery is the longest time a change waits to be written.
const saveEvery = 500 * time.Millisecond

// load reads the state of an earlier run; a missing file is a new workspace.
func load(path string) (*state, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("slacksim state: %w", err)
	}
	st := &state{}
	if err := json.Unmarshal(raw, st); err != nil {
		return nil, fmt.Errorf("slacksim state %s: %w", path, err)
	}
	return st, nil
}

// save writes the state if it changed, whole or not at all.
func (s *Sim) save() error {
	s.mu.Lock()
	if !s.dirty || s.cfg.StatePath == "" {
		s.mu.Unlock()
		return nil
	}
	raw, err := json.Marshal(s.st)
	s.dirty = false
	s.mu.Unlock()
	if err == nil {
		err = replaceFile(s.cfg.StatePath, raw)
	}
	if err != nil {
		return fmt.Errorf("slacksim state: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing left to remove once renamed
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// keepSaving writes changes until the simulator closes. An error is seen again,
// and reported, by the last save of Close.
func (s *Sim) keepSaving() {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if s.save() != nil {
				s.touch()
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// touch marks the state as changed.
func (s *Sim) touch() {
	s.mu.Lock()
	s.dirty = true
	s.mu.Unlock()
}
