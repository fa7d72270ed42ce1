# Needs Go, git and make; everything else is fetched, pinned, into .bin/. What a target does in more than a line is in .tools/.
.DEFAULT_GOAL := help
.PHONY: help demo demo-reset smoke test test-kafka test-socket test-alerts test-browser cover lint lint-fix secrets vuln drift tidy-check generate baseline fmt bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

demo: .bin/local ## Play a coffee run in your browser: the whole product on this machine, Ctrl-C stops it
	@exec .bin/local up

demo-reset: .bin/local ## Forget what was played in the demo
	@exec .bin/local reset

smoke: .bin/local ## Start everything, play one run as three people, print what they read
	@exec .bin/local smoke

test: .bin/gotestsum ## Run every test of the workspace
	@.tools/test.sh

test-kafka: .bin/gotestsum ## Run the bus suite, and a run with TLS, SASL and ACLs, on Apache Kafka (needs Java 17)
	@.tools/test-kafka.sh

test-socket: .bin/gotestsum ## Play the stories of the end-to-end tests over Socket Mode
	@SLACK_TRANSPORT_TEST=socket GOTESTSUM_FORMAT=testname .tools/gotest.sh socket \
		-run '^Test(ARunnerAccepts|WhoCannotGo|AVolunteerGoes|ARunCloses|AdminsChange|Reset|Questions|WhoLeaves|APersonIs)' ./deploy/local/e2e

test-alerts: ## Have each alert fire, and not (needs promtool, of Debian's package prometheus)
	@cd deploy/prometheus && promtool check rules rules.yaml && promtool test rules rules_test.yaml

test-browser: .bin/gotestsum ## Run the browser test alone (needs Chromium)
	@GOTESTSUM_FORMAT=testname .tools/gotest.sh browser -run '^TestBrowser' ./deploy/local/e2e/...

cover: ## Print the coverage of the last `make test`; at least 80 %
	@.tools/cover.sh

lint: .bin/golangci-lint ## Run the linters
	.bin/golangci-lint run $(folders)

lint-fix: .bin/golangci-lint ## Let the linters repair what they can
	.bin/golangci-lint run --fix $(folders)

secrets: .bin/gitleaks ## Look for secrets in what was committed
	@.bin/gitleaks git --no-banner --log-level warn --log-opts HEAD .

vuln: ## Look for known vulnerabilities (needs vuln.go.dev)
	@.tools/modules.sh go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

drift: .bin/buf .bin/protoc-gen-go ## Check generated files and the messages' compatibility
	@.tools/drift.sh

tidy-check: ## Check that every go.mod is tidy
	@.tools/modules.sh go mod tidy -diff

generate: .bin/buf .bin/protoc-gen-go ## Write generated files anew
	cd proto && ../.bin/buf generate
	.tools/config-table.sh >docs/configuration.md
	go run ./deploy/grafana >deploy/grafana/coffeebuddy.json

baseline: .bin/buf ## At a release: later messages must be compatible with today's
	cd proto && ../.bin/buf build --output baseline.binpb

fmt: .bin/golangci-lint .bin/buf ## Format Go and protobuf
	.bin/golangci-lint fmt $(folders)
	cd proto && ../.bin/buf format --write

bench: ## Measure what docs/performance.md states
	go run ./deploy/local/bench

folders = $$(.tools/modules.sh | sed 's|.*|./&/...|')

# The local stack is built rather than `go run`, which would leave it behind when make itself is stopped by a signal.
.PHONY: .bin/local
.bin/local:
	@go build -o $@ ./deploy/local

# The generator is the one of the runtime in go.mod.
.bin/protoc-gen-go: proto/go.mod
	go -C proto build -o ../$@ google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

# Each tool is a module of its own: resolved with what its authors tested it with, apart from the product's dependencies.
.bin/%: .tools/%/go.mod
	GOWORK=off go -C .tools/$* build -o ../../$@ tool
	@touch $@
