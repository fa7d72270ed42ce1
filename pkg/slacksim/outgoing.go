package slacksim

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
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

// deliver sends a signed request to the app and waits for its acknowledgement.
func (s *Sim) deliver(ctx context.Context, path, contentType string, body []byte, header map[string]string) reply {
	s.mu.Lock()
	url := s.appURL
	s.mu.Unlock()
	if url == "" {
		return reply{err: errDispatch}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(string(body)))
	if err != nil {
		return reply{err: errDispatch}
	}
	now := s.cfg.Now()
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("Accept", "application/json,*/*")
	req.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("X-Slack-Signature", Sign(s.cfg.SigningSecret, now, body))
	for k, v := range header {
		req.Header.Set(k, v)
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
