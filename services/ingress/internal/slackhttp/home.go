package slackhttp

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/slack-go/slack"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// HomesEvery is how often open App Homes are looked at.
const HomesEvery = 5 * time.Second

const (
	homeChannels = 10
	// homeOpen is how long after it was opened, or used, an App Home is kept right. Slack does not tell when it is left.
	homeOpen  = 10 * time.Minute
	mostHomes = 1000
)

// homes are the App Homes that were opened lately, with what they show.
type homes struct {
	mu    sync.Mutex
	shown map[string]home
}

type home struct {
	opened time.Time
	view   string // as JSON
}

// RefreshHomes publishes App Homes that were opened lately and show something else by now.
func (s *Server) RefreshHomes(ctx context.Context) (more bool, err error) {
	for userID, h := range s.homes.lately(s.Now()) {
		if err := s.publishHome(ctx, userID, h); err != nil {
			s.Telemetry.Log.WarnContext(ctx, "app home not published", "error", err)
		}
	}
	return false, nil
}

// openHome publishes someone's App Home, who is looking at it.
func (s *Server) openHome(ctx context.Context, userID string) {
	if err := s.publishHome(ctx, userID, home{opened: s.Now()}); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "app home not published", "error", err)
	}
}

func (s *Server) publishHome(ctx context.Context, userID string, h home) error {
	view, err := s.home(ctx, userID)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(view)
	if err != nil {
		return err
	}
	if string(raw) != h.view {
		if err := s.Slack.PublishHome(ctx, userID, view); err != nil {
			return err
		}
	}
	h.view = string(raw)
	s.homes.keep(userID, h)
	return nil
}

func (s *Server) home(ctx context.Context, userID string) (slack.HomeTabViewRequest, error) {
	workspaceID, err := s.Slack.Workspace(ctx)
	if err != nil {
		return slack.HomeTabViewRequest{}, err
	}
	channels, usuals, err := s.Knowledge.Usuals(ctx, workspaceID, userID, homeChannels)
	if err != nil {
		return slack.HomeTabViewRequest{}, err
	}
	var h message.Home
	for i, id := range channels {
		c := message.HomeChannel{ID: id, Usual: usuals[i]}
		if c.Run, err = s.Knowledge.OpenRun(ctx, workspaceID, id); err != nil {
			return slack.HomeTabViewRequest{}, err
		}
		if c.Standings, err = s.Knowledge.Standings(ctx, workspaceID, id); err != nil {
			return slack.HomeTabViewRequest{}, err
		}
		for _, standing := range c.Standings {
			if standing.GetUserId() == userID {
				c.Standing = standing
			}
		}
		h.Channels = append(h.Channels, c)
	}
	if h.Personal, err = s.Knowledge.Personal(ctx, workspaceID, userID); err != nil {
		return slack.HomeTabViewRequest{}, err
	}
	return h.View(), nil
}

