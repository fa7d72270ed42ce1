package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// Nothing that comes in through the door makes ingress fail, and nothing that is no proper request is written anywhere.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 20m Lobby")
	card := ben.reads("No orders yet")
	w.settled()
	before := w.contents()

	start := command(ana.in("C0TEA"), "in 20m")
	form := func(fields url.Values) string { return fields.Encode() }
	payload := func(text string) string { return form(url.Values{"payload": {text}}) }
	submit := func(callback, metadata, drink string) string {
		return payload(fmt.Sprintf(`{"type":"view_submission","user":{"id":"U0BEN"},"view":{"id":"V1","callback_id":%q,"private_metadata":%q,"state":{"values":{"drink":{"drink":{"value":%q}}}}}}`, callback, metadata, drink))
	}
	about := fmt.Sprintf(`{"run":%q,"channel":"C0COFFEE"}`, runID(t, card))
	const commands, interactions, events = "/slack/commands", "/slack/interactions", "/slack/events"
	for name, test := range map[string]struct {
		request
		status int
	}{
		"signed with another secret":  {request{path: commands, body: start.body, secret: "another"}, http.StatusUnauthorized},
		"signed six minutes ago":      {request{path: commands, body: start.body, at: time.Now().Add(-6 * time.Minute)}, http.StatusUnauthorized},
		"signed in six minutes":       {request{path: commands, body: start.body, at: time.Now().Add(6 * time.Minute)}, http.StatusUnauthorized},
		"too large":                   {request{path: commands, body: start.body + "&text=" + strings.Repeat("x", 64<<10)}, http.StatusRequestEntityTooLarge},
		"too large, forged":           {request{path: interactions, body: strings.Repeat("x", 10<<20), secret: "another"}, http.StatusRequestEntityTooLarge},
		"no form":                     {request{path: commands, body: "%zz=%&;"}, http.StatusBadRequest},
		"a form without a person":     {request{path: commands, body: "text=10:30&channel_id=C0TEA"}, http.StatusBadRequest},
		"text that is not UTF-8":      {request{path: commands, body: strings.Replace(start.body, "in+20m", "%ff%fe", 1)}, http.StatusBadRequest},
		"a byte zero in the place":    {request{path: commands, body: command(ana.in("C0TEA"), "25:99 a\x00b").body}, http.StatusOK},
		"no payload":                  {request{path: interactions, body: "x=y"}, http.StatusBadRequest},
		"a payload that is no JSON":   {request{path: interactions, body: payload(`{"type":"block_actions"`)}, http.StatusBadRequest},
		"JSON that is no object":      {request{path: interactions, body: payload(`[1,2,3]`)}, http.StatusBadRequest},
		"deeply nested JSON":          {request{path: interactions, body: payload(strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001))}, http.StatusBadRequest},
		"a click on nothing":          {request{path: interactions, body: payload(`{"type":"block_actions","user":{"id":"U0BEN"},"actions":[]}`)}, http.StatusBadRequest},
		"a click on an old button":    {click(ben, card.TS, "explode", "x"), http.StatusOK},
		"a click on no run":           {click(ben, card.TS, "order", "no-such-run"), http.StatusOK},
		"a start without sense":       {click(ben.in("C0TEA"), card.TS, "start", `{"at":"now"}`), http.StatusOK},
		"a shortcut that is not ours": {request{path: interactions, body: payload(`{"type":"shortcut","user":{"id":"U0BEN"},"callback_id":"x"}`)}, http.StatusOK},
		"an unknown kind":             {request{path: interactions, body: payload(`{"type":"telepathy","user":{"id":"U0BEN"}}`)}, http.StatusOK},
		"an unknown form":             {request{path: interactions, body: submit("poll", "{}", "x")}, http.StatusOK},
		"a form about nothing":        {request{path: interactions, body: submit("order", "{", "x")}, http.StatusOK},
		"an order of blanks":          {request{path: interactions, body: submit("order", about, "\u2003\t")}, http.StatusOK},
		"an order of 281 characters":  {request{path: interactions, body: submit("order", about, strings.Repeat("☕", 281))}, http.StatusOK},
		"an event that is no JSON":    {request{path: events, body: "{", contentType: "application/json"}, http.StatusBadRequest},
		"an event of no type":         {request{path: events, body: "{}", contentType: "application/json"}, http.StatusBadRequest},
		"an unknown event":            {request{path: events, body: `{"type":"event_callback","event":{"type":"earthquake"}}`, contentType: "application/json"}, http.StatusOK},
	} {
		status, answer := w.sends(test.request)
		require.Equal(t, test.status, status, "%s: %s", name, answer)
		require.NotContains(t, answer, "panic", name)
		require.NotContains(t, answer, "goroutine", name)
	}
	status, answer := w.sends(request{path: events, body: `{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`, contentType: "application/json"})
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`, answer)
	for _, path := range []string{"/", "/slack/", "/slack/commands/", "/slack/oauth", "/slack/commands?x=%zz"} {
		res, err := http.Get(w.SlackRequestsURL + path)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Less(t, res.StatusCode, 500, path)
		require.GreaterOrEqual(t, res.StatusCode, 400, path)
	}

	w.settled()
	require.Equal(t, before, w.contents(), "nothing was written")
	require.NotContains(t, w.log.String(), "panic")
	ben.orders("Earl Grey")
	ana.reads("1 order")
}

// contents are all rows of all tables, and how many records the topics have. What is learned of people is left out, and so
// is how far consumers have come.
func (w *world) contents() map[string]string {
	w.t.Helper()
	conn := w.db.Connect()
	all := map[string]string{}
	rows, err := conn.Query(w.t.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
		WHERE schemaname = ANY($1) AND tablename NOT IN ('person', 'consumer_position')`, migrations.Schemas())
	require.NoError(w.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	require.Greater(w.t, len(tables), 15)
	for _, table := range tables {
		var text string
		require.NoError(w.t, conn.QueryRow(w.t.Context(), "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM "+table+" t").Scan(&text))
		all[table] = text
	}
	topics, err := topic.All()
	require.NoError(w.t, err)
	for _, t := range topics {
		n := 0
		for _, p := range w.broker.Cluster.PartitionInfos(t.Name) {
			n += int(p.HighWatermark)
		}
		all[t.Name] = fmt.Sprint(n)
	}
	return all
}
