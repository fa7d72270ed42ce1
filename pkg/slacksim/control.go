package slacksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// controlError is a request to the control API that cannot be carried out.
type controlError struct {
	Code    string `json:"error"`
	Message string `json:"message"`
}

func (e *controlError) Error() string { return e.Code + ": " + e.Message }

func badRequest(code, message string) error { return &controlError{code, message} }

// routes is the whole HTTP surface.
func (s *Sim) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/", pageHandler())
	mux.HandleFunc("/sim/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, &controlError{"not_found", "no such call: " + r.Method + " " + r.URL.Path})
	})
	mux.HandleFunc("/archives/{channel}/{ts}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/#//"+url.PathEscape(r.PathValue("channel"))) // a permalink; the page knows who looks
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/api/{method}", s.handleAPI)
	mux.HandleFunc("POST /hooks/{id}", s.handleHook)
	mux.HandleFunc("GET /link/", s.handleLink)

	mux.HandleFunc("GET /sim/stream", sameOrigin(s.handleStream))
	control := func(pattern string, handle func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, sameOrigin(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := handle(r)
			var bad *controlError
			switch {
			case errors.As(err, &bad):
				writeJSON(w, http.StatusBadRequest, bad)
			case err != nil:
				writeJSON(w, http.StatusBadRequest, &controlError{"bad_request", err.Error()})
			case answer == nil:
				writeJSON(w, http.StatusOK, object{})
			default:
				writeJSON(w, http.StatusOK, answer)
			}
		}))
	}
	control("GET /sim/workspace", s.getWorkspace)
	control("GET /sim/messages", s.getMessages)
	control("GET /sim/views", s.getViews)
	control("GET /sim/history", s.getHistory)
	control("POST /sim/command", s.postCommand)
	control("POST /sim/message", s.postMessage)
	control("POST /sim/action", s.postAction)
	control("POST /sim/view/submit", s.postSubmit)
	control("POST /sim/view/close", s.postClose)
	control("POST /sim/home", s.postHome)
	control("POST /sim/url_verification", s.postVerification)
	control("POST /sim/faults", s.postFault)
	control("DELETE /sim/faults", s.deleteFaults)
	control("GET /sim/links", s.getLinks)
	control("POST /sim/links", s.postLink)
	control("POST /sim/member", s.postMember)
	control("POST /sim/channel", s.postChannel)
	control("POST /sim/user", s.postUser)
	return mux
}

// sameOrigin keeps other web pages, open in the same browser, from playing people.
func sameOrigin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				writeJSON(w, http.StatusForbidden, &controlError{"forbidden", "the control API is for its own page"})
				return
			}
		}
		next(w, r)
	}
}

func read[T any](r *http.Request) (T, error) {
	var in T
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return in, badRequest("invalid_json", err.Error())
	}
	return in, nil
}

func (s *Sim) getWorkspace(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return struct {
		Workspace
		TracesURL string `json:"traces_url,omitempty"`
	}{s.st.Workspace.clone(), s.cfg.TracesURL}, nil
}

func (s *Sim) getMessages(r *http.Request) (any, error) {
	channelID, user := r.URL.Query().Get("channel"), r.URL.Query().Get("user")
	s.mu.Lock()
	defer s.mu.Unlock()
	channel := s.st.Workspace.channel(channelID)
	if channel == nil || !channel.visibleTo(user) {
		return nil, badRequest("channel_not_found", "no such channel for this person: "+channelID)
	}
	messages := []Message{}
	for _, m := range s.st.Messages[channelID] {
		if m.visibleTo(user) {
			messages = append(messages, m.Message)
		}
	}
	return object{"messages": messages}, nil
}

func (s *Sim) getViews(r *http.Request) (any, error) {
	user := r.URL.Query().Get("user")
	s.mu.Lock()
	defer s.mu.Unlock()
	return Views{Modal: s.st.top(user).shown(), Home: s.st.Homes[user].shown()}, nil
}

