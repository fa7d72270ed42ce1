#!/usr/bin/env bash
# go test with a readable summary: gotest.sh LABEL ARGUMENTS…
# With the race detector where there is a C compiler. Leaves in coverage/ what each test did (LABEL.json), the totals
# (LABEL.total) and the names of skipped tests (LABEL.skipped). GOTESTSUM_FORMAT=testname lists every test.
set -euo pipefail
cd "$(dirname "$0")/.."
out=coverage/$1
shift
mkdir -p coverage
export GOTESTSUM_FORMAT=${GOTESTSUM_FORMAT:-pkgname-and-test-fails}

race=-race how='with the race detector'
[ "$(go env CGO_ENABLED)" = 1 ] || race='' how='without the race detector, for want of a C compiler'
result=0
# Nothing from the test cache: it does not know the binaries, servers and browsers that tests start.
.bin/gotestsum --format-hide-empty-pkg --hide-summary output --jsonfile "$out.json" -- \
  $race -count=1 -timeout 8m "$@" || result=$?

names() { sed -n 's|.*"Action":"'"$1"'",.*"Package":"github.com/coffeebuddy/coffeebuddy/\([^"]*\)","Test":"\([^"]*\)".*|\1 \2|p' "$out.json"; }
count() { names "$1" | wc -l | tr -d ' '; }
names skip >"$out.skipped"
echo "$(count pass) passed, $(count fail) failed, $(count skip) skipped, $how" | tee "$out.total"
exit "$result"
