package server

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaConfig says how StartKafka runs its broker.
type KafkaConfig struct {
	// Dir keeps topics, records and group offsets between starts; "" keeps them in memory.
	Dir string
	// Port is what to listen on (127.0.0.1 only) if it is free; 0 or taken: a free one.
	Port int
	// Root is the password of the user root (SCRAM-SHA-512), who may do everything while nobody else may do anything;
	// "": no user is asked for, and everyone may.
	Root string
	// Users are others with the same password, who may do what ACLs allow them.
	Users []string
	// Certificate is what the broker speaks TLS with; nil: it does not.
	Certificate *tls.Certificate
}

// Kafka is a broker inside this process that speaks Kafka's protocol. It has one node and creates no topic by itself.
type Kafka struct {
	Bootstrap string         // host:port
	Cluster   *kfake.Cluster // for faults and for looking inside
}

// StartKafka starts a broker. What Dir holds is complete after Stop; a kill may lose what was written last.
func StartKafka(_ context.Context, cfg KafkaConfig) (*Kafka, error) {
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID("coffeebuddy")}
	if cfg.Dir != "" {
		options = append(options, kfake.DataDir(cfg.Dir))
	}
	if cfg.Port != 0 {
		port, err := freePort(cfg.Port)
		if err != nil {
			return nil, fmt.Errorf("kafka port: %w", err)
		}
		options = append(options, kfake.Ports(port))
	}
	if cfg.Root != "" {
		options = append(options, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", "root", cfg.Root))
	}
	for _, user := range cfg.Users {
		options = append(options, kfake.User("SCRAM-SHA-512", user, cfg.Root))
	}
	if cfg.Certificate != nil {
		options = append(options, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{*cfg.Certificate}, MinVersion: tls.VersionTLS12}))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return &Kafka{Bootstrap: cluster.ListenAddrs()[0], Cluster: cluster}, nil
}

// Stop ends the broker; connections are cut off.
func (k *Kafka) Stop() error {
	k.Cluster.Close()
	return nil
}
