package slackhttp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/command"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// commands answers /coffee. The answer is seen by the caller alone; an empty one means that the card will say it.
func (s *Server) commands(c echo.Context) error {
	form, err := readForm(c.Request())
	if err != nil {
		return err
	}
	from := click{
		userID: form.Get("user_id"), channelID: form.Get("channel_id"),
		id: derive("command", form.Get("team_id"), form.Get("user_id"), form.Get("channel_id"), form.Get("trigger_id"), form.Get("text")),
	}
	if from.userID == "" || from.channelID == "" {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	parsed, err := command.Parse(form.Get("text"))
	var usage *command.UsageError
	if errors.As(err, &usage) {
		return c.JSON(http.StatusOK, ephemeral(message.Usage(usage.Problem, usage.Example)))
	}
	answer := message.Help()
	switch cmd := parsed.(type) {
	case command.Unknown:
		answer = message.Unknown(cmd.Text)
	case command.Start:
		if form.Get("channel_name") == "directmessage" || strings.HasPrefix(from.channelID, "D") {
			answer = message.OnlyInChannels()
			break
		}
		answer = s.startTyped(c.Request().Context(), from, cmd)
	}
	if answer.Text == "" {
		return c.NoContent(http.StatusOK)
	}
	return c.JSON(http.StatusOK, ephemeral(answer))
}

// startTyped opens a run at the time that was typed, or says why not. An empty message: the card will say it.
func (s *Server) startTyped(ctx context.Context, from click, cmd command.Start) message.Message {
	var pickup time.Time
	if !cmd.When.IsZero() {
		var zone *time.Location
		if cmd.When.NeedsZone() {
			zone = s.person(ctx, from.userID).Zone
		}
		now := s.Now()
		var past *command.PastError
		var err error
		switch pickup, err = cmd.When.At(now, zone); {
		case errors.As(err, &past):
			return message.PastTime(cmd.When.String(), now.In(zone), past.Next, cmd.Place)
		case errors.Is(err, command.ErrNoZone):
			return message.ZoneUnknown()
		case err != nil:
			return message.Usage("Pickup can be at most 24 hours ahead.", "in 20m")
		}
	}
	return s.start(ctx, from, pickup, cmd.Place)
}

// start opens a run. A zero pickup: the channel's default.
func (s *Server) start(ctx context.Context, from click, pickup time.Time, place string) message.Message {
	// Slack away: runs and deliveries will see to it.
	if in, err := s.Slack.InChannel(ctx, from.channelID); err == nil && !in {
		bot, err := s.Slack.BotUser(ctx)
		if err == nil {
			return message.NotInChannel(bot)
		}
	}
	start := &commandv1.StartRun{RunId: uuid.Must(uuid.NewV7()).String(), Place: place}
	if !pickup.IsZero() {
		start.PickupAt = timestamppb.New(pickup)
	}
	err := s.publish(ctx, from, start.RunId, &commandv1.Command{What: &commandv1.Command_StartRun{StartRun: start}})
	if err != nil {
		return s.unconfirmed(ctx, "the run", err)
	}
	return message.Message{}
}

// unconfirmed logs the cause and returns the honest answer: what was asked may or may not have arrived.
func (s *Server) unconfirmed(ctx context.Context, what string, err error) message.Message {
	s.Telemetry.Log.WarnContext(ctx, "command not confirmed", "error", err)
	return message.CouldNotConfirm(what, telemetry.Ref(ctx))
}

// readForm reads a form of valid UTF-8, or refuses it.
func readForm(req *http.Request) (url.Values, error) {
	if err := req.ParseForm(); err != nil {
		return nil, echo.NewHTTPError(http.StatusBadRequest)
	}
	for _, values := range req.PostForm {
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, echo.NewHTTPError(http.StatusBadRequest)
			}
		}
	}
	return req.PostForm, nil
}
