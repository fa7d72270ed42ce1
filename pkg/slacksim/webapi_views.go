package slacksim

import "encoding/json"

// checkedView reads the view argument.
func (s *Sim) checkedView(c *call, user, wantType string) (*view, error) {
	raw := json.RawMessage(c.args["view"])
	if len(raw) == 0 {
		return nil, missingArg("view")
	}
	if err := validateView(raw, wantType); err != nil {
		return nil, err
	}
	v, err := s.st.newView(user, raw)
	if err != nil {
		return nil, err
	}
	if v.ExternalID != "" {
		if other := s.st.findView("", v.ExternalID); other != nil && other.ID != c.args["view_id"] && v.ExternalID != c.args["external_id"] {
			return nil, apiErr("duplicate_external_id")
		}
	}
	return v, nil
}

// redeem exchanges a trigger for the person who caused it.
func (s *Sim) redeem(c *call) (user string, err error) {
	id := c.args["trigger_id"]
	if id == "" {
		return "", missingArg("trigger_id")
	}
	t := s.triggers[id]
	switch {
	case t == nil:
		return "", apiErr("invalid_trigger_id")
	case t.used:
		return "", apiErr("exchanged_trigger_id")
	case c.now.After(t.expires):
		return "", apiErr("expired_trigger_id")
	}
	t.used = true
	c.user = t.user
	return t.user, nil
}

func (s *Sim) viewsOpen(c *call) (object, error) {
	v, err := s.checkedView(c, "", "modal")
	if err != nil {
		return nil, err
	}
	if v.User, err = s.redeem(c); err != nil {
		return nil, err
	}
	delete(s.st.Modals, v.User) // a new root takes the place of what was open
	if err := s.st.pushView(v); err != nil {
		return nil, err
	}
	s.changedView(v)
	return object{"view": v.View}, nil
}

func (s *Sim) viewsPush(c *call) (object, error) {
	v, err := s.checkedView(c, "", "modal")
	if err != nil {
		return nil, err
	}
	if v.User, err = s.redeem(c); err != nil {
		return nil, err
	}
	if s.st.top(v.User) == nil {
		return nil, apiErr("not_found") // nothing to push onto
	}
	if err := s.st.pushView(v); err != nil {
		return nil, err
	}
	s.changedView(v)
	return object{"view": v.View}, nil
}

func (s *Sim) viewsUpdate(c *call) (object, error) {
	if c.args["view_id"] == "" && c.args["external_id"] == "" {
		return nil, missingArg("view_id")
	}
	old := s.st.findView(c.args["view_id"], c.args["external_id"])
	if old == nil {
		return nil, apiErr("not_found")
	}
	if hash := c.args["hash"]; hash != "" && hash != old.Hash {
		return nil, apiErr("hash_conflict")
	}
	v, err := s.checkedView(c, old.User, old.Type)
	if err != nil {
		return nil, err
	}
	v = old.successor(v)
	s.st.replaceView(v)
	s.changedView(v)
	return object{"view": v.View}, nil
}

func (s *Sim) viewsPublish(c *call) (object, error) {
	id := c.args["user_id"]
	if id == "" {
		return nil, missingArg("user_id")
	}
	if u := s.st.Workspace.user(id); u == nil || u.IsBot {
		return nil, apiErr("user_not_found")
	}
	old := s.st.Homes[id]
	if hash := c.args["hash"]; hash != "" && (old == nil || hash != old.Hash) {
		return nil, apiErr("hash_conflict")
	}
	v, err := s.checkedView(c, id, "home")
	if err != nil {
		return nil, err
	}
	if old != nil {
		v = old.successor(v)
	}
	s.st.Homes[id] = v
	s.changedView(v)
	return object{"view": v.View}, nil
}