// clickedAtHome obeys a button of someone's App Home.
func (s *Server) clickedAtHome(ctx context.Context, in interaction) error {
	action := in.Actions[0]
	from := click{
		id:     s.clicks.id(derive("home", in.User.ID, action.ActionID, action.Value), action.ActionTS),
		userID: in.User.ID, triggerID: in.TriggerID,
	}
	var said message.Message
	switch action.ActionID {
	case message.ActionForget:
		from.channelID = action.Value
		said = s.send(ctx, from, message.ActionForget, "", &commandv1.Command{What: &commandv1.Command_ClearUsual{ClearUsual: &commandv1.ClearUsual{}}})
	case message.ActionEditUsual:
		from.channelID = action.Value
		usual, _ := s.usual(ctx, from) // unknown: an empty form will do
		if err := s.Slack.OpenView(ctx, from.triggerID, message.UsualModal(from.channelID, usual)); err != nil {
			s.Telemetry.Log.WarnContext(ctx, "form of a usual not opened", "error", err)
		}
	case message.ActionReminders, message.ActionNamed:
		said = s.changePersonal(ctx, from, action)
	case message.ActionEraseMe:
		said = s.send(ctx, from, message.ActionEraseMe, "", &commandv1.Command{
			What: &commandv1.Command_ErasePerson{ErasePerson: &commandv1.ErasePerson{UserId: from.userID}},
		})
		if said.Text == "" {
			said = message.ErasureBegun()
		}
	default:
		run, err := s.run(ctx, action.Value)
		switch {
		case err == nil && run == nil:
			said = message.UnknownRun()
		default:
			from.channelID = run.GetChannelId()
			said = s.perform(ctx, from, action.ActionID, action.Value)
		}
	}
	if said.Text != "" {
		if err := s.Slack.OpenView(ctx, from.triggerID, message.Note(said)); err != nil {
			s.Telemetry.Log.WarnContext(ctx, "answer not shown", "error", err)
		}
	}
	s.homes.touch(in.User.ID, s.Now())
	return nil
}

// savesUsual answers the form in which a usual is changed.
func (s *Server) savesUsual(ctx context.Context, in interaction) (any, error) {
	var about message.UsualContext
	_ = json.Unmarshal([]byte(in.View.PrivateMetadata), &about) // of another version: it names no channel
	if about.ChannelID == "" {
		return slack.NewUpdateViewSubmissionResponse(message.OldForm()), nil
	}
	drink, quantity, err := drinkOf(in.View, message.BlockDrink)
	if err != nil {
		return nil, err
	}
	if problem := drinkProblem(drink); problem != "" {
		return drinkError(message.BlockDrink, problem), nil
	}
	from := click{id: derive("usual", in.View.ID, in.User.ID, drink, strconv.Itoa(int(quantity))), userID: in.User.ID, channelID: about.ChannelID}
	said := s.send(from.context(ctx), from, message.ActionSaveUsual, "", &commandv1.Command{
		What: &commandv1.Command_SaveUsual{SaveUsual: &commandv1.SaveUsual{Drink: drink, Quantity: quantity}},
	})
	if said.Text != "" {
		return drinkError(message.BlockDrink, said.Text), nil
	}
	s.homes.touch(in.User.ID, s.Now())
	return nil, nil
}

// changePersonal turns one of someone's own settings on or off.
func (s *Server) changePersonal(ctx context.Context, from click, action action) message.Message {
	settings, err := ask(ctx, s, "personal settings", func(ctx context.Context, workspaceID string) (*runv1.PersonalSettings, error) {
		return s.Knowledge.Personal(ctx, workspaceID, from.userID)
	})
	if err != nil {
		return s.unconfirmed(ctx, message.ActionReminders, err)
	}
	if settings == nil {
		settings = message.DefaultPersonal()
	}
	on := action.Value == "on"
	if action.ActionID == message.ActionReminders {
		settings.Reminders = on
	} else {
		settings.NamedInLastCalls = on
	}
	return s.send(ctx, from, message.ActionReminders, "", &commandv1.Command{
		What: &commandv1.Command_ChangePersonalSettings{ChangePersonalSettings: &commandv1.ChangePersonalSettings{Settings: settings}},
	})
}

func (h *homes) lately(now time.Time) map[string]home {
	h.mu.Lock()
	defer h.mu.Unlock()
	lately := map[string]home{}
	for userID, one := range h.shown {
		if now.Sub(one.opened) > homeOpen {
			delete(h.shown, userID)
			continue
		}
		lately[userID] = one
	}
	return lately
}

func (h *homes) keep(userID string, one home) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shown == nil || len(h.shown) >= mostHomes {
		h.shown = map[string]home{}
	}
	h.shown[userID] = one
}

func (h *homes) touch(userID string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, ok := h.shown[userID]; ok {
		one.opened = now
		h.shown[userID] = one
	}
}
