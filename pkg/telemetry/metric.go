package telemetry

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// prefix begins the name of each metric of ours, whether the instrument's name has it or not.
const prefix = "coffeebuddy_"

// seconds are the bucket bounds of every duration: OpenTelemetry's own are meant for milliseconds.
// They reach from a local hop (1 ms) to a run that waits for its closing time (1 h).
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}

// newMetrics makes a meter provider and the handler Prometheus reads it from. Names and suffixes are Prometheus'
// conventions: an instrument "kafka_publish_latency" with unit "s" is coffeebuddy_kafka_publish_latency_seconds,
// a counter "runs" or "runs_total" is coffeebuddy_runs_total.
func newMetrics(about *resource.Resource) (*sdkmetric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, nil, fmt.Errorf("metrics exporter: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(about),
		sdkmetric.WithReader(exporter),
		sdkmetric.WithView(ours),
	)
	return provider, promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}), nil
}

// ours gives the instruments of our meter their prefix, and durations their buckets.
func ours(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	if i.Scope.Name != scope {
		return sdkmetric.Stream{}, false
	}
	s := sdkmetric.Stream{Name: prefix + strings.TrimPrefix(i.Name, prefix), Description: i.Description, Unit: i.Unit}
	if i.Kind == sdkmetric.InstrumentKindHistogram && (i.Unit == "s" || strings.HasSuffix(i.Name, "_seconds")) {
		s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: seconds}
	}
	return s, true
}
