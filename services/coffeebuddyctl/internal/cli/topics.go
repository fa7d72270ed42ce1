package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

type topics struct {
	Plan  topicsPlan  `cmd:"" help:"Say what is not as it should be, and change nothing. Exit code 3 if there is something."`
	Apply topicsApply `cmd:"" help:"Put it right. Doing it again changes nothing."`
}

// cluster is how the cluster should be.
type cluster struct {
	Replication int    `help:"Copies of each topic; fewer than ${default} only on small clusters (min.insync.replicas follows)." default:"3"`
	Principal   string `help:"Look after ACLs, too, for these principals; {service} becomes ingress, runs, fairness and reminder. Example: User:coffeebuddy-{service}" placeholder:"NAME"`
}

// want is proto/topic's data as Kafka needs it.
func (c cluster) want() (want bus.Cluster, err error) {
	all, err := topic.All()
	if err != nil {
		return want, err
	}
	if c.Principal != "" && !strings.Contains(c.Principal, "{service}") {
		return want, fmt.Errorf("--principal %s names no {service}: each service has rights of its own (example: User:coffeebuddy-{service})", c.Principal)
	}
	seen := map[bus.Grant]bool{}
	grant := func(service string, resource bus.Resource, name string, operations ...bus.Operation) {
		for _, operation := range operations {
			g := bus.Grant{Principal: strings.ReplaceAll(c.Principal, "{service}", service), Resource: resource, Name: name, Operation: operation}
			if c.Principal != "" && !seen[g] {
				seen[g] = true
				want.Grants = append(want.Grants, g)
			}
		}
	}
	for _, t := range all {
		if c.Replication > 0 && c.Replication < t.Replication {
			t.Replication = c.Replication
			t.Config["min.insync.replicas"] = strconv.Itoa(max(1, c.Replication-1))
		}
		want.Topics = append(want.Topics, bus.Topic{Name: t.Name, Partitions: t.Partitions, Replication: t.Replication, Config: t.Config})
		for _, service := range t.Producers {
			grant(service, bus.TopicResource, t.Name, bus.Write, bus.Describe)
		}
		for _, service := range t.Consumers {
			grant(service, bus.TopicResource, t.Name, bus.Read, bus.Describe)
			grant(service, bus.GroupResource, service, bus.Read)
		}
	}
	return want, nil
}

func (c cluster) plan(e *env) (*bus.Admin, bus.Plan, error) {
	want, err := c.want()
	if err != nil {
		return nil, bus.Plan{}, err
	}
	admin, err := e.admin()
	if err != nil {
		return nil, bus.Plan{}, err
	}
	plan, err := admin.Plan(e.ctx, want)
	return admin, plan, err
}

type topicsPlan struct{ cluster }

// Run implements the command.
func (t *topicsPlan) Run(e *env) error {
	_, plan, err := t.plan(e)
	if err != nil {
		return err
	}
	if plan.Empty() {
		fmt.Fprintln(e.out, "Everything is as it should be.")
		return nil
	}
	for _, line := range plan.Lines() {
		fmt.Fprintln(e.out, line)
	}
	return status(exitDrift)
}

type topicsApply struct{ cluster }

// settle is how long brokers may take to hear of what the controller has accepted.
const settle = 30 * time.Second

// Run implements the command. It returns when the cluster shows what was asked of it.
func (t *topicsApply) Run(e *env) error {
	admin, plan, err := t.plan(e)
	if err != nil {
		return err
	}
	for _, line := range plan.Lines() {
		fmt.Fprintln(e.out, line)
	}
	if err := admin.Apply(e.ctx, plan); err != nil {
		return err
	}
	for deadline := time.Now().Add(settle); !plan.Empty(); {
		want, err := t.want()
		if err != nil {
			return err
		}
		if plan, err = admin.Plan(e.ctx, want); err != nil {
			return err
		}
		if !plan.Empty() && time.Now().After(deadline) {
			return fmt.Errorf("the cluster accepted it, and does not show it after %v: %s", settle, strings.Join(plan.Lines(), "; "))
		}
		select {
		case <-e.ctx.Done():
			return e.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	fmt.Fprintln(e.out, "Everything is as it should be.")
	return nil
}
