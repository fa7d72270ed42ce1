// Package testkit gives tests the real things: a PostgreSQL database of their own, a Kafka broker of their own, and
// telemetry that can be looked at.
//
// The servers' binaries are found or downloaded (see package server). DATABASE_URL_TEST names a PostgreSQL server to
// use instead (as superuser), KAFKA_BOOTSTRAP_TEST a Kafka cluster.
package testkit
