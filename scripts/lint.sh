#!/usr/bin/env bash
# staticcheck over every module, and bash -n over the scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
for f in scripts/*.sh .ci/run; do bash -n "$f"; done
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go -C tools build -o "$bin/staticcheck" honnef.co/go/tools/cmd/staticcheck
scripts/each-module.sh "$bin/staticcheck" ./...
