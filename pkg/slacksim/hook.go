package slacksim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// A response_url works this often and this long.
const (
	hookUses = 5
	hookLife = 30 * time.Minute
)

// hook is where an app may answer a command or a click.
type hook struct {
	channel, user string
	ts            string // the message clicked on; empty after a command
	expires       time.Time
	uses          int
}

// newHook expects Sim.mu held; base is the simulator's own address.
func (s *Sim) newHook(base string, h hook) (url string) {
	now := s.cfg.Now()
	for id, old := range s.hooks {
		if now.Sub(old.expires) > hookLife { // until then an app is told why it does not work
			delete(s.hooks, id)
		}
	}
	h.expires = now.Add(hookLife)
	id := secretID(16)
	s.hooks[id] = &h
	return base + "/hooks/" + id
}

// response is what an app says at a response_url or in the answer to a command.
type response struct {
	Text            string          `json:"text"`
	Blocks          json.RawMessage `json:"blocks"`
	Attachments     json.RawMessage `json:"attachments"`
	Metadata        json.RawMessage `json:"metadata"`
	ResponseType    string          `json:"response_type"` // ephemeral (default) or in_channel
	ReplaceOriginal bool            `json:"replace_original"`
	DeleteOriginal  bool            `json:"delete_original"`
	ThreadTS        string          `json:"thread_ts"`
}

// handleHook is POST /hooks/{id}.
func (s *Sim) handleHook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var said response
	if err != nil || json.Unmarshal(body, &said) != nil {
		writeJSON(w, http.StatusBadRequest, object{"ok": false, "error": "invalid_payload"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hooks[r.PathValue("id")]
	switch {
	case h == nil:
		writeJSON(w, http.StatusNotFound, object{"ok": false, "error": "no_service"})
		return
	case s.cfg.Now().After(h.expires):
		writeJSON(w, http.StatusNotFound, object{"ok": false, "error": "expired_url"})
		return
	case h.uses >= hookUses:
		writeJSON(w, http.StatusNotFound, object{"ok": false, "error": "used_url"})
		return
	}
	h.uses++
	if err := s.respond(h, said); err != nil {
		writeJSON(w, http.StatusBadRequest, errorAnswer(err))
		return
	}
	writeJSON(w, http.StatusOK, object{"ok": true})
}

// respond carries out what an app said: a new message, or a change of the original.
// Expects Sim.mu held.
func (s *Sim) respond(h *hook, said response) error {
	original := s.st.message(h.channel, h.ts)
	if said.DeleteOriginal {
		if original == nil {
			return apiErr("message_not_found")
		}
		s.st.remove(original)
		s.changedMessage("message_deleted", original)
		return nil
	}
	m := message{Message: Message{
		Channel: h.channel, User: s.st.Workspace.Bot.UserID, Bot: true, Text: said.Text, ThreadTS: said.ThreadTS,
	}}
	if a := bytes.TrimSpace(said.Attachments); len(a) > 0 && string(a) != "null" && string(a) != "[]" {
		m.Attachments = said.Attachments
	}
	var err error
	if m.Blocks, err = checkedBlocks(said.Text, said.Blocks, maxText, m.Attachments != nil); err != nil {
		return err
	}
	if m.Metadata, err = metadata(string(said.Metadata)); err != nil {
		return err
	}
	if said.ReplaceOriginal && original != nil {
		changed := *original
		changed.Text, changed.Blocks, changed.Attachments = m.Text, m.Blocks, m.Attachments
		if m.Metadata != nil {
			changed.Metadata = m.Metadata
		}
		s.edit(&changed)
		return nil
	}
	if said.ResponseType != "in_channel" {
		m.Ephemeral, m.To = true, h.user
	}
	s.post(m)
	return nil
}