// Views is what a person has open.
type Views struct {
	Modal *View `json:"modal"`
	Home  *View `json:"home"`
}

func (v *view) shown() *View {
	if v == nil {
		return nil
	}
	shown := v.View
	return &shown
}

func (s *Sim) getHistory(r *http.Request) (any, error) {
	since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	return object{"calls": s.history.since(r.URL.Query().Get("method"), since)}, nil
}

// spoken is what a person typed into the composer.
type spoken struct {
	User     string `json:"user"`
	Channel  string `json:"channel"`
	Text     string `json:"text"`
	ThreadTS string `json:"thread_ts,omitempty"`
}

func (s *Sim) postCommand(r *http.Request) (any, error) {
	in, err := read[spoken](r)
	if err != nil {
		return nil, err
	}
	return noAckOnError(s.command(r.Context(), s.baseURL(r), in.User, in.Channel, in.Text))
}

func noAckOnError(a Ack, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (s *Sim) postMessage(r *http.Request) (any, error) {
	in, err := read[spoken](r)
	if err != nil {
		return nil, err
	}
	ts, err := s.say(in.User, in.Channel, in.Text, in.ThreadTS)
	return object{"ts": ts}, err
}

func (s *Sim) postAction(r *http.Request) (any, error) {
	in, err := read[Action](r)
	if err != nil {
		return nil, err
	}
	return noAckOnError(s.action(r.Context(), s.baseURL(r), in))
}

// submitted is a modal on its way to the app, or being closed.
type submitted struct {
	User   string `json:"user"`
	ViewID string `json:"view_id"`
	Values Values `json:"values,omitempty"`
	All    bool   `json:"all,omitempty"` // close those below it too
}

func (s *Sim) postSubmit(r *http.Request) (any, error) {
	in, err := read[submitted](r)
	if err != nil {
		return nil, err
	}
	result, err := s.submit(r.Context(), in.User, in.ViewID, in.Values)
	return result, err
}

func (s *Sim) postClose(r *http.Request) (any, error) {
	in, err := read[submitted](r)
	if err != nil {
		return nil, err
	}
	return nil, s.dismiss(in.User, in.ViewID, in.All)
}

func (s *Sim) postHome(r *http.Request) (any, error) {
	in, err := read[struct{ User, Tab string }](r)
	if err != nil {
		return nil, err
	}
	if in.Tab == "" {
		in.Tab = "home"
	}
	return nil, s.homeOpened(in.User, in.Tab)
}

func (s *Sim) postVerification(r *http.Request) (any, error) {
	ack, ok := s.verifyURL(r.Context())
	return object{"status": ack.Status, "error": ack.Error, "ok": ok}, nil
}

func (s *Sim) postFault(r *http.Request) (any, error) {
	f, err := read[Fault](r)
	if err != nil {
		return nil, err
	}
	if f.Method != "*" && apiMethods[f.Method].run == nil {
		return nil, badRequest("unknown_method", "no such method: "+f.Method)
	}
	if f.Kind == "" || f.Count < 0 {
		return nil, badRequest("invalid_fault", "a fault needs a kind, and a count that is not negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return nil, nil
}

func (s *Sim) deleteFaults(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	return nil, nil
}

func (s *Sim) postMember(r *http.Request) (any, error) {
	in, err := read[struct {
		Channel string `json:"channel"`
		User    string `json:"user"`
		In      bool   `json:"in"`
	}](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	channel, u := s.st.Workspace.channel(in.Channel), s.st.Workspace.user(in.User)
	if channel == nil || channel.IsIM || u == nil || u.ID == Slackbot {
		return nil, badRequest("not_found", "no such channel or user")
	}
	if channel.Has(u.ID) == in.In {
		return nil, nil
	}
	s.setMember(channel, u, in.In)
	return nil, nil
}

// setMember lets a user join or leave, with what Slack says in the channel and
// to the app: about others if the bot is a member, and about the bot itself.
// Expects Sim.mu held.
func (s *Sim) setMember(c *Channel, u *User, in bool) {
	bot := s.st.Workspace.Bot.UserID
	told := c.Has(bot) || u.ID == bot
	kind, subtype, verb := "member_left_channel", "channel_leave", "left"
	if in {
		kind, subtype, verb = "member_joined_channel", "channel_join", "joined"
		c.Members = append(slices.Clone(c.Members), u.ID)
	} else {
		c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m string) bool { return m == u.ID })
	}
	s.dirty = true
	s.post(message{Message: Message{
		Channel: c.ID, User: u.ID, Bot: u.IsBot, Subtype: subtype, Text: fmt.Sprintf("<@%s> has %s the channel", u.ID, verb),
	}})
	s.hub.publish(Hint{Kind: "channel", Channel: c.ID})
	if !told {
		return
	}
	channelType := "C"
	if c.IsPrivate {
		channelType = "G"
	}
	if u.ID == bot && !in { // the one who left hears it under another name
		left := "channel_left"
		if c.IsPrivate {
			left = "group_left"
		}
		s.send(left, object{"type": left, "channel": c.ID, "actor_id": c.Creator})
		return
	}
	s.send(kind, object{"type": kind, "user": u.ID, "channel": c.ID, "channel_type": channelType, "team": s.st.Workspace.Team.ID})
}

var channelName = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{1,80}$`)

func (s *Sim) postChannel(r *http.Request) (any, error) {
	c, err := read[Channel](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.st.Workspace
	c.Name = strings.TrimPrefix(c.Name, "#")
	switch {
	case !channelName.MatchString(c.Name):
		return nil, badRequest("invalid_name", "a channel's name has lowercase letters, digits, - and _, at most 80")
	case w.channelNamed(c.Name) != nil || c.ID != "" && w.channel(c.ID) != nil:
		return nil, badRequest("name_taken", "there is such a channel already")
	}
	if c.ID == "" {
		c.ID = s.st.nextID("C")
	}
	c.IsIM, c.IMWith = false, ""
	if c.Members == nil {
		for _, u := range w.Users {
			if !u.IsBot && !u.Deleted {
				c.Members = append(c.Members, u.ID) // everyone; the bot waits to be invited
			}
		}
	}
	if c.Creator == "" && len(c.Members) > 0 {
		c.Creator = c.Members[0]
	}
	w.Channels = append(w.Channels, c)
	s.dirty = true
	s.hub.publish(Hint{Kind: "channel", Channel: c.ID})
	return c, nil
}

// postUser adds a person, or changes the one with this id.
func (s *Sim) postUser(r *http.Request) (any, error) {
	in, err := read[json.RawMessage](r)
	if err != nil {
		return nil, err
	}
	var u User
	if err := json.Unmarshal(in, &u); err != nil {
		return nil, badRequest("invalid_json", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.st.Workspace
	s.dirty = true
	defer s.hub.publish(Hint{Kind: "workspace"})
	if known := w.user(u.ID); known != nil {
		_ = json.Unmarshal(in, known) // only what was sent changes
		if known.Deleted {
			for i := range w.Channels {
				if !w.Channels[i].IsIM {
					w.Channels[i].Members = slices.DeleteFunc(slices.Clone(w.Channels[i].Members), func(m string) bool { return m == u.ID })
				}
			}
		}
		s.send("user_change", object{"type": "user_change", "user": s.apiUser(known, s.cfg.Now())})
		return *known, nil
	}
	if u.Called() == "" {
		return nil, badRequest("invalid_name", "a person needs a name")
	}
	if u.ID == "" {
		u.ID = s.st.nextID("U")
	}
	if u.Name == "" {
		u.Name = strings.ToLower(strings.ReplaceAll(u.Called(), " ", "."))
	}
	w.Users = append(w.Users, u)
	for i := range w.Channels {
		if c := &w.Channels[i]; !c.IsIM && !c.IsPrivate && !c.IsArchived {
			c.Members = append(slices.Clone(c.Members), u.ID)
		}
	}
	if !u.IsBot {
		w.openIM(u.ID)
	}
	return u, nil
}
