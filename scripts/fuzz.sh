#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the repository for TIME each. Targets
# are found by their name, so that a new one is never forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
count=0
failed=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # DIR NAME
	(cd "$1" && go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 5s -timeout 5m .) </dev/null >"$log" 2>&1
}

# Before Go 1.27 a run that ended with its time may fail without an input that
# failed (golang.org/issue/75804): the deadline alone, right below the FAIL.
# Such a run says nothing; it is made again.
ended_early() {
	! grep -q 'Failing input' "$log" &&
		grep -A 1 '^--- FAIL: Fuzz' "$log" | tail -n 1 | grep -qx ' *context deadline exceeded'
}

while IFS=: read -r file name; do
	dir=$(dirname "$file")
	start=$SECONDS
	passed=no
	for _ in 1 2 3; do
		if fuzz "$dir" "$name"; then
			passed=yes
		elif ended_early; then
			printf 'again        %s %s: the deadline of a run was taken for a failure\n' "$dir" "$name"
			continue
		fi
		break
	done
	if [ $passed = yes ]; then
		printf 'ok    %4d s  %s %s: %s\n' $((SECONDS - start)) "$dir" "$name" "$(grep -oE 'execs: [0-9]+' "$log" | tail -n 1)"
	else
		printf 'FAIL  %4d s  %s %s\n' $((SECONDS - start)) "$dir" "$name"
		cat "$log"
		failed+=("$dir $name")
	fi
	count=$((count + 1))
done < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's/:func /:/' | sort)
if [ ${#failed[@]} -gt 0 ]; then
	printf 'failed: %s\n' "${failed[@]}"
	echo "fuzz: FAILED, ${#failed[@]} of $count targets"
	exit 1
fi
echo "fuzz: ok, $count targets, $time each"
