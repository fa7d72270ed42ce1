package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

func TestKafkaHasTheProductsTopics(t *testing.T) {
	t.Parallel()
	cluster := testkit.Kafka(t)
	tel, spans := testkit.Telemetry(t)
	client, err := bus.Connect(cluster.Config(), "test", tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Check(t.Context()))
	all, err := topic.All()
	require.NoError(t, err)
	for _, tp := range all {
		require.NoError(t, client.Publish(t.Context(), bus.Message{Topic: tp.Name, Key: "W1/C1", ID: "1", Type: "test", Value: []byte("x")}), tp.Name)
		require.Len(t, spans.Named("send "+tp.Name), 1)
	}
}

func TestKafkaWithTopicsGivenHasOnlyThose(t *testing.T) {
	t.Parallel()
	cluster := testkit.Kafka(t, bus.Topic{Name: "mine", Partitions: 3, Replication: 1})
	if cluster.Fake == nil {
		t.Skip("the cluster is shared with other tests")
	}
	require.Len(t, cluster.Fake.PartitionInfos("mine"), 3)
	require.Nil(t, cluster.Fake.TopicInfo(topic.Commands))
}
