package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

const (
	channelCount = 2000
	people       = 1000 // in the workspace
	regulars     = 3    // of each channel have a usual there
)

// channel is one with an open run.
type channel struct {
	n   int
	id  string
	run string // its id

	mu      sync.Mutex
	ts      string // of the card, as all of its posted content
	text    string
	blocks  json.RawMessage
	clicked time.Time // the start of the click whose effect the card does not show yet; zero: none
	seen    *samples  // told when it does
}

// posted keeps the card as Slack would.
func (c *channel) posted(ts, text, blocks string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ts, c.text, c.blocks = ts, text, json.RawMessage(blocks)
}

// expect notes the start of a click.
func (c *channel) expect(at time.Time, seen *samples) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clicked, c.seen = at, seen
}

// updated notes that the card was changed.
func (c *channel) updated(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.clicked.IsZero() {
		c.seen.add(at.Sub(c.clicked))
		c.clicked = time.Time{}
	}
}

// person is one of the channel's people: the first are its regulars.
func (c *channel) person(i int) string { return fmt.Sprintf("U%06d", (c.n*7+i*13)%people) }

// usual is the form body that Slack sends when a regular clicks "My usual", and withdraw when they then take it back.
func (c *channel) usual(by string, at time.Time) []byte {
	return c.click(by, at, map[string]any{
		"type": "button", "action_id": "usual", "value": c.run, "text": plain("My usual"),
	})
}

func (c *channel) withdraw(by string, at time.Time) []byte {
	return c.click(by, at, map[string]any{
		"type": "overflow", "action_id": "more",
		"selected_option": map[string]any{"text": plain("Withdraw my order"), "value": "withdraw:" + c.run},
	})
}

func plain(text string) map[string]any {
	return map[string]any{"type": "plain_text", "text": text, "emoji": true}
}

// click is https://docs.slack.dev/reference/interaction-payloads/block_actions-payload, with the message clicked on.
func (c *channel) click(by string, at time.Time, action map[string]any) []byte {
	c.mu.Lock()
	ts, text, blocks := c.ts, c.text, c.blocks
	c.mu.Unlock()
	action["block_id"], action["action_ts"] = "run", fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000)
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "token": "verification-token-of-old", "api_app_id": "A0BENCH", "enterprise": nil, "is_enterprise_install": false,
		"team":      map[string]any{"id": team, "domain": "bench"},
		"user":      map[string]any{"id": by, "username": by, "name": by, "team_id": team},
		"channel":   map[string]any{"id": c.id, "name": "coffee"},
		"container": map[string]any{"type": "message", "message_ts": ts, "channel_id": c.id, "is_ephemeral": false},
		"message": map[string]any{
			"type": "message", "subtype": "bot_message", "user": "U0BOT", "bot_id": "B0BOT", "app_id": "A0BENCH", "team": team,
			"ts": ts, "text": text, "blocks": blocks,
		},
		"state": map[string]any{"values": map[string]any{}}, "trigger_id": "1735689600000.123456789.0123456789abcdef",
		"response_url": hookURL, "actions": []any{action},
	})
	if err != nil {
		panic(err) // the card's blocks are not JSON
	}
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

// open starts a run in every channel and has its regulars order once, by which they have a usual.
func (w *world) open(ctx context.Context) error {
	if w.channels != nil {
		return nil
	}
	hookURL = w.slack.url + "/hook"
	var starts, orders []bus.Message
	for n := range channelCount {
		c := &channel{n: n, id: fmt.Sprintf("C%08d", n), run: uuid.Must(uuid.NewV7()).String()}
		w.channels = append(w.channels, c)
		w.slack.add(c)
		starts = append(starts, c.command(c.person(0), &commandv1.Command{What: &commandv1.Command_StartRun{StartRun: &commandv1.StartRun{
			RunId: c.run, Place: "Lobby café", PickupAt: timestamppb.New(time.Now().Add(3 * time.Hour)),
		}}}))
		for i := range regulars {
			orders = append(orders, c.order(c.person(i), true))
		}
	}
	if err := w.publish(ctx, starts); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.publish(ctx, orders); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	// A database that has been in use for a minute knows how large its tables are.
	if _, err := w.db.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	return nil
}

var hookURL string // the response_url of every click

// order is the command of a form that was filled in.
func (c *channel) order(by string, remember bool) bus.Message {
	return c.command(by, &commandv1.Command{What: &commandv1.Command_PlaceOrder{PlaceOrder: &commandv1.PlaceOrder{
		RunId: c.run, Drink: "Flat white, oat milk, no sugar", Quantity: 1, RememberAsUsual: remember,
	}}})
}

func (c *channel) command(by string, command *commandv1.Command) bus.Message {
	now := time.Now()
	// Like those of ingress, in no order.
	command.Id = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, c.id, by, now.UnixNano())).String()
	command.CorrelationId = command.Id
	command.WorkspaceId, command.ChannelId, command.ReplyTo = team, c.id, c.id
	command.Actor = &commandv1.Actor{UserId: by}
	command.IssuedAt, command.ExpiresAt = timestamppb.New(now), timestamppb.New(now.Add(10*time.Minute))
	message, err := bus.Encode(topic.Commands, team+"/"+c.id, command.Id, c.run, now, command)
	if err != nil {
		panic(err) // it is a command
	}
	return message
}

// publish puts commands into Kafka, far faster than anyone can carry them out.
func (w *world) publish(ctx context.Context, commands []bus.Message) error {
	const atOnce = 4000
	for from := 0; from < len(commands); from += atOnce {
		part := commands[from:min(from+atOnce, len(commands))]
		if err := w.kafka.Publish(ctx, part...); err != nil {
			return fmt.Errorf("publish commands: %w", err)
		}
		w.sent += int64(len(part))
	}
	return nil
}
