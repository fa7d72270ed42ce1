package slacksim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"unicode/utf8"
)

// Submission is how a modal took being submitted.
type Submission struct {
	Status int               `json:"status"` // of the app's answer; 0: it was not asked, or did not answer
	Result string            `json:"result"` // closed, errors, updated or failed
	Errors map[string]string `json:"errors"` // by block_id
}

// viewAnswer is an app's answer to view_submission.
type viewAnswer struct {
	ResponseAction string            `json:"response_action"`
	Errors         map[string]string `json:"errors"`
	View           json.RawMessage   `json:"view"`
}

// submit sends view_submission to the app and does as it answers.
func (s *Sim) submit(ctx context.Context, user, viewID string, entered Values) (Submission, error) {
	s.mu.Lock()
	u, v := s.st.Workspace.user(user), s.st.findView(viewID, "")
	if u == nil || v == nil || v.User != user || v.Type != "modal" {
		s.mu.Unlock()
		return Submission{}, badRequest("view_not_found", "this modal is not open")
	}
	next := *v
	next.State.Values = stateOf(v.Blocks, v.State.Values).merge(entered)
	s.st.replaceView(&next) // what was typed stays, whatever comes
	s.dirty = true
	if problems := fieldProblems(next.Blocks, next.State.Values); len(problems) > 0 {
		s.mu.Unlock()
		return Submission{Result: "errors", Errors: problems}, nil
	}
	p := s.payload("view_submission", u)
	p["view"], p["trigger_id"], p["response_urls"] = next.View, s.newTrigger(user), []any{}
	s.mu.Unlock()

	r := s.interact(ctx, p)

	s.mu.Lock()
	defer s.mu.Unlock()
	result := Submission{Status: r.status, Result: "failed"}
	if r.err != "" {
		return result, nil
	}
	var answer viewAnswer
	if body := bytes.TrimSpace(r.body); len(body) > 0 && json.Unmarshal(body, &answer) != nil {
		return result, nil
	}
	result.Result, result.Errors = s.applyAnswer(&next, answer)
	return result, nil
}

// applyAnswer does what an app answered to the submission of v. Expects Sim.mu held.
func (s *Sim) applyAnswer(v *view, answer viewAnswer) (result string, problems map[string]string) {
	switch answer.ResponseAction {
	case "", "clear":
		s.st.closeView(v, answer.ResponseAction == "clear")
		s.changedView(v)
		return "closed", nil
	case "errors":
		for block := range answer.Errors {
			if !hasInput(v.Blocks, block) {
				return "failed", nil // "We had some trouble connecting"
			}
		}
		if len(answer.Errors) == 0 {
			return "failed", nil
		}
		return "errors", answer.Errors
	case "update", "push":
		if validateView(answer.View, "modal") != nil {
			return "failed", nil
		}
		next, err := s.st.newView(v.User, answer.View)
		if err != nil {
			return "failed", nil
		}
		if answer.ResponseAction == "update" {
			next = v.successor(next)
			s.st.replaceView(next)
		} else if s.st.pushView(next) != nil {
			return "failed", nil
		}
		s.changedView(next)
		return "updated", nil
	}
	return "failed", nil
}

func hasInput(raw json.RawMessage, blockID string) bool {
	blocks, _ := decodeBlocks(raw)
	for _, b := range blocks {
		if str(b, "type") == "input" && str(b, "block_id") == blockID {
			return true
		}
	}
	return false
}

// fieldProblems is what Slack's own client refuses before it asks the app.
func fieldProblems(raw json.RawMessage, values Values) map[string]string {
	problems := map[string]string{}
	blocks, _ := decodeBlocks(raw)
	for _, b := range blocks {
		if str(b, "type") != "input" {
			continue
		}
		e, id := obj(b, "element"), str(b, "block_id")
		f := fields[str(e, "type")]
		value := values[id][str(e, "action_id")][f.name]
		if many, ok := value.([]any); value == nil || ok && len(many) == 0 {
			if !flag(b, "optional") {
				problems[id] = "Please complete this required field."
			}
			continue
		}
		if text, ok := value.(string); ok {
			if problem := textProblem(e, text); problem != "" {
				problems[id] = problem
			}
		}
	}
	return problems
}

func textProblem(e object, text string) string {
	length := float64(utf8.RuneCountInString(text))
	n, isNumber := number(text)
	switch str(e, "type") {
	case "plain_text_input":
		if least, ok := number(e["min_length"]); ok && length < least {
			return fmt.Sprintf("Must be at least %.0f characters.", least)
		}
		if most, ok := number(e["max_length"]); ok && length > most {
			return fmt.Sprintf("Must be at most %.0f characters.", most)
		}
	case "number_input":
		least, hasLeast := number(e["min_value"])
		most, hasMost := number(e["max_value"])
		switch {
		case !isNumber || !flag(e, "is_decimal_allowed") && n != float64(int64(n)):
			return "Please enter a valid number."
		case hasLeast && n < least:
			return fmt.Sprintf("Must be at least %g.", least)
		case hasMost && n > most:
			return fmt.Sprintf("Must be at most %g.", most)
		}
	case "email_text_input":
		if _, err := mail.ParseAddress(text); err != nil {
			return "Please enter a valid email address."
		}
	case "url_text_input":
		if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" {
			return "Please enter a valid URL."
		}
	}
	return ""
}

// dismiss closes a modal as its close button does; all closes those below it too.
func (s *Sim) dismiss(user, viewID string, all bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v := s.st.Workspace.user(user), s.st.findView(viewID, "")
	if u == nil || v == nil || v.User != user || v.Type != "modal" {
		return badRequest("view_not_found", "this modal is not open")
	}
	all = all || v.ClearOnClose
	for _, closed := range s.st.closeView(v, all) {
		if closed.NotifyOnClose {
			p := s.payload("view_closed", u)
			p["view"], p["is_cleared"] = closed.View, all
			s.spawn(func() { s.interact(s.ctx, p) })
		}
	}
	s.changedView(v)
	return nil
}
