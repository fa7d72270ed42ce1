// Package slack is a thin client of Slack's Web API over slack-go: every call has a time limit, a client span and a
// count, fails with an *Error that says what that means, and is made once; trying again is its caller's business.
package slack

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	slackgo "github.com/slack-go/slack"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// CallLimit is how long one call may take.
const CallLimit = 5 * time.Second

// Config says who we are to Slack.
type Config struct {
	Token    string `env:"SLACK_BOT_TOKEN" required:"true" secret:"true" example:"xoxb-…" desc:"Bot token of the installed app"`
	AppToken string `env:"SLACK_APP_TOKEN" secret:"true" example:"xapp-…" desc:"App-level token with connections:write; needed with SLACK_TRANSPORT=socket"`
	APIURL   string `env:"SLACK_API_URL" default:"https://slack.com/api/" desc:"Web API; another one only for the simulator"`
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	if u, err := url.Parse(c.APIURL); c.APIURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return []config.Fault{{Variable: "SLACK_API_URL", Problem: "is not an http or https URL", Example: slackgo.APIURL}}
	}
	return nil
}

// Client calls Slack as the bot.
type Client struct {
	api       *slackgo.Client
	http      *http.Client
	simulator *url.URL // the Web API we were told to use instead of Slack's; nil: Slack's
	tracer    trace.Tracer
	calls     metric.Int64Counter
	limit     time.Duration

	us      atomic.Pointer[identity] // nil: not known yet
	refused atomic.Bool              // the token was refused when it was last used

	mu       sync.Mutex
	channels map[string]time.Time // we were in, by the moment we learned of it
	directs  map[string]string    // direct message conversations by person
}

// New makes a client. It does not call Slack.
func New(cfg Config, tel *telemetry.Telemetry) (*Client, error) {
	calls, err := tel.Meter.Int64Counter("slack_calls_total", metric.WithDescription("Calls of Slack's Web API"))
	if err != nil {
		return nil, err
	}
	api, err := url.Parse(strings.TrimSuffix(cmp.Or(cfg.APIURL, slackgo.APIURL), "/") + "/")
	if err != nil {
		return nil, fmt.Errorf("slack API URL: %w", err)
	}
	var simulator *url.URL
	if api.String() != slackgo.APIURL {
		simulator = api
	}
	client := &http.Client{Transport: transport(), CheckRedirect: stay}
	return &Client{
		api:  slackgo.New(cfg.Token, slackgo.OptionAppLevelToken(cfg.AppToken), slackgo.OptionAPIURL(api.String()), slackgo.OptionHTTPClient(client)),
		http: client, simulator: simulator, tracer: tel.Tracer, calls: calls, limit: CallLimit,
		channels: map[string]time.Time{}, directs: map[string]string{},
	}, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64 // as many as deliveries under way: all calls go to one host
	t.DialContext = (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 3 * time.Second
	return t
}

// stay follows no redirect: Slack has none, and the token goes nowhere else.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// call makes one call of method with the bot's token, and notes whether that was refused.
func (c *Client) call(ctx context.Context, method string, do func(ctx context.Context) error) error {
	err := c.attempt(ctx, method, do)
	switch {
	case err == nil:
		c.refused.Store(false)
	case ClassOf(err) == Unauthorized:
		c.refused.Store(true)
	}
	return err
}

// attempt makes one call of method.
func (c *Client) attempt(ctx context.Context, method string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	ctx, span := c.tracer.Start(ctx, "slack "+method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("rpc.system", "slack"), attribute.String("rpc.method", method)))
	defer span.End()

	var reached atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached.Store(true) }})
	err := do(ctx)
	if err == nil {
		c.count(ctx, method, "ok")
		return nil
	}
	e := classify(method, err, reached.Load())
	c.count(ctx, method, e.Class.String())
	span.SetStatus(codes.Error, e.Code)
	span.SetAttributes(attribute.String("error.type", e.Code))
	return e
}

func (c *Client) count(ctx context.Context, method, outcome string) {
	c.calls.Add(ctx, 1, metric.WithAttributes(attribute.String("method", method), attribute.String("outcome", outcome)))
}
