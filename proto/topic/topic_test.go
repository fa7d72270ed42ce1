package topic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

func TestAllNamesEveryTopicWithTheSamePartitionCount(t *testing.T) {
	all, err := topic.All()
	require.NoError(t, err)
	var names []string
	for _, tp := range all {
		names = append(names, tp.Name)
		require.Equal(t, 12, tp.Partitions, tp.Name)
		require.Equal(t, 3, tp.Replication, tp.Name)
		require.Equal(t, "2", tp.Config["min.insync.replicas"], tp.Name)
		require.NotEmpty(t, tp.Config["retention.ms"], tp.Name)
		require.NotEmpty(t, tp.Producers, tp.Name)
	}
	require.ElementsMatch(t, []string{
		topic.Commands, topic.RunEvents, topic.FairnessEvents, topic.ReminderEvents, topic.DeadLetter,
	}, names)
}
