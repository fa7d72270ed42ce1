package slacksim

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // people's zones must resolve on machines without a zone database
)

// Slackbot speaks for Slack itself: a command that failed, an unknown command.
const Slackbot = "USLACKBOT"

// Workspace is the team, its people and its conversations. Ids follow Slack's
// habits: T team, U person, C channel, D direct message.
type Workspace struct {
	Team     Team      `json:"team"`
	Bot      Bot       `json:"bot"`
	Commands []string  `json:"commands"` // with the slash
	Users    []User    `json:"users"`    // Slackbot and the bot's own user included
	Channels []Channel `json:"channels"` // direct messages included
}

// Team is the workspace itself.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// Bot is the installed app.
type Bot struct {
	UserID string `json:"user_id"`
	BotID  string `json:"bot_id"`
	AppID  string `json:"app_id"`
	Name   string `json:"name"`
}

// User is a person or a bot user.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name"` // the handle
	RealName    string `json:"real_name"`
	DisplayName string `json:"display_name"`
	TZ          string `json:"tz"` // IANA name
	IsAdmin     bool   `json:"is_admin"`
	IsOwner     bool   `json:"is_owner"`
	IsBot       bool   `json:"is_bot"`
	Deleted     bool   `json:"deleted"`
	Color       string `json:"color"` // RRGGBB
}

// Called is the name other people see.
func (u User) Called() string {
	for _, name := range []string{u.DisplayName, u.RealName, u.Name} {
		if name != "" {
			return name
		}
	}
	return u.ID
}

// Zone is the user's time zone, UTC when unset or unknown.
func (u User) Zone() *time.Location {
	zone, err := time.LoadLocation(u.TZ)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Channel is a conversation: public, private, or a direct message with the bot.
type Channel struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Creator    string   `json:"creator,omitempty"`
	IsPrivate  bool     `json:"is_private"`
	IsArchived bool     `json:"is_archived,omitempty"`
	IsIM       bool     `json:"is_im"`
	Members    []string `json:"members"`
	IMWith     string   `json:"im_with,omitempty"`
}

// Has reports whether user is a member.
func (c Channel) Has(user string) bool { return slices.Contains(c.Members, user) }

// visibleTo reports whether user may read the conversation.
func (c Channel) visibleTo(user string) bool {
	return c.Has(user) || !c.IsPrivate && !c.IsIM
}

// DefaultWorkspace is a small office with five people in three time zones.
func DefaultWorkspace() Workspace {
	person := func(id, name, real, zone, color string) User {
		return User{ID: id, Name: strings.ToLower(name), DisplayName: name, RealName: real, TZ: zone, Color: color}
	}
	ana := person("U0ANA", "Ana", "Ana Lindqvist", "Europe/Berlin", "9f69e7")
	ana.IsAdmin, ana.IsOwner = true, true
	people := []User{
		ana,
		person("U0BEN", "Ben", "Ben Okafor", "Europe/Berlin", "4bbe2e"),
		person("U0CEM", "Cem", "Cem Aydın", "Europe/Istanbul", "e7392d"),
		person("U0DEE", "Dee", "Dee Marino", "America/New_York", "3c989f"),
		person("U0EVA", "Eva", "Eva Horák", "Europe/Berlin", "e96699"),
	}
	everyone := make([]string, 0, len(people)+1)
	for _, p := range people {
		everyone = append(everyone, p.ID)
	}
	withBot := append(slices.Clone(everyone), "U0BUDDY")
	return Workspace{
		Team:     Team{ID: "T0COFFEE", Name: "Office", Domain: "office"},
		Bot:      Bot{UserID: "U0BUDDY", BotID: "B0BUDDY", AppID: "A0BUDDY", Name: "CoffeeBuddy"},
		Commands: []string{"/coffee"},
		Users:    people,
		Channels: []Channel{
			{ID: "C0COFFEE", Name: "coffee", Creator: "U0ANA", Members: withBot},
			{ID: "C0GENERAL", Name: "general", Creator: "U0ANA", Members: everyone},
			{ID: "C0TEA", Name: "tea-corner", Creator: "U0BEN", Members: withBot},
		},
	}
}

// complete fills in what every workspace has: the bot's user, Slackbot, and a
// direct message with the bot for each person.
func (w *Workspace) complete() {
	w.Users, w.Channels, w.Commands = slices.Clone(w.Users), slices.Clone(w.Channels), slices.Clone(w.Commands)
	if w.user(w.Bot.UserID) == nil {
		w.Users = append(w.Users, User{
			ID: w.Bot.UserID, Name: strings.ToLower(w.Bot.Name), RealName: w.Bot.Name, DisplayName: w.Bot.Name,
			TZ: "UTC", IsBot: true, Color: "6b4f3a",
		})
	}
	if w.user(Slackbot) == nil {
		w.Users = append(w.Users, User{ID: Slackbot, Name: "slackbot", RealName: "Slackbot", DisplayName: "Slackbot", TZ: "UTC", IsBot: true, Color: "757575"})
	}
	for i := range w.Channels {
		w.Channels[i].Members = slices.Clone(w.Channels[i].Members)
	}
	for _, u := range w.Users {
		if !u.IsBot {
			w.openIM(u.ID)
		}
	}
}

// openIM returns the direct message between the bot and user, made when missing.
func (w *Workspace) openIM(user string) (im Channel, existed bool) {
	for _, c := range w.Channels {
		if c.IsIM && c.IMWith == user {
			return c, true
		}
	}
	im = Channel{ID: "D" + strings.TrimPrefix(user, "U"), IsIM: true, Members: []string{user, w.Bot.UserID}, IMWith: user}
	w.Channels = append(w.Channels, im)
	return im, false
}

func (w *Workspace) user(id string) *User {
	for i := range w.Users {
		if w.Users[i].ID == id {
			return &w.Users[i]
		}
	}
	return nil
}

func (w *Workspace) channel(id string) *Channel {
	for i := range w.Channels {
		if w.Channels[i].ID == id {
			return &w.Channels[i]
		}
	}
	return nil
}

func (w *Workspace) channelNamed(name string) *Channel {
	name = strings.TrimPrefix(name, "#")
	for i := range w.Channels {
		if !w.Channels[i].IsIM && w.Channels[i].Name == name {
			return &w.Channels[i]
		}
	}
	return nil
}

// clone copies everything a caller could change.
func (w *Workspace) clone() Workspace {
	c := *w
	c.Commands, c.Users, c.Channels = slices.Clone(w.Commands), slices.Clone(w.Users), slices.Clone(w.Channels)
	for i := range c.Channels {
		c.Channels[i].Members = slices.Clone(c.Channels[i].Members)
	}
	return c
}
