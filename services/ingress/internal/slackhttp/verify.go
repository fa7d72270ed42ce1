package slackhttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/slack-go/slack"
)

// verified lets only requests through that Slack signed with one of our secrets within the last five minutes, and
// that are no larger than MaxBody. The body can be read again afterwards.
// https://docs.slack.dev/authentication/verifying-requests-from-slack
func (s *Server) verified(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), req.Body, MaxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		case err != nil:
			return echo.NewHTTPError(http.StatusBadRequest)
		}
		if !s.signed(req.Header, body) {
			return echo.NewHTTPError(http.StatusUnauthorized)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		return next(c)
	}
}

// signed checks the signature with every secret. The library's errors hold the valid signature, so they stay here.
func (s *Server) signed(header http.Header, body []byte) bool {
	for _, secret := range s.Secrets {
		verifier, err := slack.NewSecretsVerifier(header, secret)
		if err != nil {
			return false // headers missing or malformed, or too old: the same for every secret
		}
		if _, err := verifier.Write(body); err == nil && verifier.Ensure() == nil {
			return true
		}
	}
	return false
}
