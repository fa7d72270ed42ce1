package slacksim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// What went wrong with a request to the app, in Slack's words.
const (
	errTimeout  = "operation_timeout"
	errDispatch = "dispatch_failed"
)

// verificationToken is the long deprecated shared token Slack still sends.
const verificationToken = "slacksim-verification-token"

// reply is what an app answered to a signed request.
type reply struct {
	status int // 0: none
	header http.Header
	body   []byte
	took   time.Duration
	err    string // empty, operation_timeout or dispatch_failed
}

// Sign returns the X-Slack-Signature of a raw body sent at the given time.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:", at.Unix())
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Kinds of request, as envelopes name them.
const (
	kindCommand     = "slash_commands"
	kindInteraction = "interactive"
	kindEvent       = "events_api"
)

// outgoing is a request to the app.
type outgoing struct {
	kind    string
	payload []byte // JSON; of a command, an object of strings
	retry   int    // of an event that was not acknowledged before
	reason  string // why it was not
}

// form is the request as HTTP has it.
func (o outgoing) form() (path, contentType string, body []byte) {
	const urlencoded = "application/x-www-form-urlencoded"
	switch o.kind {
	case kindCommand:
		var fields map[string]string
		_ = json.Unmarshal(o.payload, &fields) // was marshalled by us
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, value)
		}
		return "/slack/commands", urlencoded, []byte(form.Encode())
	case kindInteraction:
		return "/slack/interactions", urlencoded, []byte(url.Values{"payload": {string(o.payload)}}.Encode())
	default:
		return "/slack/events", "application/json", o.payload
	}
}

// deliver sends a request to the app and waits for its acknowledgement.
func (s *Sim) deliver(ctx context.Context, o outgoing) reply {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	if s.cfg.AppToken != "" {
		return s.links.deliver(ctx, o)
	}
	return s.deliverHTTP(ctx, o)
}

// deliverHTTP sends a signed request.
func (s *Sim) deliverHTTP(ctx context.Context, o outgoing) reply {
	s.mu.Lock()
	base := s.appURL
	s.mu.Unlock()
	if base == "" {
		return reply{err: errDispatch}
	}
	path, contentType, body := o.form()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return reply{err: errDispatch}
	}
	now := s.cfg.Now()
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("Accept", "application/json,*/*")
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("X-Slack-Signature", Sign(s.cfg.SigningSecret, now, body))
	if o.retry > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(o.retry))
		req.Header.Set("X-Slack-Retry-Reason", o.reason)
	}
	start := time.Now()
	resp, err := s.http.Do(req)
	if err != nil {
		return reply{err: deliveryError(err), took: time.Since(start)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	r := reply{status: resp.StatusCode, header: resp.Header, body: answer, took: time.Since(start)}
	switch {
	case err != nil:
		r.err = deliveryError(err)
	case resp.StatusCode != http.StatusOK:
		r.err = errDispatch
	}
	return r
}

func deliveryError(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		return errTimeout
	}
	return errDispatch
}

// triggerLife is how long a trigger_id can be exchanged.
const triggerLife = 3 * time.Second

// trigger lets an app open a modal for a person, once.
type trigger struct {
	user    string
	expires time.Time
	used    bool
}

// newTrigger expects Sim.mu held.
func (s *Sim) newTrigger(user string) string {
	now := s.cfg.Now()
	for id, t := range s.triggers {
		if now.Sub(t.expires) > time.Minute { // an app may still ask for a late one, and is told why not
			delete(s.triggers, id)
		}
	}
	id := fmt.Sprintf("%d.%d.%s", now.UnixMilli(), s.st.LastTS%1e9, secretID(16))
	s.triggers[id] = &trigger{user: user, expires: now.Add(triggerLife)}
	return id
}

// secretID is n random bytes that nobody can guess.
func secretID(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
