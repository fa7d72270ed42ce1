package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// scansAtOnce is how many partitions Scan reads at the same time.
const scansAtOnce = 8

// Scan hands every record of topics that was published after since, and before Scan began, to visit: one at a time, in
// order within a partition. It moves no position of anyone. An error of visit ends it.
func (c *Client) Scan(ctx context.Context, since time.Time, topics []string, visit func(*Record) error) error {
	admin := &Admin{c.kafka, c.transport}
	ends, err := admin.Ends(ctx, topics...)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scansAtOnce)
	var mu sync.Mutex
	for topic, partitions := range ends {
		for n, end := range partitions {
			if end == 0 {
				continue
			}
			group.Go(func() error {
				return c.scan(ctx, topic, n, since, end, func(r *Record) error {
					mu.Lock()
					defer mu.Unlock()
					return visit(r)
				})
			})
		}
	}
	return group.Wait()
}

func (c *Client) scan(ctx context.Context, topic string, partition int, since time.Time, end int64, visit func(*Record) error) error {
	first, err := c.firstSince(ctx, topic, partition, since)
	if err != nil || first < 0 || first >= end {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: c.cfg.Bootstrap, Topic: topic, Partition: partition, Dialer: c.dialer, MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 250 * time.Millisecond,
	})
	defer func() { _ = reader.Close() }()
	if err := reader.SetOffset(first); err != nil {
		return fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	for {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", topic, partition, err)
		}
		if m.Offset >= end {
			return nil
		}
		if err := visit(newRecord(&m)); err != nil || m.Offset == end-1 {
			return err
		}
	}
}

// firstSince is the offset of the first record after since; negative: there is none.
func (c *Client) firstSince(ctx context.Context, topic string, partition int, since time.Time) (int64, error) {
	if since.Unix() < 0 {
		since = time.Unix(0, 0) // to Kafka, some of the moments before are something else
	}
	answer, err := c.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(partition), kafka.TimeOffsetOf(partition, since)},
	}})
	if err != nil {
		return 0, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, err)
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return 0, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, p.Error)
		}
		first := int64(-1)
		for offset := range p.Offsets { // of the moment asked for; absent where nothing is that young
			first = max(first, offset)
		}
		if first >= 0 {
			return max(first, p.FirstOffset), nil
		}
	}
	return -1, nil
}
