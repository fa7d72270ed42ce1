package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/metric"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Handler applies records of one partition, in order, within tx; the bus has already moved the partition's position in
// that tx. An infrastructure error (postgres.Infrastructure, a deadline that passed) is retried for ever; after any other
// the bus goes one by one, and the single record that still fails is parked in the dead-letter topic. A panic is such an
// error too. Handlers of different partitions run at the same time.
type Handler interface {
	Handle(ctx context.Context, tx *postgres.Tx, records []*Record) error
}

// Parker is implemented by a Handler that wants to know of records that are parked, for instance to tell their author.
// tx is the one that moves the position past the record. An error that is not infrastructure's is logged and ignored.
type Parker interface {
	Parked(ctx context.Context, tx *postgres.Tx, record *Record, reason error) error
}

// Subscription is a topic and who handles its records.
type Subscription struct {
	Topic   string
	Wants   func(ceType string) bool // nil: all. The others are dropped before a transaction is opened
	Handler Handler
}

// ConsumerConfig describes a consumer group.
type ConsumerConfig struct {
	Group         string
	Schema        string // whose table consumer_position keeps the group's positions
	Subscriptions []Subscription
	MaxBatch      int    // most records in one transaction; 0: 200
	DeadLetter    string // the topic for what cannot be handled; "": DeadLetterTopic
}

// DeadLetterTopic is where every consumer parks what it cannot handle.
const DeadLetterTopic = "coffeebuddy.dead-letter"

// A member that stops beating is replaced after session; with kafka-go's defaults it takes half a minute to get over a
// broker outage of three seconds, with these two.
const (
	heartbeat = time.Second
	session   = 6 * time.Second // no less than the brokers' group.min.session.timeout.ms
	rejoin    = 500 * time.Millisecond

	drain    = 3 * time.Second  // for the transaction under way when a partition is taken away or the process ends; less than session
	tend     = time.Second      // how often positions are committed to Kafka, for tools that show the lag
	inspect  = 10 * time.Second // how often the topics' ids are compared
	absence  = 15 * time.Second // from the group, before it is a reason not to be ready: a rebalance is shorter
	stall    = 45 * time.Second // without a sign of life of a partition; more than a transaction may take
	patience = 5 * time.Second  // with a partition's failure, before it is a reason not to be ready
	maxBatch = 200
)

// Consumer is a member of a consumer group.
type Consumer struct {
	client     *Client
	db         *postgres.DB
	cfg        ConsumerConfig
	topics     []string
	positions  positions
	log        *slog.Logger
	membership membership
	reminders  reminders
}

var errStopped = errors.New("it does not run")

// NewConsumer prepares a consumer; Run makes it a member of its group.
func (c *Client) NewConsumer(db *postgres.DB, cfg ConsumerConfig) (*Consumer, error) {
	if cfg.Group == "" || cfg.Schema == "" || len(cfg.Subscriptions) == 0 {
		return nil, fmt.Errorf("consumer %q: group, schema and a subscription are needed", cfg.Group)
	}
	if cfg.MaxBatch <= 0 {
		cfg.MaxBatch = maxBatch
	}
	cfg.DeadLetter = cmp.Or(cfg.DeadLetter, DeadLetterTopic)
	k := &Consumer{client: c, db: db, cfg: cfg, positions: newPositions(db, cfg.Schema, cfg.Group), log: c.log.With("consumer_group", cfg.Group)}
	for _, s := range cfg.Subscriptions {
		if s.Topic == "" || s.Handler == nil || slices.Contains(k.topics, s.Topic) {
			return nil, fmt.Errorf("consumer %s: topic %q needs one subscription with a handler", cfg.Group, s.Topic)
		}
		k.topics = append(k.topics, s.Topic)
	}
	k.membership.leave(errStopped)
	return k, nil
}

// Run consumes until ctx ends, then finishes the transactions under way and leaves the group. It gets over every outage by itself.
func (k *Consumer) Run(ctx context.Context) error {
	k.membership.leave(errors.New("it is joining"))
	lag, err := k.client.meter.RegisterCallback(k.observeLag, k.client.meter.lag)
	if err != nil {
		return fmt.Errorf("consumer %s: metrics: %w", k.cfg.Group, err)
	}
	defer func() { _ = lag.Unregister() }()
	defer k.membership.leave(errStopped)
	if k.awaitTopics(ctx); ctx.Err() != nil {
		return nil
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: k.cfg.Group, Brokers: k.client.cfg.Bootstrap, Dialer: k.client.dialer, Topics: k.topics,
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}}, // a channel's partition of every topic at one member
		HeartbeatInterval: heartbeat, SessionTimeout: session, RebalanceTimeout: session, JoinGroupBackoff: rejoin, Timeout: dialLimit,
		RetentionTime: -1 * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("consumer %s: %w", k.cfg.Group, err)
	}
	for ctx.Err() == nil {
		gen, err := group.Next(ctx) // an outage is not a reason to stop consuming; the group waits between its tries
		if err != nil {
			k.away(ctx, err)
			continue
		}
		k.serve(ctx, gen)
	}
	left := make(chan struct{})
	go func() { _ = group.Close(); close(left) }()
	select {
	case <-left:
	case <-time.After(drain + dialLimit): // a broker that is away need not be told; the session ends by itself
	}
	return nil
}

