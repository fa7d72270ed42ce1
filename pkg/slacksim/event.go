package slacksim

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// send delivers an event to the app if it is subscribed, again when it is not
// acknowledged. Expects Sim.mu held.
func (s *Sim) send(subscription string, event object) {
	if !slices.Contains(s.cfg.Events, subscription) || s.appURL == "" && s.cfg.AppToken == "" {
		return
	}
	w := &s.st.Workspace
	now := s.cfg.Now()
	ts := s.st.nextTS(now)
	event["event_ts"] = ts
	body, _ := json.Marshal(object{
		"token": verificationToken, "team_id": w.Team.ID, "api_app_id": w.Bot.AppID, "event": event, "type": "event_callback",
		"event_id": s.st.nextID("Ev"), "event_time": now.Unix(), "is_ext_shared_channel": false,
		"event_context":  "4-" + secretID(12),
		"authorizations": []object{{"enterprise_id": nil, "team_id": w.Team.ID, "user_id": w.Bot.UserID, "is_bot": true, "is_enterprise_install": false}},
	})
	s.spawn(func() { s.deliverEvent(body) })
}

func (s *Sim) deliverEvent(body []byte) {
	o := outgoing{kind: kindEvent, payload: body}
	for try := 0; ; try++ {
		r := s.deliver(s.ctx, o)
		acknowledged := r.status >= 200 && r.status < 300 && r.err != errTimeout
		if acknowledged || try >= len(s.cfg.EventRetries) || r.header.Get("X-Slack-No-Retry") == "1" {
			return
		}
		reason := "connection_failed"
		switch {
		case r.err == errTimeout:
			reason = "http_timeout"
		case r.status != 0:
			reason = "http_error"
		}
		o.retry, o.reason = try+1, reason
		timer := time.NewTimer(s.cfg.EventRetries[try])
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// verifyURL does the url_verification handshake of an app's settings page.
func (s *Sim) verifyURL(ctx context.Context) (Ack, bool) {
	challenge := secretID(16)
	body, _ := json.Marshal(object{"token": verificationToken, "challenge": challenge, "type": "url_verification"})
	r := s.deliver(ctx, outgoing{kind: kindEvent, payload: body})
	var answer struct {
		Challenge string `json:"challenge"`
	}
	ok := r.status == http.StatusOK && (strings.TrimSpace(string(r.body)) == challenge ||
		json.Unmarshal(r.body, &answer) == nil && answer.Challenge == challenge)
	return r.ack(), ok
}

// say posts a person's message and tells the app, where it listens.
func (s *Sim) say(user, channelID, text, threadTS string) (ts string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	channel, _, err := s.insider(channelID, user)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(text) == "" {
		return "", badRequest("no_text", "a message needs text")
	}
	if strings.HasPrefix(text, "/") {
		return "", badRequest("is_command", "send commands to /sim/command")
	}
	if threadTS != "" && s.st.message(channelID, threadTS) == nil {
		return "", badRequest("thread_not_found", "this thread is gone")
	}
	text = s.st.Workspace.linked(text)
	m := s.post(message{Message: Message{Channel: channelID, User: user, Text: text, ThreadTS: threadTS}})

	event := func(kind string) object {
		e := object{"type": kind, "user": user, "text": text, "ts": m.TS, "channel": channelID, "team": s.st.Workspace.Team.ID}
		if threadTS != "" {
			e["thread_ts"] = threadTS
		}
		return e
	}
	bot := s.st.Workspace.Bot.UserID
	if channel.IsIM {
		e := event("message")
		e["channel_type"] = "im"
		s.send("message.im", e)
		return m.TS, nil
	}
	if channel.Has(bot) {
		e := event("message")
		e["channel_type"] = "channel"
		subscription := "message.channels"
		if channel.IsPrivate {
			e["channel_type"], subscription = "group", "message.groups"
		}
		s.send(subscription, e)
		if strings.Contains(text, "<@"+bot+">") {
			s.send("app_mention", event("app_mention"))
		}
	}
	return m.TS, nil
}

// linked turns what a person typed into what Slack stores: mentions and channel
// names become links, the rest is escaped.
func (w *Workspace) linked(text string) string {
	var out strings.Builder
	atWord := true // a mention starts a word
	for len(text) > 0 {
		if link := storedLink.FindString(text); link != "" {
			out.WriteString(link)
			text, atWord = text[len(link):], false
			continue
		}
		if atWord && (text[0] == '@' || text[0] == '#') {
			if id, length := w.named(text); length > 0 {
				out.WriteString(id)
				text, atWord = text[length:], false
				continue
			}
		}
		c := text[0]
		switch c {
		case '&':
			out.WriteString("&amp;")
		case '<':
			out.WriteString("&lt;")
		case '>':
			out.WriteString("&gt;")
		default:
			out.WriteByte(c)
		}
		atWord = c == ' ' || c == '\n' || c == '('
		text = text[1:]
	}
	return out.String()
}

// named finds the longest name that text starts with, after its @ or #.
func (w *Workspace) named(text string) (link string, length int) {
	try := func(name, as string) {
		if name == "" || len(name) < length || len(text) <= len(name) || !strings.EqualFold(text[1:1+len(name)], name) {
			return
		}
		if next, _ := utf8.DecodeRuneInString(text[1+len(name):]); unicode.IsLetter(next) || unicode.IsDigit(next) {
			return // only the beginning of a longer word
		}
		link, length = as, 1+len(name)
	}
	if text[0] == '#' {
		for _, c := range w.Channels {
			if !c.IsIM {
				try(c.Name, "<#"+c.ID+"|"+c.Name+">")
			}
		}
		return link, length
	}
	for _, u := range w.Users {
		for _, name := range []string{u.DisplayName, u.RealName, u.Name} {
			try(name, "<@"+u.ID+">")
		}
	}
	for _, all := range []string{"here", "channel", "everyone"} {
		try(all, "<!"+all+">")
	}
	return link, length
}

// homeOpened tells the app that a person looks at its Home or Messages tab.
func (s *Sim) homeOpened(user, tab string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.st.Workspace.user(user); u == nil || u.IsBot {
		return badRequest("user_not_found", "no such person: "+user)
	}
	im, _ := s.st.Workspace.openIM(user)
	e := object{"type": "app_home_opened", "user": user, "channel": im.ID, "tab": tab}
	if home := s.st.Homes[user]; home != nil && tab == "home" {
		e["view"] = home.View
	}
	s.send("app_home_opened", e)
	return nil
}
