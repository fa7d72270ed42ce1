package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
)

// Cluster is what the product needs of a Kafka cluster.
type Cluster struct {
	Topics []Topic
	// Grants are all that their principals may do; none: ACLs are not looked at.
	Grants []Grant
}

// Grant lets a principal do something with a resource, from any host.
type Grant struct {
	Principal string // such as User:coffeebuddy-runs
	Resource  Resource
	Name      string // of the topic or group, literal
	Operation Operation
}

// Resource is a kind of thing that access is granted to.
type Resource string

// Operation is what is granted.
type Operation string

// The kinds of resources and operations that are used.
const (
	TopicResource Resource = "topic"
	GroupResource Resource = "group"

	Read     Operation = "Read"
	Write    Operation = "Write"
	Describe Operation = "Describe"
)

func (g Grant) String() string {
	return fmt.Sprintf("%s may %s %s %s", g.Principal, g.Operation, g.Resource, g.Name)
}

// Alteration is a topic's setting that has another value than it should.
type Alteration struct{ Topic, Name, Is, Should string }

func (a Alteration) String() string {
	return fmt.Sprintf("topic %s: %s %s → %s", a.Topic, a.Name, cmp.Or(a.Is, "(none)"), a.Should)
}

// Plan is what has to be done so that a cluster is as it should be.
type Plan struct {
	Create []Topic
	Alter  []Alteration
	Grant  []Grant
	Revoke []Grant // of the principals of Cluster.Grants, what they need not
	// Conflicts cannot be put right from here, such as a topic with another number of partitions.
	Conflicts []string
}

// Empty reports whether there is nothing to do and nothing wrong.
func (p Plan) Empty() bool {
	return len(p.Create)+len(p.Alter)+len(p.Grant)+len(p.Revoke)+len(p.Conflicts) == 0
}

// Lines says what is to be done, a line each: + is added, ~ changed, - removed, ! cannot be put right.
func (p Plan) Lines() (lines []string) {
	for _, t := range p.Create {
		lines = append(lines, fmt.Sprintf("+ topic %s: %d partitions, replication %d", t.Name, t.Partitions, t.Replication))
	}
	for _, a := range p.Alter {
		lines = append(lines, "~ "+a.String())
	}
	for _, g := range p.Grant {
		lines = append(lines, "+ "+g.String())
	}
	for _, g := range p.Revoke {
		lines = append(lines, "- "+g.String())
	}
	for _, c := range p.Conflicts {
		lines = append(lines, "! "+c)
	}
	return lines
}

// Admin changes a cluster. Its user needs the right to.
type Admin struct {
	client    *kafka.Client
	transport *kafka.Transport
}

// NewAdmin prepares an Admin; it does not dial.
func NewAdmin(cfg Config) (*Admin, error) {
	_, transport, err := cfg.connections("coffeebuddy-admin")
	if err != nil {
		return nil, err
	}
	return &Admin{&kafka.Client{Addr: kafka.TCP(cfg.Bootstrap...), Timeout: requestWait, Transport: transport}, transport}, nil
}

// Close closes connections that are not in use.
func (a *Admin) Close() { a.transport.CloseIdleConnections() }

// Plan compares the cluster with what it should be. It changes nothing.
func (a *Admin) Plan(ctx context.Context, want Cluster) (p Plan, err error) {
	names := make([]string, len(want.Topics))
	for i, t := range want.Topics {
		names[i] = t.Name
	}
	found, err := describe(ctx, a.transport, a.client.Addr, names...)
	if err != nil {
		return p, err
	}
	var there []Topic
	for _, t := range want.Topics {
		switch has, exists := found[t.Name]; {
		case !exists:
			p.Create = append(p.Create, t)
		case len(has.leaders) != t.Partitions:
			p.Conflicts = append(p.Conflicts, partitionConflict(t, len(has.leaders)))
			fallthrough
		default:
			there = append(there, t)
		}
	}
	if p.Alter, err = a.alterations(ctx, there); err != nil {
		return p, err
	}
	if len(want.Grants) > 0 {
		p.Grant, p.Revoke, err = a.grants(ctx, want.Grants)
	}
	return p, err
}

