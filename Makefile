# Everything a contributor or a CI runs. `make help` lists the targets.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

FUZZTIME ?= 5s
BENCHFLAGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what the tests need (Debian, as root), or say what is missing
	@scripts/setup.sh test

.PHONY: test
test: setup vet ## vet, then every test with the race detector
	@scripts/test.sh -race -timeout 20m

.PHONY: race
race: ## the tests with the race detector, without setup and vet
	@scripts/test.sh -race -timeout 20m

.PHONY: soak
soak: setup ## the same tests with many more iterations; hours
	@SALLYPORT_SOAK=1 scripts/test.sh -race -tags soak -count 1 -timeout 4h

.PHONY: cover
cover: setup ## test coverage, by function in coverage.txt
	@go test -timeout 20m -coverpkg=./... -coverprofile=cover.out ./...
	@go tool cover -func=cover.out > coverage.txt && tail -n 1 coverage.txt

.PHONY: build
build: ## build everything without cgo; commands go to bin/
	@mkdir -p bin
	@scripts/each-module.sh env CGO_ENABLED=0 go build ./...

.PHONY: vet
vet: ## go vet
	@scripts/each-module.sh go vet -tags soak ./...

.PHONY: lint
lint: ## staticcheck, pinned in tools/go.mod
	@scripts/lint.sh

.PHONY: fmt
fmt: ## format all Go files
	@gofmt -s -w .

.PHONY: fmt-check
fmt-check: ## fail where a Go file is not formatted
	@out=$$(gofmt -s -l .) || exit 1; if [ -n "$$out" ]; then echo "not formatted (make fmt does it):"; echo "$$out"; exit 1; fi

.PHONY: tidy
tidy: ## fail where a go.mod is not tidy
	@scripts/each-module.sh go mod tidy -diff

.PHONY: vuln
vuln: ## known vulnerabilities; needs the network
	@mkdir -p bin && go -C tools build -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck && bin/govulncheck ./...

.PHONY: apidiff
apidiff: ## what changed in the API since the last tag
	@scripts/apidiff.sh

.PHONY: fuzz-brief
fuzz-brief: ## every fuzz target for FUZZTIME (5s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## PostgreSQL and SSH, direct, through relays and through Sallyport; twenty minutes
	@scripts/setup.sh bench
	@go run ./bench $(BENCHFLAGS)

.PHONY: quickstart
quickstart: ## the guided tour: a private PostgreSQL, a gateway, an agent, the record
	@go run ./examples/quickstart

.PHONY: clean
clean: ## remove what the targets made, and the cached PostgreSQL templates
	@rm -rf bin cover.out coverage.txt "$${XDG_CACHE_HOME:-$$HOME/.cache}"/sallyport/pgserver-*
