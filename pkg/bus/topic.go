package bus

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is what a topic is created from.
type Topic struct {
	Name        string
	Partitions  int
	Replication int
	Config      map[string]string // retention.ms and so on, by Kafka's names
}

// CreateTopics creates the topics that do not exist yet. One that exists with another number of partitions is an error.
func CreateTopics(ctx context.Context, cfg Config, topics []Topic) error {
	a, err := NewAdmin(cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.create(ctx, topics); err != nil {
		return err
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	found, err := describe(ctx, a.transport, a.client.Addr, names...)
	if err != nil {
		return err
	}
	for _, t := range topics {
		if has := len(found[t.Name].leaders); has != t.Partitions {
			return errors.New(partitionConflict(t, has))
		}
	}
	return nil
}

// description is what a broker says about a topic.
type description struct {
	id      string         // differs between a topic and the one that is created in its place; "" from a broker that has none
	leaders []kafka.Broker // by partition; Host is "" while there is none
}

func (c *Client) describe(ctx context.Context, topics ...string) (map[string]description, error) {
	return describe(ctx, c.transport, c.kafka.Addr, topics...)
}

// describe asks a broker about topics. Those that do not exist are missing from the answer.
func describe(ctx context.Context, transport *kafka.Transport, addr net.Addr, topics ...string) (map[string]description, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(name)
		request.Topics = append(request.Topics, t)
	}
	answer, err := transport.RoundTrip(ctx, addr, &exchange{request: request})
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	response := answer.(*exchange).response
	brokers := map[int32]kafka.Broker{}
	for _, b := range response.Brokers {
		brokers[b.NodeID] = kafka.Broker{ID: int(b.NodeID), Host: b.Host, Port: int(b.Port)}
	}
	found := map[string]description{}
	for _, t := range response.Topics {
		switch err := kafka.Error(t.ErrorCode); {
		case err == kafka.UnknownTopicOrPartition:
			continue
		case err != 0:
			return nil, fmt.Errorf("describe topic %s: %w", *t.Topic, err)
		}
		d := description{leaders: make([]kafka.Broker, len(t.Partitions))}
		if t.TopicID != [16]byte{} {
			d.id = hex.EncodeToString(t.TopicID[:])
		}
		for _, p := range t.Partitions {
			if int(p.Partition) < len(d.leaders) {
				d.leaders[p.Partition] = brokers[p.Leader]
			}
		}
		found[*t.Topic] = d
	}
	return found, nil
}

// exchange sends a metadata request in a version that knows topic ids: kafka-go's own stops short of it. It uses
// kafka-go's hook for messages that write themselves, and so its connections with their TLS and SASL.
type exchange struct {
	request  *kmsg.MetadataRequest
	response *kmsg.MetadataResponse
}

const (
	metadataVersion = 10 // since Kafka 2.8
	largestAnswer   = 64 << 20
)

var _ protocol.RawExchanger = (*exchange)(nil)

// ApiKey is named by protocol.Message.
func (*exchange) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive,staticcheck // the interface is kafka-go's

// Required says that this message always writes itself.
func (*exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange sends the request over a connection that nobody else uses meanwhile, and reads the answer.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	const correlation = 1
	e.request.SetVersion(metadataVersion)
	if _, err := rw.Write(kmsg.NewRequestFormatter().AppendRequest(nil, e.request, correlation)); err != nil {
		return nil, err
	}
	var header [9]byte // length, correlation id, no tagged fields
	if _, err := io.ReadFull(rw, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size < 5 || size > largestAnswer || binary.BigEndian.Uint32(header[4:]) != correlation || header[8] != 0 {
		return nil, fmt.Errorf("not an answer to a metadata request: % x", header)
	}
	body := make([]byte, size-5)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	e.response = kmsg.NewPtrMetadataResponse()
	e.response.SetVersion(metadataVersion)
	return e, e.response.ReadFrom(body)
}
