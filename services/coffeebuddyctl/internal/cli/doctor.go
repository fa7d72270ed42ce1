package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	slackapp "github.com/coffeebuddy/coffeebuddy/deploy/slack"
	"github.com/coffeebuddy/coffeebuddy/migrations"
	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

type doctor struct {
	cluster
	Services map[string]string `help:"Base addresses of services whose readiness is asked. Example: ingress=http://ingress:8080;runs=http://runs:8080" placeholder:"NAME=URL;…"`
}

// verdict is what a check found.
type verdict string

const (
	pass verdict = "pass"
	warn verdict = "warn"
	fail verdict = "fail"
)

// finding is a line of the report.
type finding struct {
	Verdict verdict `json:"verdict"`
	Check   string  `json:"check"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what to do about it
}

// checkLimit is how long one check may take.
const checkLimit = 15 * time.Second

// Run implements the command.
func (d *doctor) Run(e *env) error {
	var all []finding
	for _, check := range []func(*env) []finding{
		d.database, d.migrations, d.roles, d.kafka, d.topics, d.reading, d.outboxes, d.letters, d.slack, d.secret, d.services,
	} {
		ctx, cancel := context.WithTimeout(e.ctx, checkLimit)
		within := *e
		within.ctx, within.closers = ctx, nil
		all = append(all, check(&within)...)
		within.close()
		cancel()
	}
	var rows [][]string
	broken := false
	for _, f := range all {
		do := ""
		if f.Do != "" {
			do = "→ " + f.Do
		}
		rows = append(rows, []string{string(f.Verdict), f.Check, f.Found, do})
		broken = broken || f.Verdict == fail
	}
	if err := e.print(all, "\tCHECK\tFOUND\tTO DO", rows); err != nil {
		return err
	}
	if broken {
		return status(exitFailed)
	}
	return nil
}

func one(v verdict, check, do, found string, args ...any) []finding {
	return []finding{{Verdict: v, Check: check, Found: fmt.Sprintf(found, args...), Do: do}}
}

// reason is why something could not be looked at. A variable that is missing is named.
func reason(err error) string {
	if faults, ok := errors.AsType[*config.Error](err); ok {
		return strings.Join(strings.Fields(faults.Error()), " ")
	}
	return oneLine(err.Error(), 200)
}

// clockLimits are how far clocks may differ before it is worth a word, and before Slack's signatures, which hold for five minutes, and timers suffer.
const (
	clockWarn = time.Second
	clockFail = 30 * time.Second
)

func clock(e *env, whose string, theirs time.Time, took time.Duration) finding {
	off := e.now().Add(-took / 2).Sub(theirs).Abs().Round(time.Millisecond)
	f := finding{Verdict: pass, Check: "clock", Found: fmt.Sprintf("%s from %s's", off, whose)}
	switch {
	case off > clockFail:
		f.Verdict, f.Do = fail, "set this machine's clock, or theirs (chrony, ntpd): Slack's signatures and timers depend on it"
	case off > clockWarn+took:
		f.Verdict, f.Do = warn, "set this machine's clock, or theirs"
	}
	return f
}

func (*doctor) database(e *env) []finding {
	db, err := e.store()
	var at time.Time
	began := e.now()
	if err == nil {
		at, err = db.Clock(e.ctx)
	}
	if err != nil {
		return one(fail, "database", "set DATABASE_URL to the owner's URL, and let this machine reach it", "%s", reason(err))
	}
	took := e.now().Sub(began)
	return append(one(pass, "database", "", "answers in %s", took.Round(time.Millisecond)), clock(e, "Postgres", at, took))
}

func (*doctor) migrations(e *env) []finding {
	cfg, err := config.Load[postgres.Config](e.environ)
	if err != nil {
		return nil // said by database
	}
	states, err := migrations.Status(e.ctx, cfg.URL)
	if err != nil {
		return one(fail, "migrations", "run `migrate status` with DATABASE_URL", "%s", reason(err))
	}
	var all []finding
	for _, s := range states {
		switch {
		case s.Dirty:
			all = append(all, one(fail, "migrations", "repair what the migration left, then `migrate force "+s.Schema+" VERSION`", "%s: %d ended half-way", s.Schema, s.Version)...)
		case s.Version < s.Latest:
			all = append(all, one(fail, "migrations", "run `migrate up`", "%s is at %d, not %d", s.Schema, s.Version, s.Latest)...)
		}
	}
	if all == nil {
		all = one(pass, "migrations", "", "%d schemas are up to date", len(states))
	}
	return all
}

func (*doctor) roles(e *env) []finding {
	db, err := e.store()
	if err != nil {
		return nil
	}
	trespasses, err := db.Trespasses(e.ctx)
	switch {
	case err != nil:
		return one(fail, "roles", "", "%s", reason(err))
	case len(trespasses) > 0:
		return one(fail, "roles", "REVOKE USAGE ON SCHEMA … FROM …", "can see each other's schemas: %s", strings.Join(trespasses, ", "))
	}
	return one(pass, "roles", "", "each service sees its own schema alone")
}

func (*doctor) kafka(e *env) []finding {
	client, err := e.kafka()
	if err == nil {
		err = client.Check(e.ctx)
	}
	if err != nil {
		return one(fail, "kafka", "set KAFKA_BOOTSTRAP (and KAFKA_TLS…, KAFKA_SASL_JAAS) as the services have them, and let this machine reach the brokers", "%s", reason(err))
	}
	return one(pass, "kafka", "", "a broker answers")
}

func (d *doctor) topics(e *env) []finding {
	_, plan, err := d.plan(e)
	switch {
	case err != nil:
		return one(fail, "topics", "", "%s", reason(err))
	case len(plan.Conflicts) > 0 || len(plan.Create) > 0:
		return one(fail, "topics", "`coffeebuddyctl topics apply`", "%s", strings.Join(plan.Lines(), "; "))
	case !plan.Empty():
		return one(warn, "topics", "`coffeebuddyctl topics apply`", "%s", strings.Join(plan.Lines(), "; "))
	}
	return one(pass, "topics", "", "as they should be")
}

// lagWarn is how many records a service may be behind before it is worth a word.
const lagWarn = 1000

func (*doctor) reading(e *env) []finding {
	all, err := lags(e)
	if err != nil {
		return one(fail, "reading", "", "%s", reason(err))
	}
	var late []string
	for _, b := range all {
		if b.Records > lagWarn {
			late = append(late, fmt.Sprintf("%s is %d records behind on %s", b.Service, b.Records, b.Topic))
		}
	}
	if late != nil {
		return one(warn, "reading", "look at the readiness and the log of that service", "%s", strings.Join(late, "; "))
	}
	return one(pass, "reading", "", "nobody is behind")
}

// outboxWarn is how old an unpublished event may be before it is worth a word: the sweeper publishes what is older than a second.
const outboxWarn = 30 * time.Second

func (*doctor) outboxes(e *env) []finding {
	db, err := e.store()
	if err != nil {
		return nil
	}
	all, err := db.Outboxes(e.ctx)
	if err != nil {
		return one(fail, "outboxes", "", "%s", reason(err))
	}
	var old []string
	for _, o := range all {
		if o.Oldest != nil && e.now().Sub(*o.Oldest) > outboxWarn {
			old = append(old, fmt.Sprintf("%s has %d unpublished events, the oldest %s old", o.Service, o.Events, e.ago(*o.Oldest)))
		}
	}
	if old != nil {
		return one(warn, "outboxes", "see that this service reaches Kafka and may write its topics (`coffeebuddyctl topics plan`)", "%s", strings.Join(old, "; "))
	}
	return one(pass, "outboxes", "", "nothing waits")
}

func (*doctor) letters(e *env) []finding {
	all, err := letters(e, e.now().Add(-7*24*time.Hour))
	switch {
	case err != nil:
		return one(fail, "dead letters", "", "%s", reason(err))
	case len(all) > 0:
		return one(warn, "dead letters", "`coffeebuddyctl dead-letter list`, then replay or drop them", "%d in the last seven days", len(all))
	}
	return one(pass, "dead letters", "", "none in the last seven days")
}

// slackConfig is what ingress reads of Slack.
type slackConfig struct {
	Token   string   `env:"SLACK_BOT_TOKEN" required:"true" secret:"true" example:"xoxb-…" desc:"As ingress has it"`
	APIURL  string   `env:"SLACK_API_URL" default:"https://slack.com/api/" desc:"As ingress has it"`
	Secrets []string `env:"SLACK_SIGNING_SECRET" secret:"true" desc:"As ingress has it"`

	Transport string `env:"SLACK_TRANSPORT" default:"http" desc:"As ingress has it"`
	AppToken  string `env:"SLACK_APP_TOKEN" secret:"true" desc:"As ingress has it"`
}

// call asks Slack's Web API. The scopes that the token has come with every answer.
func (c slackConfig) call(ctx context.Context, method string, arguments url.Values, answer any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.APIURL, "/")+"/"+method, strings.NewReader(arguments.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var common struct {
		OK    bool
		Error string
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(nil, res.Body, 1<<20)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body.Bytes(), &common); err != nil {
		return nil, fmt.Errorf("%s answers %s", method, res.Status)
	}
	if !common.OK {
		return res.Header, fmt.Errorf("%s: %s", method, common.Error)
	}
	return res.Header, json.Unmarshal(body.Bytes(), answer)
}

func (*doctor) slack(e *env) []finding {
	cfg, err := config.Load[slackConfig](e.environ)
	if err != nil {
		return one(warn, "slack", "set SLACK_BOT_TOKEN to have Slack checked, too", "%s", reason(err))
	}
	var us struct{ Team, User string }
	began := e.now()
	header, err := cfg.call(e.ctx, "auth.test", nil, &us)
	if err != nil {
		return one(fail, "slack", "put a valid token into SLACK_BOT_TOKEN (docs/slack-app.md), and let this machine reach SLACK_API_URL", "%s", reason(err))
	}
	took := e.now().Sub(began)
	all := one(pass, "slack", "", "the token is %s's in %s", us.User, us.Team)
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		all = append(all, clock(e, "Slack", at.Add(500*time.Millisecond), took+time.Second)) // it says whole seconds
	}
	all = append(all, scopes(strings.Split(header.Get("X-OAuth-Scopes"), ","))...)
	return append(all, memberships(e, cfg)...)
}

// scopes compares what the token may do with what the manifest asks for.
func scopes(granted []string) []finding {
	manifest, err := slackapp.Read()
	if err != nil {
		return one(fail, "scopes", "", "%s", err)
	}
	for i := range granted {
		granted[i] = strings.TrimSpace(granted[i])
	}
	var missing, needless []string
	for _, scope := range manifest.BotScopes {
		if !slices.Contains(granted, scope) {
			missing = append(missing, scope)
		}
	}
	for _, scope := range granted {
		if scope != "" && !slices.Contains(manifest.BotScopes, scope) {
			needless = append(needless, scope)
		}
	}
	var all []finding
	if missing != nil {
		all = one(fail, "scopes", "install the app again with deploy/slack/manifest.yaml; docs/slack-app.md says what each is for", "missing: %s", strings.Join(missing, ", "))
	}
	if needless != nil {
		all = append(all, one(warn, "scopes", "remove them from the app: CoffeeBuddy does not use them", "more than needed: %s", strings.Join(needless, ", "))...)
	}
	if all == nil {
		all = one(pass, "scopes", "", "those of the manifest")
	}
	return all
}

const membershipsAsked = 20 // channels: Slack allows 50 such calls a minute

// memberships asks whether the bot still is in the channels that it was used in lately.
func memberships(e *env, cfg slackConfig) []finding {
	db, err := e.store()
	if err != nil {
		return nil
	}
	channels, err := db.Channels(e.ctx, membershipsAsked)
	if err != nil {
		return one(fail, "channels", "", "%s", reason(err))
	}
	var outside []string
	for _, id := range channels {
		var answer struct {
			Channel struct {
				IsMember   bool `json:"is_member"`
				IsArchived bool `json:"is_archived"`
			}
		}
		_, err := cfg.call(e.ctx, "conversations.info", url.Values{"channel": {id}}, &answer)
		switch {
		case err != nil && strings.HasSuffix(err.Error(), "channel_not_found"), err == nil && !answer.Channel.IsMember && !answer.Channel.IsArchived:
			outside = append(outside, id)
		case err != nil:
			return one(warn, "channels", "", "%s", reason(err))
		}
	}
	if outside != nil {
		return one(warn, "channels", "/invite @CoffeeBuddy there, if it is still wanted", "not a member any more of %s", strings.Join(outside, ", "))
	}
	return one(pass, "channels", "", "a member of the %d used last", len(channels))
}

// socket asks Slack for a connection of Socket Mode, as ingress does. Nobody uses it.
func socket(e *env, cfg slackConfig) []finding {
	cfg.Token = cfg.AppToken
	if _, err := cfg.call(e.ctx, "apps.connections.open", nil, &struct{}{}); err != nil {
		return one(fail, "socket mode", "put an app-level token with connections:write into SLACK_APP_TOKEN (docs/slack-app.md)", "%s", reason(err))
	}
	return one(pass, "socket mode", "", "Slack gives connections to SLACK_APP_TOKEN")
}

// secret has ingress answer a request that is signed as Slack signs, and refuse one that is not.
func (d *doctor) secret(e *env) []finding {
	cfg, err := config.Load[slackConfig](e.environ)
	if err == nil && cfg.Transport == "socket" {
		return socket(e, cfg)
	}
	base, given := d.Services["ingress"]
	if !given {
		return nil
	}
	if err != nil || len(cfg.Secrets) == 0 {
		return one(warn, "signing secret", "set SLACK_SIGNING_SECRET to have it checked", "not given")
	}
	const challenge = "coffeebuddyctl"
	body := []byte(`{"type":"url_verification","challenge":"` + challenge + `"}`)
	ask := func(secret string) (int, string, error) {
		req, err := http.NewRequestWithContext(e.ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/slack/events", bytes.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		stamp := strconv.FormatInt(e.now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Slack-Request-Timestamp", stamp)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		var answer bytes.Buffer
		_, err = answer.ReadFrom(http.MaxBytesReader(nil, res.Body, 1<<16))
		return res.StatusCode, answer.String(), err
	}
	for i, secret := range cfg.Secrets {
		code, answer, err := ask(secret)
		switch {
		case err != nil:
			return one(fail, "signing secret", "let this machine reach ingress", "%s", reason(err))
		case code != http.StatusOK || !strings.Contains(answer, challenge):
			return one(fail, "signing secret", "give ingress and this command the secret of the app's page Basic Information", "ingress refuses number %d of SLACK_SIGNING_SECRET with %d", i+1, code)
		}
	}
	if code, _, err := ask("not " + cfg.Secrets[0]); err == nil && code != http.StatusUnauthorized {
		return one(fail, "signing secret", "nothing between Slack and ingress may answer in its place", "a request with a wrong signature is answered %d", code)
	}
	return one(pass, "signing secret", "", "ingress knows it, and refuses others")
}

func (d *doctor) services(e *env) (all []finding) {
	for _, name := range slices.Sorted(maps.Keys(d.Services)) {
		all = append(all, readiness(e, name, d.Services[name]))
	}
	return all
}

func readiness(e *env, name, base string) finding {
	f := finding{Verdict: fail, Check: name, Do: "look at its log"}
	req, err := http.NewRequestWithContext(e.ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/health/ready", nil)
	var res *http.Response
	if err == nil {
		res, err = http.DefaultClient.Do(req)
	}
	if err != nil {
		f.Found = reason(err)
		return f
	}
	defer res.Body.Close()
	var report struct {
		Checks map[string]struct {
			OK    bool
			Error string
		}
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 1<<20)).Decode(&report); err != nil {
		f.Found = "answers " + res.Status + ", and not as a service of CoffeeBuddy"
		return f
	}
	if res.StatusCode == http.StatusOK {
		return finding{Verdict: pass, Check: name, Found: "ready"}
	}
	var red []string
	for _, check := range slices.Sorted(maps.Keys(report.Checks)) {
		if c := report.Checks[check]; !c.OK {
			red = append(red, check+": "+c.Error)
		}
	}
	f.Found = oneLine("not ready: "+strings.Join(red, "; "), 300)
	return f
}
