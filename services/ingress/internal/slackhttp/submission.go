package slackhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/slack-go/slack"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// MaxDrink is the longest drink, in Unicode characters. runs enforces it; here it becomes an error inside the form.
const MaxDrink = 280

// submitted answers a submitted form: errors stay inside it, an empty 200 closes it.
func (s *Server) submitted(c echo.Context, in interaction) error {
	var about message.OrderContext
	if in.View.CallbackID != message.CallbackOrder || json.Unmarshal([]byte(in.View.PrivateMetadata), &about) != nil {
		return c.JSON(http.StatusOK, slack.NewUpdateViewSubmissionResponse(message.OldForm()))
	}
	drink := strings.TrimSpace(in.View.State.Values[message.BlockDrink][message.BlockDrink].Value)
	if problem := drinkProblem(drink); problem != "" {
		return fieldError(c, problem)
	}
	remember := len(in.View.State.Values[message.BlockRemember][message.BlockRemember].SelectedOptions) > 0
	ctx := c.Request().Context()
	from := click{
		userID: in.User.ID, channelID: about.ChannelID,
		id: derive("order", in.View.ID, in.User.ID, drink, fmt.Sprint(remember)),
	}
	err := s.publish(ctx, from, about.RunID, &commandv1.Command{What: &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{
		RunId: about.RunID, Drink: drink, Quantity: 1, RememberAsUsual: remember,
	}}})
	if err != nil { // the form stays open, so what was typed is not lost
		return fieldError(c, s.unconfirmed(ctx, "your order", err).Text)
	}
	return c.NoContent(http.StatusOK)
}

func drinkProblem(drink string) string {
	switch n := utf8.RuneCountInString(drink); {
	case n == 0:
		return "Please say what you drink."
	case n > MaxDrink:
		return fmt.Sprintf("That is %d characters, %d is the most.", n, MaxDrink)
	default:
		return ""
	}
}

func fieldError(c echo.Context, problem string) error {
	return c.JSON(http.StatusOK, slack.NewErrorsViewSubmissionResponse(map[string]string{message.BlockDrink: problem}))
}
