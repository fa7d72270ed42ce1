package testkit

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// Cluster is a Kafka cluster for one test.
type Cluster struct {
	Bootstrap []string
	Security  bus.Security
	Fake      *kfake.Cluster // for faults; nil when it is a real one
}

// Kafka returns a broker in memory that ends with the test, or the cluster that KAFKA_BOOTSTRAP_TEST names, which
// other tests use too: unique names for topics and groups are up to the caller. It has the given topics, or those
// of the product if none are given, each on one broker.
func Kafka(t testing.TB, topics ...bus.Topic) *Cluster {
	t.Helper()
	c := &Cluster{}
	if given := os.Getenv("KAFKA_BOOTSTRAP_TEST"); given != "" {
		c.Bootstrap = strings.Split(given, ",")
	} else {
		broker, err := server.StartKafka(t.Context(), server.KafkaConfig{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = broker.Stop() })
		c.Bootstrap, c.Fake = []string{broker.Bootstrap}, broker.Cluster
	}
	if len(topics) == 0 {
		topics = productTopics(t)
	}
	c.Create(t, topics...)
	return c
}

// Create makes topics, each on one broker. It waits for a broker that all tests use while one of them holds it up.
func (c *Cluster) Create(t testing.TB, topics ...bus.Topic) {
	t.Helper()
	patiently := time.Now().Add(time.Minute)
	err := bus.CreateTopics(t.Context(), c.Config(), topics)
	for err != nil && c.Fake == nil && time.Now().Before(patiently) {
		<-time.After(100 * time.Millisecond)
		err = bus.CreateTopics(t.Context(), c.Config(), topics)
	}
	require.NoError(t, err)
}

// Config is what bus.Connect needs to reach the cluster.
func (c *Cluster) Config() bus.Config {
	return bus.Config{Bootstrap: c.Bootstrap, Security: c.Security}
}

func productTopics(t testing.TB) []bus.Topic {
	t.Helper()
	all, err := topic.All()
	require.NoError(t, err)
	topics := make([]bus.Topic, len(all))
	for i, tp := range all {
		delete(tp.Config, "min.insync.replicas") // with one replica there is nobody to be in sync with
		topics[i] = bus.Topic{Name: tp.Name, Partitions: tp.Partitions, Replication: 1, Config: tp.Config}
	}
	return topics
}
