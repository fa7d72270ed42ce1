package slack

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	slackgo "github.com/slack-go/slack"
)

// Class says what a failed call means for whoever made it.
type Class int

const (
	// Transient: nothing was done; trying again may help.
	Transient Class = iota
	// Ambiguous: it may have been done, nobody can tell from here.
	Ambiguous
	// Limited: nothing was done, and Slack wants no such call before RetryAfter has passed.
	Limited
	// Unauthorized: nothing was done, and nothing will be until someone puts the bot's token right.
	Unauthorized
	// Permanent: nothing was done, and the same call will never be; Code says why.
	Permanent
)

func (c Class) String() string {
	return [...]string{"transient", "ambiguous", "limited", "unauthorized", "permanent"}[c]
}

// Error is a call that failed.
type Error struct {
	Method     string
	Class      Class
	Code       string        // Slack's own, such as not_in_channel, or http_503, network
	RetryAfter time.Duration // of Limited
	err        error
}

func (e *Error) Error() string { return fmt.Sprintf("slack %s: %s (%s)", e.Method, e.Code, e.Class) }

func (e *Error) Unwrap() error { return e.err }

// ClassOf is the class of err, and Transient of an error that is none of Slack's.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Transient
}

// CodeOf is Slack's own word for err, "" of an error that is none of Slack's.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// unnamedWait is how long a limit lasts of which Slack does not say.
const unnamedWait = 5 * time.Second

var errNoTimestamp = errors.New("no timestamp in the answer")

// classify turns what slack-go returns into an *Error. reached: a connection to Slack was there, so that a call
// without an answer may have been carried out.
func classify(method string, err error, reached bool) *Error {
	e := &Error{Method: method, err: err}
	var limited *slackgo.RateLimitedError
	var refused slackgo.SlackErrorResponse
	var status slackgo.StatusCodeError
	switch {
	case errors.As(err, &limited):
		e.Class, e.Code, e.RetryAfter = Limited, "ratelimited", limited.RetryAfter
	case errors.As(err, &refused):
		e.Class, e.Code = classOfCode(refused.Err), refused.Err
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		e.Class, e.Code = Limited, "ratelimited"
	case errors.As(err, &status):
		// Slack answers 200 to all it understood: anything else is something on the way, or Slack breaking.
		e.Class, e.Code = Transient, fmt.Sprintf("http_%d", status.Code)
		if status.Code >= http.StatusInternalServerError {
			e.Class = Ambiguous
		}
	case reached: // timed out, cut off, or an answer that is no JSON
		e.Class, e.Code = Ambiguous, "no_answer"
	default:
		e.Class, e.Code = Transient, "network"
	}
	if e.Class == Limited && e.RetryAfter <= 0 {
		e.RetryAfter = unnamedWait
	}
	return e
}

func classOfCode(code string) Class {
	switch code {
	case "ratelimited", "rate_limited":
		return Limited
	case "internal_error", "fatal_error", "service_unavailable": // "some aspect of the operation may have succeeded"
		return Ambiguous
	case "request_timeout", "team_added_to_org", "accesslimited":
		return Transient
	case "not_authed", "invalid_auth", "token_revoked", "token_expired", "account_inactive":
		return Unauthorized
	default:
		return Permanent
	}
}

// AsError is the failed call in err. An error that is none becomes one.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Transient, Code: "unknown", err: err}
}