// awaitTopics waits until every topic exists, or ctx ends: a member that joins before is never assigned the late ones.
func (k *Consumer) awaitTopics(ctx context.Context) {
	for ctx.Err() == nil {
		found, err := k.client.describe(ctx, k.topics...)
		for _, t := range k.topics {
			if _, exists := found[t]; err == nil && !exists {
				err = fmt.Errorf("topic %s does not exist", t)
			}
		}
		if err == nil {
			return
		}
		k.away(ctx, err)
		sleep(ctx, rejoin)
	}
}

// away notes why this member is in no generation.
func (k *Consumer) away(ctx context.Context, why error) {
	if ctx.Err() != nil {
		return
	}
	k.membership.leave(why)
	if k.reminders.due("group") {
		k.log.WarnContext(ctx, "not a member of the group", "error", why)
	}
}

// serve starts a partition's function for each partition this member was assigned, and returns.
func (k *Consumer) serve(ctx context.Context, gen *kafka.Generation) {
	assigned, end := context.WithCancel(ctx)
	work, abandon := context.WithCancel(context.WithoutCancel(ctx)) // a transaction under way may end in peace, for a while
	context.AfterFunc(assigned, func() { time.AfterFunc(drain, abandon) })

	described := sync.OnceValues(func() (map[string]description, error) { return k.client.describe(assigned, k.topics...) })
	var partitions []*partition
	for _, sub := range k.cfg.Subscriptions {
		for _, a := range gen.Assignments[sub.Topic] {
			p := newPartition(k, sub, a.ID)
			p.described = described
			partitions = append(partitions, p)
		}
	}
	k.membership.join(partitions)
	k.log.InfoContext(ctx, "joined the group", "generation", gen.ID, "partitions", len(partitions))

	// Functions end the generation by returning, so none returns before it has ended: when the process stops, it is
	// Close that ends it, and then leaves the group instead of joining again.
	for _, p := range partitions {
		gen.Start(func(ended context.Context) {
			p.run(assigned, work)
			<-ended.Done()
		})
	}
	gen.Start(func(ended context.Context) {
		k.tend(ended, gen, partitions)
		k.membership.leave(errors.New("the group rebalances"))
		end()
	})
}

// tend commits positions to Kafka, where only tools read them, and compares topic ids, until the generation ends.
func (k *Consumer) tend(ended context.Context, gen *kafka.Generation, partitions []*partition) {
	ticker := time.NewTicker(tend)
	defer ticker.Stop()
	told := map[*partition]int64{}
	inspected := time.Now()
	for {
		select {
		case <-ended.Done():
			return
		case <-ticker.C:
		}
		news := map[string]map[int]int64{}
		for _, p := range partitions {
			if at := p.reached.Load(); at >= 0 && at != told[p] {
				if news[p.topic] == nil {
					news[p.topic] = map[int]int64{}
				}
				news[p.topic][p.id], told[p] = at, at
			}
		}
		if err := gen.CommitOffsets(news); err != nil {
			clear(told)
			k.log.DebugContext(ended, "offsets not committed", "error", err)
		}
		if time.Since(inspected) < inspect {
			continue
		}
		inspected = time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
		if found, err := k.client.describe(ctx, k.topics...); err == nil {
			for _, p := range partitions {
				p.topicIs(found[p.topic].id)
			}
		}
		cancel()
	}
}

// Check reports why the consumer does not get on: it is not a member of its group, a topic is not the one it consumed
// before (with the command that resolves it), or a partition cannot apply its records.
func (k *Consumer) Check(context.Context) error {
	partitions, err := k.membership.check()
	if err != nil {
		return fmt.Errorf("consumer %s is not a member of its group: %w", k.cfg.Group, err)
	}
	var troubles []string
	for _, topic := range k.topics {
		var first error
		count := 0
		for _, p := range partitions {
			if err := p.check(); err != nil && p.topic == topic {
				first = cmp.Or(first, err)
				count++
			}
		}
		if count > 0 {
			troubles = append(troubles, fmt.Sprintf("%d of topic %s's partitions: %s", count, topic, kind(first)))
		}
	}
	if len(troubles) > 0 {
		return fmt.Errorf("consumer %s: %s", k.cfg.Group, strings.Join(troubles, "; "))
	}
	return nil
}

func (k *Consumer) observeLag(_ context.Context, o metric.Observer) error {
	oldest := map[string]float64{}
	for _, t := range k.topics {
		oldest[t] = 0
	}
	for _, p := range k.membership.partitions() {
		if at := p.oldest.Load(); at > 0 {
			oldest[p.topic] = max(oldest[p.topic], time.Since(time.Unix(0, at)).Seconds())
		}
	}
	for topic, seconds := range oldest {
		o.ObserveFloat64(k.client.meter.lag, seconds, k.client.meter.observed(topic))
	}
	return nil
}
