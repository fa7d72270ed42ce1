#!/usr/bin/env bash
# On Apache Kafka instead of the embedded broker: the bus suite, and a whole run on a cluster with TLS, SASL and ACLs.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap '.tools/apache-kafka.sh stop "$dir"; .tools/apache-kafka.sh stop "$dir/secured"; rm -rf "$dir"' EXIT
KAFKA_BOOTSTRAP_TEST=$(.tools/apache-kafka.sh start "$dir")
KAFKA_PID_TEST=$(cat "$dir/pid") # paused by the test of an outage
export KAFKA_BOOTSTRAP_TEST KAFKA_PID_TEST
echo "Apache Kafka listens on $KAFKA_BOOTSTRAP_TEST"
GOTESTSUM_FORMAT=testname .tools/gotest.sh kafka ./pkg/testkit/bustest/...

.tools/apache-kafka.sh stop "$dir"
KAFKA_SECURED_TEST=$(.tools/apache-kafka.sh secured "$dir/secured")
KAFKA_SECURED_CA=$dir/secured/ca.pem
KAFKA_SECURED_PASSWORD=$(cat "$dir/secured/password")
export KAFKA_SECURED_TEST KAFKA_SECURED_CA KAFKA_SECURED_PASSWORD
GOTESTSUM_FORMAT=testname .tools/gotest.sh kafka-secured -run '^TestAWholeRunOnASecuredCluster$' ./deploy/local/e2e
