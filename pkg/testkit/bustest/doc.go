// Package bustest is the suite of pkg/bus, pkg/outbox and pkg/postgres on real servers: PostgreSQL, and either the
// embedded broker or the Kafka cluster that KAFKA_BOOTSTRAP_TEST names. It is tests only.
package bustest
