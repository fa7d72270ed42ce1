package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// What became of a record, by kafka_publish_total and kafka_consume_total.
const (
	published = "ok"
	failed    = "error"
	applied   = "applied" // took effect
	dropped   = "dropped" // not wanted
	retried   = "retried" // the surroundings failed; counted once per try
	parked    = "parked"  // could not be handled, is in the dead-letter topic
)

type meter struct {
	metric.Meter
	publishTotal, consumeTotal     metric.Int64Counter
	publishLatency, consumeLatency metric.Float64Histogram
	lag                            metric.Float64ObservableGauge
	labels                         *sync.Map // label → metric.MeasurementOption, made once
}

type label struct{ topic, outcome string }

func newMeter(m metric.Meter) (meter, error) {
	var errs [5]error
	out := meter{Meter: m, labels: &sync.Map{}}
	out.publishTotal, errs[0] = m.Int64Counter("kafka_publish_total", metric.WithDescription("Messages published, by outcome"))
	out.consumeTotal, errs[1] = m.Int64Counter("kafka_consume_total", metric.WithDescription("Records consumed, by outcome"))
	out.publishLatency, errs[2] = m.Float64Histogram("kafka_publish_latency_seconds", metric.WithUnit("s"), metric.WithDescription("From handing messages over to their acknowledgement"))
	out.consumeLatency, errs[3] = m.Float64Histogram("kafka_consume_latency_seconds", metric.WithUnit("s"), metric.WithDescription("From a record's publication to the commit of its effect"))
	out.lag, errs[4] = m.Float64ObservableGauge("kafka_consume_lag_seconds", metric.WithUnit("s"), metric.WithDescription("Age of the oldest record that was fetched and is not applied"))
	return out, errors.Join(errs[:]...)
}

// with returns labels without making them anew for each record.
func (m meter) with(topic, outcome string) metric.MeasurementOption {
	key := label{topic, outcome}
	if known, ok := m.labels.Load(key); ok {
		return known.(metric.MeasurementOption)
	}
	attributes := []attribute.KeyValue{attribute.String("topic", topic)}
	if outcome != "" {
		attributes = append(attributes, attribute.String("outcome", outcome))
	}
	made, _ := m.labels.LoadOrStore(key, metric.WithAttributeSet(attribute.NewSet(attributes...)))
	return made.(metric.MeasurementOption)
}

// observed is with for gauges.
func (m meter) observed(topic string) metric.ObserveOption {
	return metric.WithAttributes(attribute.String("topic", topic))
}

func (m meter) publish(ctx context.Context, topic string, acknowledged, lost int, took time.Duration) {
	if acknowledged > 0 {
		m.publishTotal.Add(ctx, int64(acknowledged), m.with(topic, published))
	}
	if lost > 0 {
		m.publishTotal.Add(ctx, int64(lost), m.with(topic, failed))
	}
	m.publishLatency.Record(ctx, took.Seconds(), m.with(topic, ""))
}

func (m meter) consume(ctx context.Context, topic, outcome string, count int) {
	m.consumeTotal.Add(ctx, int64(count), m.with(topic, outcome))
}

// certificate tells when our certificate for the brokers expires.
func (m meter) certificate(ends time.Time) error {
	_, err := m.Int64ObservableGauge("kafka_certificate_expiry_timestamp_seconds",
		metric.WithDescription("When the client certificate that brokers are shown expires, in Unix time"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { o.Observe(ends.Unix()); return nil }))
	if err != nil {
		return fmt.Errorf("metric of the certificate: %w", err)
	}
	return nil
}
