#!/usr/bin/env bash
# docs/configuration.md on standard output: what each service says that it reads from its environment.
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'END'
# Configuration

Generated from the code (`make generate`). Every service reads its environment once, at its start; `--check-config` reports all
faults at once and exits 2, `--help` lists the variables. A variable set to nothing counts as not set. Where *file* is
said, `NAME_FILE` may name a file with the value instead (a mounted secret).

| variable | services | default | example | |
|---|---|---|---|---|
END
for service in ingress runs fairness reminder; do go run "./services/$service" --config-table; done | awk -F '\t' '
  function code(text) { gsub(/\|/, "\\|", text); return text == "" ? "" : "`" text "`" }
  !($1 in services) { order[++n] = $1; default_[$1] = $3; example[$1] = $4; text[$1] = $8
    note[$1] = ($5 == "true" ? " **Required.**" : "") ($6 == "true" ? " Secret." : "") ($7 == "true" ? " *file*" : "") }
  { services[$1] = services[$1] (services[$1] == "" ? "" : ", ") $2; count[$1]++ }
  END { for (i = 1; i <= n; i++) { v = order[i]
    printf "| `%s` | %s | %s | %s | %s.%s |\n", v, count[v] == 4 ? "all" : services[v], code(default_[v]), example[v] == default_[v] ? "" : code(example[v]), text[v], note[v] } }'
