// Package office lets people act in the simulated Slack as they would with mouse and keyboard: for the smoke run, the
// end-to-end tests and the benchmarks.
package office

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// Office is the simulated workspace.
type Office struct {
	client *slacksim.Client

	mu        sync.Mutex
	workspace slacksim.Workspace
}

// Enter looks who and what is in the workspace that is served at baseURL.
func Enter(ctx context.Context, baseURL string) (*Office, error) {
	o := &Office{client: slacksim.NewClient(baseURL)}
	return o, o.look(ctx)
}

func (o *Office) look(ctx context.Context) error {
	workspace, err := o.client.Workspace(ctx)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.workspace = workspace
	return nil
}

func (o *Office) now() slacksim.Workspace {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.workspace
}

// Client is for what people cannot do: faults, and the record of the bot's calls.
func (o *Office) Client() *slacksim.Client { return o.client }

// Coffee is the channel that people have in front at first.
const Coffee = "C0COFFEE"

// Person is the person with this display name, in #coffee at first.
func (o *Office) Person(name string) Person {
	for _, user := range o.now().Users {
		if user.DisplayName == name {
			return Person{Client: o.client, office: o, ID: user.ID, Name: name, Channel: Coffee}
		}
	}
	panic("nobody in the office is called " + name)
}

// Hire adds people to the office and to #coffee.
func (o *Office) Hire(ctx context.Context, names ...string) error {
	for _, name := range names {
		user := slacksim.User{ID: "U0" + strings.ToUpper(name), Name: strings.ToLower(name), DisplayName: name, TZ: "Europe/Berlin"}
		if _, err := o.client.SetUser(ctx, user); err != nil {
			return fmt.Errorf("hire %s: %w", name, err)
		}
		if err := o.client.Member(ctx, Coffee, user.ID, true); err != nil {
			return fmt.Errorf("hire %s: %w", name, err)
		}
	}
	return o.look(ctx)
}

// Found makes a channel with everyone and the bot in it, and an id that no other office has ever had.
func (o *Office) Found(ctx context.Context, name string) (id string, err error) {
	channel := slacksim.Channel{ID: "C" + rand.Text()[:10], Name: name}
	for _, user := range o.now().Users {
		if user.ID != slacksim.Slackbot {
			channel.Members = append(channel.Members, user.ID)
		}
	}
	if _, err := o.client.AddChannel(ctx, channel); err != nil {
		return "", fmt.Errorf("channel %s: %w", name, err)
	}
	return channel.ID, o.look(ctx)
}

// Person is someone who has a conversation in front of them.
type Person struct {
	*slacksim.Client
	office  *Office
	ID      string
	Name    string
	Channel string
}

// In returns the same person with another conversation in front.
func (p Person) In(channel string) Person {
	p.Channel = channel
	return p
}

// DM returns the same person in their direct messages with the bot.
func (p Person) DM() Person { return p.In("D" + strings.TrimPrefix(p.ID, "U")) }

// Where says what the person has in front.
func (p Person) Where() string {
	if strings.HasPrefix(p.Channel, "D") {
		return "in direct messages"
	}
	return "in the channel"
}

// Types sends a slash command.
func (p Person) Types(ctx context.Context, text string) error {
	ack, err := p.Command(ctx, p.ID, p.Channel, text)
	if err == nil && ack.Error != "" {
		err = errors.New(ack.Error)
	}
	if err != nil {
		return fmt.Errorf("%s types %q: %w", p.Name, text, err)
	}
	return nil
}

// Presses clicks the newest button with this action id.
func (p Person) Presses(ctx context.Context, action string) error {
	return p.acted(action)(p.Click(ctx, p.ID, p.Channel, "", action))
}

// Picks chooses from the newest menu with this action id the option whose value begins with verb.
func (p Person) Picks(ctx context.Context, menu, verb string) error {
	messages, err := p.Messages(ctx, p.Channel, p.ID)
	if err != nil {
		return err
	}
	for _, message := range slices.Backward(messages) {
		if value := option(message.Blocks, menu, verb); value != "" {
			return p.acted(verb)(p.Choose(ctx, p.ID, p.Channel, message.TS, menu, value))
		}
	}
	return fmt.Errorf("%s picks %q: no such choice in %s", p.Name, verb, p.Channel)
}

func (p Person) acted(what string) func(slacksim.Ack, error) error {
	return func(ack slacksim.Ack, err error) error {
		if err == nil && ack.Error != "" {
			err = errors.New(ack.Error)
		}
		if err != nil {
			return fmt.Errorf("%s clicks %q: %w", p.Name, what, err)
		}
		return nil
	}
}

// Orders clicks Order, fills in the form and submits it.
func (p Person) Orders(ctx context.Context, drink string) error {
	if err := p.Presses(ctx, "order"); err != nil {
		return err
	}
	return p.FillsIn(ctx, drink)
}

// FillsIn submits the order form that is open.
func (p Person) FillsIn(ctx context.Context, drink string) error {
	view, err := p.Modal(ctx, p.ID)
	if err != nil {
		return err
	}
	if view == nil {
		return fmt.Errorf("%s orders %q: no form opened", p.Name, drink)
	}
	result, err := p.Submit(ctx, p.ID, view.ID, map[string]string{"drink": drink})
	if err != nil {
		return fmt.Errorf("%s submits %q: %w", p.Name, drink, err)
	}
	if result.Result != "closed" {
		return &FormError{Result: result.Result, Errors: result.Errors}
	}
	return nil
}

// FormError is a form that did not close.
type FormError struct {
	Result string
	Errors map[string]string // by block
}

func (e *FormError) Error() string {
	return fmt.Sprintf("the form did not close: %s %v", e.Result, e.Errors)
}

// Reads waits until a message shows all of the words, and returns the newest such message.
func (p Person) Reads(ctx context.Context, words ...string) (slacksim.Message, error) {
	message, err := p.Await(ctx, p.Channel, p.ID, func(m slacksim.Message) bool { return p.shows(m, words) })
	if err != nil {
		seen, _ := p.Conversation(context.WithoutCancel(ctx), p.Channel, p.ID)
		return message, fmt.Errorf("%s waits for %q, but reads:\n%s", p.Name, words, seen)
	}
	return message, nil
}

// Showing are the messages that show all of the words, oldest first.
func (p Person) Showing(ctx context.Context, words ...string) ([]slacksim.Message, error) {
	messages, err := p.Messages(ctx, p.Channel, p.ID)
	return slices.DeleteFunc(messages, func(m slacksim.Message) bool { return !p.shows(m, words) }), err
}

func (p Person) shows(m slacksim.Message, words []string) bool {
	text := p.office.now().Reader(p.ID).Message(m)
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// option is the value of the first option that begins with verb in the menu with this action id; empty: there is none.
func option(blocks json.RawMessage, menu, verb string) string {
	var decoded []struct {
		Elements []struct {
			ActionID string `json:"action_id"`
			Options  []struct {
				Value string `json:"value"`
			} `json:"options"`
		} `json:"elements"`
	}
	_ = json.Unmarshal(blocks, &decoded) // other blocks have other elements; what is not found is said by the caller
	for _, block := range decoded {
		for _, element := range block.Elements {
			for _, o := range element.Options {
				if element.ActionID == menu && strings.HasPrefix(o.Value, verb) {
					return o.Value
				}
			}
		}
	}
	return ""
}
