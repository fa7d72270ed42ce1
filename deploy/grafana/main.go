// Command grafana writes CoffeeBuddy's dashboard, a model as Grafana imports it, to standard output (make generate).
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// panel is one graph.
type panel struct {
	title, about string
	unit         string // of Grafana: s, reqps, short, percentunit, bytes
	queries      []query
}

type query struct{ legend, expr string }

// row is a line of panels under a title.
type row struct {
	title  string
	panels []panel
}

func quantile(q float64, metric, by string) string {
	return fmt.Sprintf("histogram_quantile(%v, sum by (le, %s) (rate(coffeebuddy_%s_bucket[$__rate_interval])))", q, by, metric)
}

func rate(metric, by string) string {
	return fmt.Sprintf("sum by (%s) (rate(coffeebuddy_%s[$__rate_interval]))", by, metric)
}

var rows = []row{
	{"What people notice", []panel{
		{
			"Clicks", "Requests of Slack, by kind and result. `error`: people read “couldn't confirm” or “that did not work”.", "reqps",
			[]query{{"{{type}} {{result}}", rate("requests_total", "type, result")}},
		},
		{
			"Acknowledgement", "How long Slack waits for an answer; it gives up after three seconds.", "s",
			[]query{{"p50 {{type}}", quantile(.5, "request_latency_seconds", "type")}, {"p99 {{type}}", quantile(.99, "request_latency_seconds", "type")}},
		},
		{
			"Messages", "From the moment something is to be said to Slack's acceptance; changes of cards are not in it.", "s",
			[]query{{"p50 {{kind}}", quantile(.5, "delivery_latency_seconds", "kind")}, {"p99 {{kind}}", quantile(.99, "delivery_latency_seconds", "kind")}},
		},
		{
			"Runs", "Runs that came to a status, per hour.", "short",
			[]query{{"{{status}}", "sum by (status) (increase(coffeebuddy_runs_total[1h]))"}},
		},
		{"Length of runs", "From the start to the end.", "s", []query{{"p50 {{status}}", quantile(.5, "run_duration_seconds", "status")}}},
		{
			"Reminders", "How late they are handed over, and what came of them.", "s",
			[]query{{"p99 late", quantile(.99, "reminder_delay_seconds", "service")}, {"{{reminder_type}} {{status}} per hour", "sum by (reminder_type, status) (increase(coffeebuddy_reminder_send_total[1h]))"}},
		},
	}},
	{"Between the services", []panel{
		{
			"Behind", "Age of the oldest record that a service has fetched and not applied.", "s",
			[]query{{"{{service}} {{topic}}", "max by (service, topic) (coffeebuddy_kafka_consume_lag_seconds)"}},
		},
		{"From publication to effect", "", "s", []query{{"p99 {{service}} {{topic}}", quantile(.99, "kafka_consume_latency_seconds", "service, topic")}}},
		{"Publishing to Kafka", "", "s", []query{{"p99 {{service}} {{topic}}", quantile(.99, "kafka_publish_latency_seconds", "service, topic")}}},
		{"Published", "`error`: Kafka did not take it; it is tried again.", "reqps", []query{{"{{service}} {{topic}} {{outcome}}", rate("kafka_publish_total", "service, topic, outcome")}}},
		{
			"Consumed", "`parked`: could not be handled, is a dead letter. `retried`: the surroundings failed.", "reqps",
			[]query{{"{{service}} {{topic}} {{outcome}}", rate("kafka_consume_total", "service, topic, outcome")}},
		},
		{"Oldest unpublished event", "What was decided and is not in Kafka yet.", "s", []query{{"{{service}}", "max by (service) (coffeebuddy_outbox_oldest_age_seconds)"}}},
	}},
	{"Slack, choices and errors", []panel{
		{"Calls of Slack", "", "reqps", []query{{"{{method}} {{outcome}}", rate("slack_calls_total", "method, outcome")}}},
		{"Waiting for Slack", "Messages that are recorded and not in Slack.", "short", []query{{"waiting", "max(coffeebuddy_deliveries_pending)"}}},
		{
			"Deliveries", "`again`: to be tried once more. `obsolete`: nobody is helped by it any more.", "reqps",
			[]query{{"{{kind}} {{outcome}}", rate("deliveries_total", "kind, outcome")}},
		},
		{"Choices of a runner", "By policy and the rule that decided, per hour.", "short", []query{{"{{policy}} {{rule}}", "sum by (policy, rule) (increase(coffeebuddy_fairness_choices_total[1h]))"}}},
		{"Errors", "Errors somebody should know of, per hour.", "short", []query{{"{{service}} {{type}}", "sum by (service, type) (increase(coffeebuddy_errors_total[1h]))"}}},
	}},
	{"Processes", []panel{
		{"Up", "", "short", []query{{"{{service}}", "sum by (service) (up{job=\"coffeebuddy\"})"}}},
		{"Processor", "Cores.", "short", []query{{"{{service}}", "sum by (service) (rate(process_cpu_seconds_total{job=\"coffeebuddy\"}[$__rate_interval]))"}}},
		{"Memory", "Resident.", "bytes", []query{{"{{service}}", "max by (service) (process_resident_memory_bytes{job=\"coffeebuddy\"})"}}},
		{"Goroutines", "", "short", []query{{"{{service}}", "max by (service) (go_goroutines{job=\"coffeebuddy\"})"}}},
	}},
}

// The grid of Grafana is 24 wide.
const (
	columns = 3
	width   = 24 / columns
	height  = 7
)

type object = map[string]any

func dashboard() object {
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	y := 0
	for _, r := range rows {
		panels = append(panels, object{"id": len(panels) + 1, "type": "row", "title": r.title, "collapsed": false, "panels": []any{}, "gridPos": object{"x": 0, "y": y, "w": 24, "h": 1}})
		y++
		for i, p := range r.panels {
			if i > 0 && i%columns == 0 {
				y += height
			}
			var targets []object
			for n, q := range p.queries {
				targets = append(targets, object{"refId": string(rune('A' + n)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "exemplar": true})
			}
			panels = append(panels, object{
				"id": len(panels) + 1, "type": "timeseries", "title": p.title, "description": p.about, "datasource": source, "targets": targets,
				"gridPos":     object{"x": i % columns * width, "y": y, "w": width, "h": height},
				"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0, "custom": object{"fillOpacity": 10, "showPoints": "never"}}, "overrides": []any{}},
				"options":     object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}},
			})
		}
		y += height
	}
	return object{
		"uid": "coffeebuddy", "title": "CoffeeBuddy", "tags": []string{"coffeebuddy"}, "schemaVersion": 39, "editable": true, "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"}, "panels": panels,
		"templating": object{"list": []object{{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}}},
	}
}

func main() {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(dashboard()); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}
