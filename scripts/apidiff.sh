#!/usr/bin/env bash
# apidiff.sh [TAG]: what changed in the exported API since TAG, or since the last
# tag. Fails on incompatible changes from v1.0.0 on; before that it tells.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)}
if [ -z "$tag" ]; then
	echo "apidiff: there is no tag yet, so nothing to compare with"
	exit 0
fi
work=$(mktemp -d)
trap 'git worktree remove --force "$work/old" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
go -C tools build -o "$work/apidiff" golang.org/x/exp/cmd/apidiff
git worktree add --detach --quiet "$work/old" "$tag"
module=$(go list -m)
(cd "$work/old" && "$work/apidiff" -m -w "$work/old.api" "$module")
"$work/apidiff" -m -w "$work/new.api" "$module"
all=$("$work/apidiff" -m "$work/old.api" "$work/new.api" 2>&1)
breaking=$("$work/apidiff" -m -incompatible "$work/old.api" "$work/new.api" 2>&1)
echo "API since $tag:"
echo "${all:-  no change}"
if [ -n "$breaking" ] && [[ $tag != v0.* ]]; then
	echo "apidiff: FAILED, incompatible changes need a new major version"
	exit 1
fi
echo "apidiff: ok"
