package slacksim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client plays people over the /sim API, in this process or against another.
type Client struct {
	base string
	http *http.Client
}

// NewClient speaks to the simulator at baseURL.
func NewClient(baseURL string) *Client {
	return &Client{base: strings.TrimSuffix(baseURL, "/"), http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}, // many people at once
	}}
}

// Workspace is the team, its people and conversations.
func (c *Client) Workspace(ctx context.Context) (Workspace, error) {
	return ask[Workspace](ctx, c, http.MethodGet, "/sim/workspace", nil)
}

// Command types a slash command, like "/coffee 10:30", as user in channel.
func (c *Client) Command(ctx context.Context, user, channel, text string) (Ack, error) {
	return ask[Ack](ctx, c, http.MethodPost, "/sim/command", spoken{User: user, Channel: channel, Text: text})
}

// Say posts an ordinary message and returns its ts.
func (c *Client) Say(ctx context.Context, user, channel, text string) (ts string, err error) {
	out, err := ask[struct{ TS string }](ctx, c, http.MethodPost, "/sim/message", spoken{User: user, Channel: channel, Text: text})
	return out.TS, err
}

// Messages are those that user can see in channel, oldest first.
func (c *Client) Messages(ctx context.Context, channel, user string) ([]Message, error) {
	out, err := ask[struct{ Messages []Message }](ctx, c, http.MethodGet, "/sim/messages?"+url.Values{"channel": {channel}, "user": {user}}.Encode(), nil)
	return out.Messages, err
}

// Await returns the newest message in channel that user can see and that match
// accepts, as soon as there is one, or the context's error.
func (c *Client) Await(ctx context.Context, channel, user string, match func(Message) bool) (Message, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		messages, err := c.Messages(ctx, channel, user)
		if err != nil {
			return Message{}, err
		}
		for _, m := range slices.Backward(messages) {
			if match(m) {
				return m, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("await message in %s: %w", channel, ctx.Err())
		}
	}
}

// Act clicks or chooses as it is told; Click, ClickView and Choose are shorter.
func (c *Client) Act(ctx context.Context, a Action) (Ack, error) {
	return ask[Ack](ctx, c, http.MethodPost, "/sim/action", a)
}

// Click presses the button actionID of a message; an empty ts is the newest
// message that has it and that user can see.
func (c *Client) Click(ctx context.Context, user, channel, ts, actionID string) (Ack, error) {
	return c.Choose(ctx, user, channel, ts, actionID, "")
}

// Choose picks the option with this value from a menu in a message.
func (c *Client) Choose(ctx context.Context, user, channel, ts, actionID, value string) (Ack, error) {
	messages, err := c.Messages(ctx, channel, user)
	if err != nil {
		return Ack{}, err
	}
	for _, m := range slices.Backward(messages) {
		if ts != "" && m.TS != ts {
			continue
		}
		if block, element := findElement(m.Blocks, "", actionID); element != nil {
			a := Action{User: user, Channel: channel, TS: m.TS, BlockID: str(block, "block_id"), ActionID: actionID}
			if value != "" {
				a.Value = &value
			}
			return c.Act(ctx, a)
		}
	}
	return Ack{}, fmt.Errorf("click: no message in %s shows %q to %s", channel, actionID, user)
}

// ClickView presses a button of a modal or a Home tab, with values as in Submit
// standing in its fields.
func (c *Client) ClickView(ctx context.Context, user, viewID, actionID string, values map[string]string) (Ack, error) {
	v, err := c.view(ctx, user, viewID)
	if err != nil {
		return Ack{}, err
	}
	block, element := findElement(v.Blocks, "", actionID)
	if element == nil {
		return Ack{}, fmt.Errorf("click: view %s has no %q", viewID, actionID)
	}
	entered, err := fill(v.Blocks, values)
	if err != nil {
		return Ack{}, err
	}
	return c.Act(ctx, Action{User: user, ViewID: v.ID, BlockID: str(block, "block_id"), ActionID: actionID, Values: entered})
}

// Views are the modal on top and the Home tab of user; nil when there is none.
func (c *Client) Views(ctx context.Context, user string) (Views, error) {
	return ask[Views](ctx, c, http.MethodGet, "/sim/views?"+url.Values{"user": {user}}.Encode(), nil)
}

// Modal is the modal user has in front; nil when there is none.
func (c *Client) Modal(ctx context.Context, user string) (*View, error) {
	views, err := c.Views(ctx, user)
	return views.Modal, err
}

// Submit fills in a modal and submits it. Values are by block_id or action_id;
// for options they are the option's value, for several the values with commas between.
func (c *Client) Submit(ctx context.Context, user, viewID string, values map[string]string) (Submission, error) {
	v, err := c.view(ctx, user, viewID)
	if err != nil {
		return Submission{}, err
	}
	entered, err := fill(v.Blocks, values)
	if err != nil {
		return Submission{}, err
	}
	return ask[Submission](ctx, c, http.MethodPost, "/sim/view/submit", submitted{User: user, ViewID: v.ID, Values: entered})
}

