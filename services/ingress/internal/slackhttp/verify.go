package slackhttp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// MaxBody is the largest request taken, in bytes; Slack's own stay far below.
const MaxBody = 64 << 10

// signatureLife is how far a request's timestamp may be from our clock, either way.
const signatureLife = 5 * time.Minute

// read returns the body of a request that is no larger than MaxBody and that Slack signed with one of our secrets
// within the last five minutes.
func (s *Server) read(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	var body bytes.Buffer
	if req.ContentLength > 0 && req.ContentLength <= MaxBody {
		body.Grow(int(req.ContentLength) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, req.Body, MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	switch {
	case err != nil:
		return nil, errBad
	case !s.signed(req.Header, body.Bytes()):
		return nil, echo.NewHTTPError(http.StatusUnauthorized)
	}
	return body.Bytes(), nil
}

// signed checks Slack's signature with every secret. slack-go's own check reads the machine's clock, and its errors
// hold the valid signature.
// https://docs.slack.dev/authentication/verifying-requests-from-slack
func (s *Server) signed(header http.Header, body []byte) bool {
	stamp := header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.Now().Sub(time.Unix(seconds, 0)).Abs() > signatureLife {
		return false
	}
	signature, ok := strings.CutPrefix(header.Get("X-Slack-Signature"), "v0=")
	given, err := hex.DecodeString(signature)
	if !ok || err != nil {
		return false
	}
	for _, secret := range s.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + stamp + ":"))
		mac.Write(body)
		if secret != "" && hmac.Equal(mac.Sum(nil), given) {
			return true
		}
	}
	return false
}
