package slackhttp

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"
)

// events answers the Events API: the challenge when the address is registered, and otherwise a quick 200.
// https://docs.slack.dev/reference/events/url_verification
func (s *Server) events(c echo.Context) error {
	var event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if err := json.NewDecoder(c.Request().Body).Decode(&event); err != nil || event.Type == "" {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	if event.Type == "url_verification" {
		return c.JSON(http.StatusOK, map[string]string{"challenge": event.Challenge})
	}
	return c.NoContent(http.StatusOK)
}
