#!/usr/bin/env bash
# Prints the directory of every Go module of the repository that holds code of
# ours, the root first. tools/ only pins versions.
set -euo pipefail
cd "$(dirname "$0")/.."
find . -name go.mod -not -path './tools/*' -not -path '*/testdata/*' -not -path './.git/*' -printf '%h\n' | sort