// partitionConflict: keys would change their partition, and with it lose their order.
func partitionConflict(t Topic, has int) string {
	return fmt.Sprintf("topic %s has %d partitions, not %d: the order of a channel's records depends on it, so it is never changed", t.Name, has, t.Partitions)
}

func (a *Admin) alterations(ctx context.Context, topics []Topic) (all []Alteration, err error) {
	if len(topics) == 0 {
		return nil, nil
	}
	request := &kafka.DescribeConfigsRequest{}
	for _, t := range topics {
		request.Resources = append(request.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: t.Name, ConfigNames: slices.Sorted(maps.Keys(t.Config)),
		})
	}
	answer, err := a.client.DescribeConfigs(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("describe topics' settings: %w", err)
	}
	is := map[[2]string]string{}
	for _, r := range answer.Resources {
		if r.Error != nil {
			return nil, fmt.Errorf("describe settings of topic %s: %w", r.ResourceName, r.Error)
		}
		for _, e := range r.ConfigEntries {
			is[[2]string{r.ResourceName, e.ConfigName}] = e.ConfigValue
		}
	}
	for _, t := range topics {
		for _, name := range slices.Sorted(maps.Keys(t.Config)) {
			if has := is[[2]string{t.Name, name}]; has != t.Config[name] {
				all = append(all, Alteration{t.Name, name, has, t.Config[name]})
			}
		}
	}
	return all, nil
}

func (a *Admin) grants(ctx context.Context, want []Grant) (lacking, needless []Grant, err error) {
	answer, err := a.client.DescribeACLs(ctx, &kafka.DescribeACLsRequest{Filter: kafka.ACLFilter{
		ResourceTypeFilter: kafka.ResourceTypeAny, ResourcePatternTypeFilter: kafka.PatternTypeAny,
		Operation: kafka.ACLOperationTypeAny, PermissionType: kafka.ACLPermissionTypeAny,
	}})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return nil, nil, fmt.Errorf("describe ACLs: %w", err)
	}
	ours := map[string]bool{}
	for _, g := range want {
		ours[g.Principal] = true
	}
	var has []Grant
	for _, r := range answer.Resources {
		for _, acl := range r.ACLs {
			if ours[acl.Principal] && acl.PermissionType == kafka.ACLPermissionTypeAllow && r.PatternType == kafka.PatternTypeLiteral {
				has = append(has, Grant{acl.Principal, Resource(strings.ToLower(r.ResourceType.String())), r.ResourceName, Operation(acl.Operation.String())})
			}
		}
	}
	without := func(all, some []Grant) []Grant {
		return slices.DeleteFunc(slices.Clone(all), func(g Grant) bool { return slices.Contains(some, g) })
	}
	return without(want, has), without(has, want), nil
}

// Apply carries a plan out. It is an error if the plan has conflicts; then nothing is done.
func (a *Admin) Apply(ctx context.Context, p Plan) error {
	if len(p.Conflicts) > 0 {
		return errors.New(strings.Join(p.Conflicts, "; "))
	}
	if err := a.create(ctx, p.Create); err != nil {
		return err
	}
	if err := a.alter(ctx, p.Alter); err != nil {
		return err
	}
	if err := a.allow(ctx, p.Grant); err != nil {
		return err
	}
	return a.revoke(ctx, p.Revoke)
}

func (a *Admin) create(ctx context.Context, topics []Topic) error {
	if len(topics) == 0 {
		return nil
	}
	request := &kafka.CreateTopicsRequest{}
	for _, t := range topics {
		c := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replication}
		for _, name := range slices.Sorted(maps.Keys(t.Config)) {
			c.ConfigEntries = append(c.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: t.Config[name]})
		}
		request.Topics = append(request.Topics, c)
	}
	answer, err := a.client.CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}

