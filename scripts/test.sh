#!/usr/bin/env bash
# Runs `go test` with the given flags in every module and closes with one line:
# "test: ok …" or "test: FAILED …". Only failing tests are printed in full.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
start=$SECONDS
status=0
while read -r dir; do
	echo "== module $dir: go test $* ./..."
	(cd "$dir" && go test "$@" ./...) 2>&1 | tee -a "$log" || status=1
done < <(scripts/modules.sh)
passed=$(grep -cE $'^ok +\t' "$log" || true)
if [ $status -eq 0 ]; then
	echo "test: ok, $passed packages in $((SECONDS - start)) s"
	exit 0
fi
echo
echo "failed:"
grep -E $'^(FAIL\t|\\s*--- FAIL|panic: |WARNING: DATA RACE)' "$log" | sort | uniq -c | sort -rn | head -n 50 || true
echo "test: FAILED, $passed packages passed, $((SECONDS - start)) s"
exit 1
