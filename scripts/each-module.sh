#!/usr/bin/env bash
# Runs a command in every module; goes on after a failure and fails in the end.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
status=0
while read -r dir; do
	if ! (cd "$here/$dir" && "$@"); then
		echo "failed in module $dir: $*" >&2
		status=1
	fi
done < <("$here/scripts/modules.sh")
exit $status
