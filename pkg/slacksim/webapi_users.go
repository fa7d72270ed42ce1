package slacksim

import "maps"

import "time"

func (s *Sim) apiTest(c *call) (object, error) {
	if code := c.args["error"]; code != "" {
		return nil, &apiError{code: code, more: object{"args": c.args}}
	}
	return object{"args": c.args}, nil
}

func (s *Sim) authTest(c *call) (object, error) {
	w := &s.st.Workspace
	bot := w.user(w.Bot.UserID)
	return object{
		"url": c.base + "/", "team": w.Team.Name, "team_id": w.Team.ID, "user": bot.Name, "user_id": bot.ID,
		"bot_id": w.Bot.BotID, "is_enterprise_install": false,
	}, nil
}

func (s *Sim) teamInfo(c *call) (object, error) {
	w := &s.st.Workspace
	if id := c.args["team"]; id != "" && id != w.Team.ID {
		return nil, apiErr("team_not_found")
	}
	return object{"team": object{"id": w.Team.ID, "name": w.Team.Name, "domain": w.Team.Domain, "email_domain": "", "icon": object{"image_default": true}}}, nil
}

func (s *Sim) usersInfo(c *call) (object, error) {
	id := c.args["user"]
	if id == "" {
		return nil, missingArg("user")
	}
	u := s.st.Workspace.user(id)
	if u == nil {
		return nil, apiErr("user_not_found")
	}
	return object{"user": s.apiUser(u, c.now)}, nil
}

func (s *Sim) usersList(c *call) (object, error) {
	users := make([]object, 0, len(s.st.Workspace.Users))
	for i := range s.st.Workspace.Users {
		users = append(users, s.apiUser(&s.st.Workspace.Users[i], c.now))
	}
	part, next, err := page(c, users)
	if err != nil {
		return nil, err
	}
	return object{"members": part, "cache_ts": c.now.Unix(), "response_metadata": object{"next_cursor": next}}, nil
}

// apiUser is a user as users.info shows it; a deactivated one has lost most fields.
func (s *Sim) apiUser(u *User, now time.Time) object {
	o := object{
		"id": u.ID, "team_id": s.st.Workspace.Team.ID, "name": u.Name, "deleted": u.Deleted, "updated": 1700000000,
		"is_bot": u.IsBot && u.ID != Slackbot, "is_app_user": false, // Slack does not call Slackbot a bot
		"profile": object{
			"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.DisplayName,
			"display_name_normalized": u.DisplayName, "team": s.st.Workspace.Team.ID, "status_text": "", "status_emoji": "",
		},
	}
	if u.Deleted {
		return o
	}
	label, offset := now.In(u.Zone()).Zone()
	maps.Copy(o, (object{
		"color": u.Color, "real_name": u.RealName, "tz": u.Zone().String(), "tz_label": label, "tz_offset": offset,
		"is_admin": u.IsAdmin, "is_owner": u.IsOwner, "is_primary_owner": u.IsOwner, "is_restricted": false,
		"is_ultra_restricted": false, "is_email_confirmed": true, "who_can_share_contact_card": "EVERYONE",
	}))
	return o
}
