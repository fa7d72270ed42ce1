package bustest_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

func (f *fixture) deleteTopic(name string) {
	f.t.Helper()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames = []string{name}
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(f.t.Context(), f.raw)
	require.NoError(f.t, err)
	require.Zero(f.t, response.Topics[0].ErrorCode)
}

// resolve runs the command that readiness names.
func (f *fixture) resolve(err error) {
	f.t.Helper()
	command := regexp.MustCompile(`UPDATE .*`).FindString(err.Error())
	require.NotEmpty(f.t, command, err)
	f.db.Exec(command)
}

func halted(k *bus.Consumer, why string) func() bool {
	return func() bool {
		err := k.Check(context.Background())
		return err != nil && strings.Contains(err.Error(), why)
	}
}

func TestARecreatedTopicStopsItsConsumerUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	k, _ := f.consume(apply("one"))
	f.publish(20)
	f.exactlyOnce(20, soon)
	require.Len(t, f.text("SELECT topic_id FROM runs.consumer_position WHERE consumer_group = $1", f.Group), 32)

	f.recreateTopic()
	f.publish(30) // more than there were: by its offsets alone nothing would look wrong
	require.Eventually(t, halted(k, "was recreated"), 2*soon, 50*time.Millisecond)
	require.Equal(t, 20, f.applied())

	f.resolve(k.Check(t.Context()))
	f.eventually("the new topic is consumed from its beginning", func() bool { return f.applied() == 50 })
	f.eventually("it is ready", func() bool { return k.Check(t.Context()) == nil })
}

func (f *fixture) recreateTopic() {
	f.t.Helper()
	f.deleteTopic(f.Topic)
	f.eventually("the topic is there again", func() bool {
		return bus.CreateTopics(f.t.Context(), f.cluster.Config(), []bus.Topic{{Name: f.Topic, Partitions: 1, Replication: 1}}) == nil
	})
	// For a moment after that Kafka still appends to the log of the topic that was deleted.
	f.eventually("its log is empty", func() bool {
		length, code := f.ends(f.Topic)
		return code == 0 && length == 0
	})
}

// Nothing fails when that happens between two fetches, so ids are compared from time to time as well.
func TestATopicThatIsRecreatedBehindAHandlersBackIsNoticed(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	busy, free := make(chan struct{}, 1), make(chan struct{})
	k, _ := f.consume(handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		if records[0].Type == "test.Busy" {
			busy <- struct{}{}
			<-free
		}
		return apply("one")(ctx, tx, records)
	}))
	require.NoError(t, f.client.Publish(t.Context(), f.message("w/1", "test.Busy", "")))
	<-busy
	f.recreateTopic()
	f.publish(1)
	close(free)
	f.eventually("it is halted", halted(k, "was recreated"))
	f.publish(1)
	f.resolve(k.Check(t.Context()))
	f.eventually("the new topic is consumed from its beginning", func() bool { return f.applied() == 3 })
}

func TestATopicThatEndsBeforeThePositionStopsItsConsumer(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	_, stop := f.consume(apply("one"))
	f.publish(20)
	f.exactlyOnce(20, soon)
	stop()
	f.db.Exec("UPDATE runs.consumer_position SET next_offset = 100 WHERE consumer_group = $1", f.Group)

	k, _ := f.consume(apply("one"))
	f.eventually("it is halted", halted(k, "the topic ends at 20"))
	f.resolve(k.Check(t.Context()))
	f.publish(1)
	f.exactlyOnce(21, soon)
}

func TestATopicThatBeginsAfterThePositionStopsItsConsumer(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	f.publish(20)
	f.deleteRecords(0, 5)
	f.db.Exec("INSERT INTO runs.consumer_position (consumer_group, topic, partition, next_offset) VALUES ($1, $2, 0, 2)", f.Group, f.Topic)

	k, _ := f.consume(apply("one"))
	f.eventually("it is halted", halted(k, "the topic begins at 5"))
	f.resolve(k.Check(t.Context()))
	f.eventually("the rest is applied", func() bool { return f.applied() == 15 })
}

func (f *fixture) deleteRecords(partition int32, before int64) {
	f.t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = f.Topic
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, before
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(f.t.Context(), f.raw)
	require.NoError(f.t, err)
	require.Zero(f.t, response.Topics[0].Partitions[0].ErrorCode)
}

// A new consumer begins with what is there, also where earlier records have expired.
func TestANewConsumerBeginsAtTheBeginning(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	f.publish(20)
	f.deleteRecords(0, 5)
	f.consume(apply("one"))
	f.eventually("what is there is applied", func() bool { return f.applied() == 15 })
}

func TestAConsumerWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	late := f.Topic + ".late"
	k, _ := f.consume(apply("one"), func(c *bus.ConsumerConfig) { c.Subscriptions[0].Topic = late })
	f.eventually("readiness names the topic", halted(k, "topic "+late+" does not exist"))
	require.NoError(t, bus.CreateTopics(t.Context(), f.cluster.Config(), []bus.Topic{{Name: late, Partitions: 1, Replication: 1}}))
	m := f.message("w/1", "test.Event", "")
	m.Topic = late
	require.NoError(t, f.client.Publish(t.Context(), m))
	f.eventually("it is consumed", func() bool { return f.applied() == 1 })
}

func TestCreateTopics(t *testing.T) {
	t.Parallel()
	f := setup(t, 1)
	name := f.Topic + ".new"
	topic := bus.Topic{Name: name, Partitions: 3, Replication: 1, Config: map[string]string{"retention.ms": "86400000"}}
	for range 2 {
		require.NoError(t, bus.CreateTopics(t.Context(), f.cluster.Config(), []bus.Topic{topic}))
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, name, []string{"retention.ms"}
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(t.Context(), f.raw)
	require.NoError(t, err)
	require.Equal(t, "86400000", *response.Resources[0].Configs[0].Value)

	topic.Partitions = 4
	require.ErrorContains(t, bus.CreateTopics(t.Context(), f.cluster.Config(), []bus.Topic{topic}), "has 3 partitions, not 4")
	topic.Name, topic.Partitions = "not a name", 0
	require.Error(t, bus.CreateTopics(t.Context(), f.cluster.Config(), []bus.Topic{topic}))
}