func (a *Admin) alter(ctx context.Context, all []Alteration) error {
	if len(all) == 0 {
		return nil
	}
	request := &kafka.IncrementalAlterConfigsRequest{}
	for _, x := range all {
		request.Resources = append(request.Resources, kafka.IncrementalAlterConfigsRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: x.Topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: x.Name, Value: x.Should, ConfigOperation: kafka.ConfigOperationSet}},
		})
	}
	// A resource may be named once in a request.
	slices.SortStableFunc(request.Resources, func(x, y kafka.IncrementalAlterConfigsRequestResource) int {
		return strings.Compare(x.ResourceName, y.ResourceName)
	})
	merged := request.Resources[:0]
	for _, r := range request.Resources {
		if n := len(merged); n > 0 && merged[n-1].ResourceName == r.ResourceName {
			merged[n-1].Configs = append(merged[n-1].Configs, r.Configs...)
			continue
		}
		merged = append(merged, r)
	}
	request.Resources = merged
	answer, err := a.client.IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("change topics' settings: %w", err)
	}
	for _, r := range answer.Resources {
		if r.Error != nil {
			return fmt.Errorf("change settings of topic %s: %w", r.ResourceName, r.Error)
		}
	}
	return nil
}

func (a *Admin) allow(ctx context.Context, grants []Grant) error {
	if len(grants) == 0 {
		return nil
	}
	request := &kafka.CreateACLsRequest{}
	for _, g := range grants {
		resource, operation, err := g.kafka()
		if err != nil {
			return err
		}
		request.ACLs = append(request.ACLs, kafka.ACLEntry{
			ResourceType: resource, ResourceName: g.Name, ResourcePatternType: kafka.PatternTypeLiteral,
			Principal: g.Principal, Host: "*", Operation: operation, PermissionType: kafka.ACLPermissionTypeAllow,
		})
	}
	answer, err := a.client.CreateACLs(ctx, request)
	if err == nil {
		err = errors.Join(answer.Errors...)
	}
	if err != nil {
		return fmt.Errorf("create ACLs: %w", err)
	}
	return nil
}

func (a *Admin) revoke(ctx context.Context, grants []Grant) error {
	if len(grants) == 0 {
		return nil
	}
	request := &kafka.DeleteACLsRequest{}
	for _, g := range grants {
		resource, operation, err := g.kafka()
		if err != nil {
			return err
		}
		request.Filters = append(request.Filters, kafka.DeleteACLsFilter{
			ResourceTypeFilter: resource, ResourceNameFilter: g.Name, ResourcePatternTypeFilter: kafka.PatternTypeLiteral,
			PrincipalFilter: g.Principal, HostFilter: "*", Operation: operation, PermissionType: kafka.ACLPermissionTypeAllow,
		})
	}
	answer, err := a.client.DeleteACLs(ctx, request)
	if err != nil {
		return fmt.Errorf("delete ACLs: %w", err)
	}
	for _, r := range answer.Results {
		if r.Error != nil {
			return fmt.Errorf("delete ACLs: %w", r.Error)
		}
	}
	return nil
}

func (g Grant) kafka() (resource kafka.ResourceType, operation kafka.ACLOperationType, err error) {
	if err := resource.UnmarshalText([]byte(g.Resource)); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", g, err)
	}
	if err := operation.UnmarshalText([]byte(g.Operation)); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", g, err)
	}
	return resource, operation, nil
}

// Ends are the offsets after the last record, by topic and partition. Topics that do not exist are missing.
func (a *Admin) Ends(ctx context.Context, topics ...string) (map[string][]int64, error) {
	found, err := describe(ctx, a.transport, a.client.Addr, topics...)
	if err != nil {
		return nil, err
	}
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	ends := map[string][]int64{}
	for name, d := range found {
		ends[name] = make([]int64, len(d.leaders))
		for n := range d.leaders {
			request.Topics[name] = append(request.Topics[name], kafka.LastOffsetOf(n))
		}
	}
	answer, err := a.client.ListOffsets(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	for name, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", name, p.Partition, p.Error)
			}
			ends[name][p.Partition] = p.LastOffset
		}
	}
	return ends, nil
}
