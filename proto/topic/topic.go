// Package topic names the Kafka topics and holds their settings as data.
package topic

import (
	_ "embed"
	"fmt"
	"maps"

	"go.yaml.in/yaml/v3"
)

// Names of the topics. The key of every record is "workspace/channel", or "workspace/user" for personal ones.
const (
	Commands       = "coffeebuddy.commands"
	RunEvents      = "coffeebuddy.run.events"
	FairnessEvents = "coffeebuddy.fairness.events"
	ReminderEvents = "coffeebuddy.reminder.events"
	DeadLetter     = "coffeebuddy.dead-letter"
)

// Topic is one topic as it should be on the cluster.
type Topic struct {
	Name string `yaml:"name"`
	// Partitions is the same for all topics and never changed: it would break the order of a channel's records.
	Partitions  int               `yaml:"partitions"`
	Replication int               `yaml:"replication"`
	Config      map[string]string `yaml:"config"`
	// Producers and Consumers are services, by name: who may write and read it.
	Producers []string `yaml:"producers"`
	Consumers []string `yaml:"consumers"`
}

//go:embed topics.yaml
var data []byte

// All returns every topic with the defaults filled in, as topics.yaml lists them.
// It returns an error only if the embedded file is not what it should be.
func All() ([]Topic, error) {
	var file struct {
		Defaults Topic   `yaml:"defaults"`
		Topics   []Topic `yaml:"topics"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("topics.yaml: %w", err)
	}
	for i := range file.Topics {
		t := &file.Topics[i]
		if t.Partitions == 0 {
			t.Partitions = file.Defaults.Partitions
		}
		if t.Replication == 0 {
			t.Replication = file.Defaults.Replication
		}
		config := maps.Clone(file.Defaults.Config)
		maps.Copy(config, t.Config)
		t.Config = config
	}
	return file.Topics, nil
}
