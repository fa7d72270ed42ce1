package slackhttp

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/command"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// command answers /coffee. The answer is seen by the caller alone; an empty one means that the card will say it.
// https://docs.slack.dev/interactivity/implementing-slash-commands
func (s *Server) command(ctx context.Context, form url.Values) (any, error) {
	from := click{userID: form.Get("user_id"), channelID: form.Get("channel_id"), triggerID: form.Get("trigger_id")}
	if from.userID == "" || from.channelID == "" || from.triggerID == "" {
		return nil, errBad
	}
	from.id = derive("command", form.Get("team_id"), from.userID, from.channelID, from.triggerID, form.Get("text"))
	if said := s.obey(from.context(ctx), from, form); said.Text != "" {
		return ephemeral(said), nil
	}
	return nil, nil
}

func (s *Server) obey(ctx context.Context, from click, form url.Values) message.Message {
	parsed, err := command.Parse(message.OneLine(unescaped.Replace(form.Get("text"))))
	if usage, ok := errors.AsType[*command.UsageError](err); ok {
		return message.Usage(usage.Problem, usage.Examples...)
	}
	switch cmd := parsed.(type) {
	case command.Help:
		return message.Help()
	case command.Unknown:
		return message.Unknown(cmd.Place)
	default:
		if direct(from.channelID, form.Get("channel_name")) {
			return message.OnlyInChannels()
		}
		return s.obeyIn(ctx, from, cmd)
	}
}

// obeyIn does what can be asked in a channel.
func (s *Server) obeyIn(ctx context.Context, from click, asked command.Command) message.Message {
	if _, ok := asked.(command.Admin); ok {
		return s.openAdmin(ctx, from)
	}
	if said := s.disabled(ctx, from.channelID); said.Text != "" {
		return said
	}
	switch cmd := asked.(type) {
	case command.Start:
		return s.startTyped(ctx, from, cmd)
	case command.Status:
		return s.status(ctx, from)
	case command.Close:
		return s.end(ctx, from, message.ActionClose, &commandv1.Command{What: &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{}}})
	case command.Cancel:
		return s.end(ctx, from, message.ActionCancel, &commandv1.Command{What: &commandv1.Command_CancelRun{CancelRun: &commandv1.CancelRun{}}})
	case command.Usual:
		return s.typedUsual(ctx, from, cmd.Drink)
	case command.ClearUsual:
		return s.clearUsual(ctx, from)
	case command.Fairness:
		return s.fairness(ctx, from)
	case command.History:
		return s.history(ctx, from)
	default:
		return message.Help()
	}
}

// direct reports whether a conversation is between people, so that no bot can be in it.
func direct(channelID, channelName string) bool {
	return strings.HasPrefix(channelID, "D") || strings.HasPrefix(channelName, "mpdm-")
}

// startTyped opens a run at the time that was typed, or says why not.
func (s *Server) startTyped(ctx context.Context, from click, cmd command.Start) message.Message {
	if cmd.When.IsZero() {
		return s.start(ctx, from, time.Time{}, cmd.Place)
	}
	var zone *time.Location
	if cmd.When.NeedsZone() {
		person, _ := s.person(ctx, from.userID) // unknown: without a zone
		zone = person.Zone
	}
	pickup, err := cmd.When.At(s.Now(), zone)
	if past, ok := errors.AsType[*command.PastError](err); ok {
		return message.PastTime(past.Typed, past.Label, past.Next, cmd.Place)
	}
	switch {
	case errors.Is(err, command.ErrNoZone):
		return message.ZoneUnknown()
	case err != nil:
		return message.Usage("Pickup can be at most 24 hours ahead.", "in 20m")
	}
	return s.start(ctx, from, pickup, cmd.Place)
}
