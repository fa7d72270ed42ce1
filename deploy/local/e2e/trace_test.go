package e2e_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// span is one that a service has sent.
type span struct {
	*tracev1.Span
	service string
}

func (s span) trace() string  { return hex.EncodeToString(s.TraceId) }
func (s span) id() string     { return hex.EncodeToString(s.SpanId) }
func (s span) parent() string { return hex.EncodeToString(s.ParentSpanId) }
func (s span) String() string { return s.service + ": " + s.Name }

// collector takes spans as an OpenTelemetry collector does.
type collector struct {
	url string

	mu    sync.Mutex
	spans []span
	raw   strings.Builder // everything, as text
}

func newCollector(t testing.TB) *collector {
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectorv1.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.WriteString(request.String())
	for _, resource := range request.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, service})
			}
		}
	}
}

// chains are the trace's spans that match, each with all it descends from: "ingress: POST /slack/commands → …".
func (c *collector) chains(trace string, match func(span) bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]span{}
	for _, s := range c.spans {
		if strings.HasPrefix(s.trace(), trace) {
			byID[s.id()] = s
		}
	}
	var all []string
	for _, s := range byID {
		if !match(s) {
			continue
		}
		chain := s.String()
		for p, ok := byID[s.parent()]; ok; p, ok = byID[p.parent()] {
			chain = p.String() + " → " + chain
		}
		all = append(all, chain)
	}
	return all
}

// has waits until the trace has all of these chains.
func (c *collector) has(w *world, trace string, chains ...string) {
	w.t.Helper()
	var got []string
	if !eventually(func() bool {
		got = c.chains(trace, func(span) bool { return true })
		return !slices.ContainsFunc(chains, func(chain string) bool { return !slices.Contains(got, chain) })
	}) {
		require.Fail(w.t, "spans are missing", "want %s\ngot  %s", strings.Join(chains, "\n     "), strings.Join(got, "\n     "))
	}
}

// One trace for each click, through all services to the messages that it causes, found by the ref that people see; the
// metrics that dashboards rely on; and nothing in any of them that is nobody's business.
func TestTracesLogsAndMetricsOfARun(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	w := begin(t, remindedSoon, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.url, "OTEL_BSP_SCHEDULE_DELAY=100", "LOG_LEVEL=debug")
	ana, ben := w.person("Ana"), w.person("Ben")
	w.startsRun(ana, 15*time.Second)
	card := ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ben.reads("1 × Earl Grey (Ben)")
	ben.presses("close")
	ben.reads("Only Ana or a channel admin")
	ana.presses("close")
	ben.dm().reads("You're today's runner")
	ben.dm().reads("⏰")
	ana.types("/coffee help")
	w.settled()

	// The ref on the card is of the click that started the run.
	ref := quotable.FindStringSubmatch(slacksim.PlainText(card))
	require.Len(t, ref, 2, slacksim.PlainText(card))
	const (
		clicked = "ingress: POST /slack/interactions → ingress: send coffeebuddy.commands → runs: process coffeebuddy.commands → "
		chosen  = clicked + "fairness: process coffeebuddy.run.events → runs: process coffeebuddy.fairness.events → "
	)
	c.has(w, ref[1], clicked+"ingress: process coffeebuddy.run.events → ingress: slack chat.postMessage")
	w.logHas(t, ref)

	// The click that closed it went through all four services, and so did what it caused a while later.
	closing := ""
	w.eventually("a reminder in the trace of the click", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.spans {
			if s.service == "reminder" && s.Name == "send coffeebuddy.reminder.events" {
				closing = s.trace()
			}
		}
		return closing != ""
	})
	c.has(w, closing,
		chosen+"ingress: process coffeebuddy.run.events → ingress: slack chat.postMessage",
		chosen+"ingress: process coffeebuddy.run.events → ingress: slack chat.update",
		chosen+"reminder: process coffeebuddy.run.events → reminder: fire timer → ingress: process coffeebuddy.reminder.events → ingress: slack chat.postMessage")
	services := map[string]bool{}
	for _, e := range w.log.entries() {
		if e["trace_id"] == closing {
			services[e["service"].(string)] = true
			require.NotEmpty(t, e["correlation_id"], e["msg"])
		}
	}
	require.Contains(t, services, "runs")
	require.Contains(t, services, "fairness")
	require.Contains(t, services, "reminder")

	c.mu.Lock()
	require.Greater(t, len(c.spans), 30)
	w.nothingSecretIn("spans", c.raw.String())
	c.mu.Unlock()
	for _, service := range stack.Services {
		w.nothingSecretIn("metrics", w.metrics(service))
	}
	w.metricsAreThere()
}

// metrics is what Prometheus reads.
func (w *world) metrics(service string) string {
	w.t.Helper()
	res, err := http.Get("http://" + w.Addresses[service] + "/metrics")
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return string(text)
}

// metricsAreThere checks the names that dashboards and alerts rely on, after a run.
func (w *world) metricsAreThere() {
	w.t.Helper()
	bus := []string{
		"kafka_publish_total{", "kafka_consume_total{", "kafka_publish_latency_seconds_bucket{", "kafka_consume_latency_seconds_bucket{",
		"kafka_consume_lag_seconds{",
	}
	for service, names := range map[string][]string{
		"ingress": append([]string{
			`requests_total{result="ok",type="commands"}`, `request_latency_seconds_bucket{`, `slack_calls_total{`, "deliveries_pending",
		}, bus...),
		"runs":     append([]string{`runs_total{status="closed"} 1`, `run_duration_seconds_bucket{`, "outbox_oldest_age_seconds"}, bus...),
		"fairness": append([]string{"outbox_oldest_age_seconds"}, bus...),
		"reminder": append([]string{
			`reminder_send_total{reminder_type="runner",status="sent"} 1`, "reminder_delay_seconds_bucket{", "outbox_oldest_age_seconds",
		}, bus...),
	} {
		text := w.metrics(service)
		for _, name := range names {
			require.Contains(w.t, text, "\ncoffeebuddy_"+name, service)
			plain, _, _ := strings.Cut(name, "{")
			plain, _, _ = strings.Cut(strings.TrimSuffix(plain, "_bucket"), " ")
			require.Regexp(w.t, `(?m)^# HELP coffeebuddy_`+plain+` \S`, text, service)
		}
	}
}
