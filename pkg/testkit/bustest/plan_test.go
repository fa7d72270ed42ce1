package bustest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

func admin(t *testing.T, cfg bus.Config) *bus.Admin {
	t.Helper()
	a, err := bus.NewAdmin(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func TestTopicsArePlannedAndApplied(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	a := admin(t, f.cluster.Config())
	fresh := bus.Topic{Name: f.Topic + ".fresh", Partitions: 2, Replication: 1, Config: map[string]string{"retention.ms": "60000", "cleanup.policy": "delete"}}
	known := bus.Topic{Name: f.Topic, Partitions: 3, Replication: 1, Config: map[string]string{"retention.ms": "3600000", "cleanup.policy": "delete"}}
	want := bus.Cluster{Topics: []bus.Topic{known, fresh}}

	plan, err := a.Plan(t.Context(), want)
	require.NoError(t, err)
	require.Equal(t, []bus.Topic{fresh}, plan.Create)
	require.Len(t, plan.Alter, 1)
	require.Equal(t, "retention.ms", plan.Alter[0].Name)
	require.Equal(t, "3600000", plan.Alter[0].Should)
	require.Contains(t, plan.Lines(), "+ topic "+fresh.Name+": 2 partitions, replication 1")
	again, err := a.Plan(t.Context(), want)
	require.NoError(t, err)
	require.Equal(t, plan, again, "a plan changes nothing")

	require.NoError(t, a.Apply(t.Context(), plan))
	require.NoError(t, a.Apply(t.Context(), plan), "once more is harmless")
	plan, err = a.Plan(t.Context(), want)
	require.NoError(t, err)
	require.True(t, plan.Empty(), "%v", plan.Lines())

	want.Topics[0].Partitions = 4
	plan, err = a.Plan(t.Context(), want)
	require.NoError(t, err)
	require.False(t, plan.Empty())
	require.ErrorContains(t, a.Apply(t.Context(), plan), "has 3 partitions, not 4")
}

func TestGrantsArePlannedAndApplied(t *testing.T) {
	t.Parallel()
	const module = "org.apache.kafka.common.security.scram.ScramLoginModule"
	login := func(user string) bus.Security {
		return bus.Security{JAAS: module + ` required username="` + user + `" password="secret";`}
	}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("SCRAM-SHA-512", "root", "secret"), kfake.User("SCRAM-SHA-512", "runs", "secret"))
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	f := setupOn(t, 1, &testkit.Cluster{Bootstrap: fake.ListenAddrs(), Security: login("root"), Fake: fake})
	a := admin(t, f.cluster.Config())
	runs := f.connect(bus.Config{Bootstrap: fake.ListenAddrs(), Security: login("runs")})
	message := bus.Message{Topic: f.Topic, Key: "k", ID: "1", Type: "t", Value: []byte("x")}
	publish := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return runs.Publish(ctx, message)
	}
	require.Error(t, publish(), "nobody allowed it")

	write, describe := bus.Grant{Principal: "User:runs", Resource: bus.TopicResource, Name: f.Topic, Operation: bus.Write},
		bus.Grant{Principal: "User:runs", Resource: bus.TopicResource, Name: f.Topic, Operation: bus.Describe}
	group := bus.Grant{Principal: "User:runs", Resource: bus.GroupResource, Name: "runs", Operation: bus.Read}
	plan, err := a.Plan(t.Context(), bus.Cluster{Grants: []bus.Grant{write, describe, group}})
	require.NoError(t, err)
	require.Equal(t, []bus.Grant{write, describe, group}, plan.Grant)
	require.NoError(t, a.Apply(t.Context(), plan))
	f.eventually("it may", func() bool { return publish() == nil }) // what the client knows of topics is some seconds old

	plan, err = a.Plan(t.Context(), bus.Cluster{Grants: []bus.Grant{describe, group}})
	require.NoError(t, err)
	require.Empty(t, plan.Grant)
	require.Equal(t, []string{"- User:runs may Write topic " + f.Topic}, plan.Lines())
	require.NoError(t, a.Apply(t.Context(), plan))
	require.Error(t, publish(), "it is taken away again")
	plan, err = a.Plan(t.Context(), bus.Cluster{Grants: []bus.Grant{describe, group}})
	require.NoError(t, err)
	require.True(t, plan.Empty())
}

func TestScanReadsWhatWasThereWhenItBegan(t *testing.T) {
	t.Parallel()
	f := setup(t, 3)
	f.publish(40)
	var seen []string
	require.NoError(t, f.client.Scan(t.Context(), time.Time{}, []string{f.Topic}, func(r *bus.Record) error {
		seen = append(seen, r.ID)
		return nil
	}))
	require.Len(t, seen, 40)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(seen))), 40)
	require.NoError(t, f.client.Scan(t.Context(), time.Now().Add(time.Hour), []string{f.Topic, "no.such.topic"}, func(r *bus.Record) error {
		return fmt.Errorf("%s is not from the future", r)
	}))
}
