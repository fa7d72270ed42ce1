#!/usr/bin/env bash
# Prints the folders of the workspace's modules, or runs a command in each of them, outside the workspace: modules.sh go mod tidy
set -euo pipefail
cd "$(dirname "$0")/.."
folders=$(go list -m -f '{{.Dir}}' | sed "s|^$PWD/||")
[ $# -gt 0 ] || { echo "$folders"; exit; }
result=0
for folder in $folders; do
  (cd "$folder" && GOWORK=off "$@") || { echo "$folder: $* failed" >&2; result=1; }
done
exit $result
