#!/usr/bin/env bash
# The bus suite on Apache Kafka instead of the embedded broker.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap '.tools/apache-kafka.sh stop "$dir"; rm -rf "$dir"' EXIT
KAFKA_BOOTSTRAP_TEST=$(.tools/apache-kafka.sh start "$dir")
KAFKA_PID_TEST=$(cat "$dir/pid") # paused by the test of an outage
export KAFKA_BOOTSTRAP_TEST KAFKA_PID_TEST
echo "Apache Kafka listens on $KAFKA_BOOTSTRAP_TEST"
GOTESTSUM_FORMAT=testname .tools/gotest.sh kafka ./pkg/testkit/bustest/...
