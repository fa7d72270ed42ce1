#!/usr/bin/env bash
# Are the generated files those of their sources, and can programs of the last release still read our messages?
set -euo pipefail
cd "$(dirname "$0")/../proto"
buf=../.bin/buf
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

$buf lint
$buf format --diff --exit-code
$buf breaking --against baseline.binpb
$buf generate --output "$fresh"
diff --recursive gen "$fresh/gen" || { echo 'proto/gen is not what the .proto files generate: make generate' >&2; exit 1; }
../.tools/config-table.sh | diff ../docs/configuration.md - || { echo 'docs/configuration.md is not what the services read: make generate' >&2; exit 1; }
(cd .. && go run ./deploy/grafana) | diff ../deploy/grafana/coffeebuddy.json - || { echo 'deploy/grafana/coffeebuddy.json is not what deploy/grafana writes: make generate' >&2; exit 1; }
