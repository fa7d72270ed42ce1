#!/usr/bin/env bash
# Coverage of hand-written code by statements, per package and in total, from the last `make test`. Fails below the minimum.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -q '^github.com' coverage/profile.txt 2>/dev/null || { echo 'no coverage yet: run make test first' >&2; exit 1; }
# A block is listed once per test binary; it is covered if any of them went through it.
awk -v minimum=80 '
  /^mode:/ { next }
  { statements[$1] = $2; if ($3 > 0) hit[$1] = 1 }
  END {
    for (block in statements) {
      package = block
      sub(/\/[^\/]*$/, "", package)
      sub(/^github.com\/coffeebuddy\/coffeebuddy\//, "", package)
      all[package] += statements[block]; total += statements[block]
      if (block in hit) { covered[package] += statements[block]; done += statements[block] }
    }
    for (package in all) printf "%5.1f %%  %5d  %s\n", 100 * covered[package] / all[package], all[package], package | "sort -k4"
    close("sort -k4")
    printf "%5.1f %%  %5d  hand-written code in total (minimum %d %%)\n", 100 * done / total, total, minimum
    exit (100 * done / total < minimum)
  }' coverage/profile.txt
