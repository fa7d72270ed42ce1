package slackhttp

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// expiry is how long a click is worth acting on: after an outage an older one is refused with a word to its author.
const expiry = 10 * time.Minute

// click is who asked what, where; its id is the same for a replayed request.
type click struct {
	id        string
	userID    string
	channelID string
}

// publish hands the command over, or returns the error that makes it unconfirmed. runID is the run it is about, if known.
func (s *Server) publish(ctx context.Context, from click, runID string, cmd *commandv1.Command) error {
	ctx, cancel := context.WithTimeout(ctx, publishBudget)
	defer cancel()
	workspace, err := s.Slack.Workspace(ctx)
	if err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	now := s.Now()
	cmd.Id, cmd.CorrelationId = from.id, telemetry.Correlation(ctx)
	cmd.WorkspaceId, cmd.ChannelId, cmd.ReplyTo = workspace, from.channelID, from.channelID
	cmd.Actor = &commandv1.Actor{UserId: from.userID, WorkspaceAdmin: cmd.GetActor().GetWorkspaceAdmin()}
	cmd.IssuedAt, cmd.ExpiresAt = timestamppb.New(now), timestamppb.New(now.Add(expiry))
	msg, err := bus.Encode(topic.Commands, workspace+"/"+from.channelID, cmd.Id, runID, now, cmd)
	if err != nil {
		return err
	}
	msg.Headers = map[string]string{bus.CorrelationHeader: cmd.CorrelationId}
	return s.Publisher.Publish(ctx, msg)
}

// derive makes the id of a command from what is the same in a replay of its request.
func derive(parts ...string) string {
	var name []byte
	for _, part := range parts {
		name = strconv.AppendQuote(name, part)
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, name).String()
}

// doubleClick is how long the same person on the same button of the same message counts as one click.
const doubleClick = 2 * time.Second

// clicks remembers the last clicks, so that a double click has one id.
type clicks struct {
	mu   sync.Mutex
	last map[string]lastClick
}

type lastClick struct {
	id string
	at time.Time
}

// id returns the command id of a click on button (who, where, what), made at the instant that Slack gave it.
func (c *clicks) id(button, actionTS string, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if earlier, ok := c.last[button]; ok && now.Sub(earlier.at) < doubleClick {
		return earlier.id
	}
	if c.last == nil || len(c.last) > 10_000 {
		c.last = map[string]lastClick{} // a double click across this moment is only a harmless repeat
	}
	id := derive(button, actionTS)
	c.last[button] = lastClick{id: id, at: now}
	return id
}
