package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/traces"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// collector takes spans as an OpenTelemetry collector does.
type collector struct {
	traces.Collector
	url string

	mu  sync.Mutex
	raw bytes.Buffer // everything that came
}

func newCollector(t testing.TB) *collector {
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // cut off: refused below
		c.mu.Lock()
		c.raw.Write(body)
		c.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.Take(w, r)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// chains are the trace's spans that match, each with all it descends from: "ingress: POST /slack/commands → …".
func (c *collector) chains(trace string, match func(traces.Span) bool) []string {
	byID := map[string]traces.Span{}
	for _, s := range c.Spans(trace) {
		byID[s.ID] = s
	}
	var all []string
	for _, s := range byID {
		if !match(s) {
			continue
		}
		chain := s.Service + ": " + s.Name
		for p, ok := byID[s.Parent]; ok; p, ok = byID[p.Parent] {
			chain = p.Service + ": " + p.Name + " → " + chain
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
		got = c.chains(trace, func(traces.Span) bool { return true })
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
		for _, s := range c.Spans("") {
			if s.Service == "reminder" && s.Name == "send coffeebuddy.reminder.events" {
				closing = s.Trace
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

	require.Greater(t, len(c.Spans("")), 30)
	c.mu.Lock()
	w.nothingSecretIn("spans", c.raw.String())
	c.mu.Unlock()
	for _, service := range stack.Services {
		w.nothingSecretIn("metrics", w.metrics(service))
	}
	w.metricsAreThere()
	w.metricsAreBounded()
	w.alertsMatchWhatIsExported()
	require.Regexp(t, `coffeebuddy_request_latency_seconds_bucket{.*# {.*trace_id="[0-9a-f]{32}"`, w.metrics("ingress"), "exemplars lead from a graph to a trace")
}

var bounded = regexp.MustCompile(`(coffeebuddy_[a-z_]+_bucket){le=~\\?"([^"\\]+)\\?"}`)

// alertsMatchWhatIsExported checks that the buckets alerts ask for are there, written as they are written.
func (w *world) alertsMatchWhatIsExported() {
	w.t.Helper()
	root, err := stack.Root()
	require.NoError(w.t, err)
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "rules.yaml"))
	require.NoError(w.t, err)
	require.NotContains(w.t, string(rules), `{le="`)
	require.NotContains(w.t, string(rules), `{le=\\"`)
	var all strings.Builder
	for _, service := range stack.Services {
		all.WriteString(w.metrics(service))
	}
	found := bounded.FindAllStringSubmatch(string(rules), -1)
	require.Greater(w.t, len(found), 6)
	for _, f := range found {
		require.Regexp(w.t, `(?m)^`+f[1]+`{([^}]*,)?le="(`+f[2]+`)"`, all.String())
	}
}

var (
	series = regexp.MustCompile(`(?m)^(coffeebuddy_[a-z_]+)(?:{(.*?)})? [-+0-9.eE]`)
	labels = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

// metricsAreBounded checks that every series of ours is explained, and labelled with nothing that grows with use.
func (w *world) metricsAreBounded() {
	w.t.Helper()
	// Each of these has a fixed, small set of values.
	bounded := []string{"type", "result", "status", "topic", "outcome", "method", "kind", "policy", "rule", "reminder_type", "le"}
	for _, service := range stack.Services {
		text := w.metrics(service)
		all := series.FindAllStringSubmatch(text, -1)
		require.NotEmpty(w.t, all)
		for _, s := range all {
			family := regexp.MustCompile(`_(bucket|count|sum|total)$`).ReplaceAllString(s[1], "")
			require.Regexp(w.t, `(?m)^# HELP `+family+` \S`, text, service)
			for _, label := range labels.FindAllStringSubmatch(s[2], -1) {
				require.Contains(w.t, bounded, label[1], s[0])
				require.NotRegexp(w.t, `^[UCTDW]0|[0-9a-f]{8}`, label[2], "an id in %s", s[0])
			}
		}
		require.Less(w.t, len(all), 1500, service)
	}
}

// metrics is what Prometheus reads.
func (w *world) metrics(service string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.Addresses[service]+"/metrics", nil)
	require.NoError(w.t, err)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0") // as Prometheus asks
	res, err := http.DefaultClient.Do(req)
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
			require.Regexp(w.t, `(?m)^# HELP coffeebuddy_`+strings.TrimSuffix(plain, "_total")+` \S`, text, service)
		}
	}
}
