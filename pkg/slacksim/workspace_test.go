package slacksim_test

import (
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

func TestDefaultWorkspace(t *testing.T) {
	t.Parallel()
	o := open(t)
	w, err := o.people.Workspace(o.ctx())
	require.NoError(t, err)
	require.Equal(t, []string{"/coffee"}, w.Commands)
	ims := 0
	for _, c := range w.Channels {
		if c.IsIM {
			ims++
			require.Equal(t, []string{c.IMWith, "U0BUDDY"}, c.Members)
		}
	}
	require.Equal(t, 5, ims)
	require.Len(t, w.Users, 7)
}

func TestOwnWorkspace(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *slacksim.Config) {
		c.Workspace = slacksim.Workspace{
			Team: slacksim.Team{ID: "T1", Name: "Zoo"}, Bot: slacksim.Bot{UserID: "U9", Name: "Keeper"}, Commands: []string{"/feed"},
			Users:    []slacksim.User{{ID: "U1", Name: "lea", TZ: "Nowhere/Land"}},
			Channels: []slacksim.Channel{{ID: "C1", Name: "cages", Members: []string{"U1", "U9"}}},
		}
	})
	_, err := o.people.Command(o.ctx(), "U1", "C1", "/feed lions")
	require.NoError(t, err)
	require.Equal(t, "lions", o.app.nth(t, "/slack/commands", 1).form.Get("text"))
	u, err := o.api.GetUserInfo("U1")
	require.NoError(t, err)
	require.Equal(t, "UTC", u.TZ)
}

func TestPeopleAndChannelsChange(t *testing.T) {
	t.Parallel()
	o := open(t)
	ctx := o.ctx()
	fay, err := o.people.SetUser(ctx, slacksim.User{RealName: "Fay Fox"})
	require.NoError(t, err)
	require.Equal(t, "fay.fox", fay.Name)
	_, err = o.people.Command(ctx, fay.ID, coffee, "/coffee") // in every public channel
	require.NoError(t, err)

	fay.Deleted = true
	_, err = o.people.SetUser(ctx, fay)
	require.NoError(t, err)
	_, err = o.people.Command(ctx, fay.ID, coffee, "/coffee")
	require.Equal(t, "user_not_found", slacksim.ErrorCode(err))
	info, err := o.api.GetUserInfo(fay.ID)
	require.NoError(t, err)
	require.True(t, info.Deleted)
	_, _, err = o.api.PostMessage(fay.ID, text("x"))
	require.EqualError(t, err, "channel_not_found")
	_, _, _, err = o.api.OpenConversation(&slack.OpenConversationParameters{Users: []string{fay.ID}})
	require.EqualError(t, err, "user_disabled")
	_, err = o.people.SetUser(ctx, slacksim.User{})
	require.Equal(t, "invalid_name", slacksim.ErrorCode(err))

	lab, err := o.people.AddChannel(ctx, slacksim.Channel{Name: "#lab", IsPrivate: true})
	require.NoError(t, err)
	require.False(t, lab.Has("U0BUDDY"))
	require.Len(t, lab.Members, 5)
	require.NoError(t, o.people.Member(ctx, lab.ID, "U0BUDDY", true))
	require.Equal(t, "@CoffeeBuddy has joined the channel", mustWorkspace(o).Reader(ana).Mrkdwn(o.messages(lab.ID, ana)[0].Text))
	o.post(lab.ID, text("hello"))
	for code, c := range map[string]slacksim.Channel{"name_taken": {Name: "lab"}, "invalid_name": {Name: "Bad Name"}} {
		_, err = o.people.AddChannel(ctx, c)
		require.Equal(t, code, slacksim.ErrorCode(err))
	}
	require.NoError(t, o.people.Member(ctx, lab.ID, ben, false))
	_, err = o.people.Messages(ctx, lab.ID, ben)
	require.Equal(t, "channel_not_found", slacksim.ErrorCode(err))
	require.Equal(t, "not_found", slacksim.ErrorCode(o.people.Member(ctx, "C0NONE", ben, true)))
}

func mustWorkspace(o *office) slacksim.Workspace {
	w, err := o.people.Workspace(o.ctx())
	require.NoError(o.t, err)
	return w
}

func TestPageIsServed(t *testing.T) {
	t.Parallel()
	o := open(t)
	get := func(path string) (int, string, string) {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Get(o.url + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body), resp.Header.Get("Location")
	}
	status, body, _ := get("/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<html")
	status, _, location := get("/archives/C0COFFEE/p1700000000000100")
	require.Equal(t, http.StatusFound, status)
	require.Equal(t, "/#//C0COFFEE", location)
	status, body, _ = get("/sim/nothing")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "not_found")
	status, _, _ = get("/sim/messages?channel=C0NONE&user=U0ANA")
	require.Equal(t, http.StatusBadRequest, status)
}