func (c *Client) view(ctx context.Context, user, viewID string) (*View, error) {
	views, err := c.Views(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, v := range []*View{views.Modal, views.Home} {
		if v != nil && v.ID == viewID {
			return v, nil
		}
	}
	return nil, fmt.Errorf("view %s is not in front of %s", viewID, user)
}

// fill makes typed values of what a person would enter.
func fill(raw json.RawMessage, values map[string]string) (Values, error) {
	entered := Values{}
	rest := make([]string, 0, len(values))
	for key := range values {
		rest = append(rest, key)
	}
	blocks, err := decodeBlocks(raw)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		for _, e := range elementsOf(b) {
			kind, block, action := str(e, "type"), str(b, "block_id"), str(e, "action_id")
			f, ok := fields[kind]
			i := slices.IndexFunc(rest, func(key string) bool { return key == block || key == action })
			if !ok || i < 0 {
				continue
			}
			text := values[rest[i]]
			rest = slices.Delete(rest, i, i+1)
			answer := Value{"type": kind}
			switch f.name {
			case "selected_option":
				answer[f.name] = optionOf(e, text)
			case "selected_options":
				options := []object{}
				for value := range strings.SplitSeq(text, ",") {
					if o := optionOf(e, value); o != nil {
						options = append(options, o)
					}
				}
				answer[f.name] = options
			default:
				answer[f.name] = text
				if f.many() {
					answer[f.name] = strings.Split(text, ",")
				}
			}
			if entered[block] == nil {
				entered[block] = map[string]Value{}
			}
			entered[block][action] = answer
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("the view has no field %s", strings.Join(rest, ", "))
	}
	return entered, nil
}

// Close closes a modal as its close button does.
func (c *Client) Close(ctx context.Context, user, viewID string) error {
	return c.do(ctx, http.MethodPost, "/sim/view/close", submitted{User: user, ViewID: viewID}, nil)
}

// OpenHome looks at the app's Home tab.
func (c *Client) OpenHome(ctx context.Context, user string) error {
	return c.do(ctx, http.MethodPost, "/sim/home", map[string]string{"user": user}, nil)
}

// Member lets a user join or leave a channel; the bot's user too.
func (c *Client) Member(ctx context.Context, channel, user string, in bool) error {
	return c.do(ctx, http.MethodPost, "/sim/member", object{"channel": channel, "user": user, "in": in}, nil)
}

// AddChannel makes a channel. Without members everyone but the bot is in it.
func (c *Client) AddChannel(ctx context.Context, channel Channel) (Channel, error) {
	return ask[Channel](ctx, c, http.MethodPost, "/sim/channel", channel)
}

// SetUser adds a user, or replaces the one with this id.
func (c *Client) SetUser(ctx context.Context, u User) (User, error) {
	return ask[User](ctx, c, http.MethodPost, "/sim/user", u)
}

// Fault makes coming Web API calls go wrong.
func (c *Client) Fault(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPost, "/sim/faults", f, nil)
}

// ClearFaults ends all faults.
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/sim/faults", nil, nil)
}

// Links are the app's connections of Socket Mode, the oldest first.
func (c *Client) Links(ctx context.Context) ([]Link, error) {
	out, err := ask[struct{ Links []Link }](ctx, c, http.MethodGet, "/sim/links", nil)
	return out.Links, err
}

// Disconnect announces the end of a connection for a reason in Slack's words, and ends it a second later. Only a "warning"
// ends nothing, and without a reason it breaks at once.
func (c *Client) Disconnect(ctx context.Context, link int, reason string) error {
	return c.do(ctx, http.MethodPost, "/sim/links", disconnect{ID: link, Reason: reason}, nil)
}

// History are the recorded Web API calls after number since, of one method
// unless it is empty.
func (c *Client) History(ctx context.Context, method string, since int64) ([]Call, error) {
	out, err := ask[struct{ Calls []Call }](ctx, c, http.MethodGet,
		"/sim/history?"+url.Values{"method": {method}, "since": {strconv.FormatInt(since, 10)}}.Encode(), nil)
	return out.Calls, err
}

// Conversation is what user reads in channel, as text: for people who look at a
// test's output.
func (c *Client) Conversation(ctx context.Context, channel, user string) (string, error) {
	w, err := c.Workspace(ctx)
	if err != nil {
		return "", err
	}
	messages, err := c.Messages(ctx, channel, user)
	if err != nil {
		return "", err
	}
	r := w.Reader(user)
	var out strings.Builder
	for _, m := range messages {
		out.WriteString(r.Message(m))
	}
	return out.String(), nil
}

func ask[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	err = c.do(ctx, method, path, in, &out)
	return out, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("slacksim %s: %w", path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("slacksim %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("slacksim: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var bad controlError
		if json.NewDecoder(resp.Body).Decode(&bad) != nil || bad.Code == "" {
			bad = controlError{Code: resp.Status, Message: path}
		}
		return fmt.Errorf("slacksim %s: %w", path, &bad)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("slacksim %s: %w", path, err)
	}
	return nil
}

// ErrorCode is the code of an error the control API answered, like
// "not_in_channel"; empty for other errors.
func ErrorCode(err error) string {
	if bad, ok := errors.AsType[*controlError](err); ok {
		return cmp.Or(bad.Code, "unknown")
	}
	return ""
}
