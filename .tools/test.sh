#!/usr/bin/env bash
# Every test of the workspace, once. Leaves in coverage/profile.txt the coverage of hand-written code, by the tests
# themselves and by the service binaries that they started.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/coverage
rm -rf "$out" && mkdir -p "$out/binaries"

# deploy/local builds the services with coverage counters when this is set, and has them write there when they end.
export COFFEEBUDDY_COVER_DIR=$out/binaries

# Coverage over the whole workspace needs all of it to compile; said here once rather than by every package.
go build work

result=0
.tools/gotest.sh tests -covermode=atomic -coverpkg=github.com/coffeebuddy/coffeebuddy/... -coverprofile="$out/tests.txt" work || result=$?

if [ -n "$(ls "$out/binaries")" ]; then
  go tool covdata textfmt -i="$out/binaries" -o="$out/binaries.txt"
fi
{
  echo 'mode: atomic'
  cat "$out"/*.txt | grep -v -e '^mode:' -e '\.pb\.go:' || true
} >"$out/profile"
mv "$out/profile" "$out/profile.txt"
exit "$result"
