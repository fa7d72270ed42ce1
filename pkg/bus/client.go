// Package bus is the product's way to Kafka and the only importer of kafka-go. It publishes in order and with every
// in-sync replica's acknowledgement, and it consumes so that each record takes effect exactly once: the position of
// a consumer group lives in Postgres and moves in the transaction of the record's effect.
package bus

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Config says where Kafka is.
type Config struct {
	Bootstrap []string `env:"KAFKA_BOOTSTRAP" required:"true" example:"kafka-1:9092,kafka-2:9092" desc:"Kafka brokers to ask first"`
	Security  Security
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	for _, broker := range c.Bootstrap {
		if _, port, err := net.SplitHostPort(broker); err != nil || port == "" {
			return []config.Fault{{Variable: "KAFKA_BOOTSTRAP", Problem: fmt.Sprintf("%q is not host:port", broker)}}
		}
	}
	return nil
}

// kafka-go's defaults need half a minute to get over a broker outage of three seconds; with these it takes about two.
const (
	dialLimit   = 3 * time.Second
	metadataAge = 2 * time.Second // so that a moved leader is found soon
	requestWait = 10 * time.Second
)

// connections are a dialer for consumers and a transport for everything else.
func (c Config) connections(source string) (*kafka.Dialer, *kafka.Transport, error) {
	encryption, err := c.Security.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	mechanism, err := c.Security.mechanism()
	if err != nil {
		return nil, nil, err
	}
	dialer := &kafka.Dialer{
		ClientID: source, Timeout: dialLimit, DualStack: true, KeepAlive: 15 * time.Second, TLS: encryption, SASLMechanism: mechanism,
	}
	return dialer, &kafka.Transport{ClientID: source, DialTimeout: dialLimit, MetadataTTL: metadataAge, TLS: encryption, SASL: mechanism}, nil
}

func fault(variable, problem, example string) error {
	return config.Fault{Variable: variable, Problem: problem, Example: example}
}

// Client publishes to and consumes from one Kafka cluster.
type Client struct {
	cfg       Config
	source    string
	dialer    *kafka.Dialer
	transport *kafka.Transport
	kafka     *kafka.Client
	log       *slog.Logger
	tracer    trace.Tracer
	meter     meter

	partitions sync.Map // topic → []int, the numbers of its partitions: a count that never changes
}

// Connect prepares a client; it does not dial. source is the ce_source of what it publishes and its client id.
func Connect(cfg Config, source string, tel *telemetry.Telemetry) (*Client, error) {
	if len(cfg.Bootstrap) == 0 {
		return nil, fmt.Errorf("no Kafka broker to ask first")
	}
	m, err := newMeter(tel.Meter)
	if err != nil {
		return nil, fmt.Errorf("bus metrics: %w", err)
	}
	dialer, transport, err := cfg.connections(source)
	if err != nil {
		return nil, err
	}
	if ends, ok := cfg.Security.certificateEnds(); ok {
		if err := m.certificate(ends); err != nil {
			return nil, err
		}
	}
	return &Client{
		cfg:       cfg,
		source:    source,
		dialer:    dialer,
		transport: transport,
		kafka:     &kafka.Client{Addr: kafka.TCP(cfg.Bootstrap...), Timeout: requestWait, Transport: transport},
		log:       tel.Log,
		tracer:    tel.Tracer,
		meter:     m,
	}, nil
}

// Check reports why the cluster cannot be used. It asks a broker, not what is remembered of an earlier answer.
func (c *Client) Check(ctx context.Context) error {
	answer, err := c.kafka.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return fmt.Errorf("kafka %v: %w", c.cfg.Bootstrap, err)
	}
	return nil
}

// Close closes connections that are not in use.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}
