#!/usr/bin/env bash
# setup.sh test|bench: makes sure that what the tests or the benchmarks need is
# there. On Debian and Ubuntu, as root, it installs what is missing with apt;
# elsewhere it says what is missing and fails.
set -euo pipefail
what=${1:-test}

missing=()  # packages, by Debian's names
reasons=()  # what they are for
need() { missing+=("$1"); reasons+=("$2"); }

if ! command -v go >/dev/null; then
	echo "setup: Go 1.26 or newer is missing: https://go.dev/dl/" >&2
	exit 1
fi
server=""
for dir in $(tr : ' ' <<<"$PATH") /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin; do
	if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then server=$dir; fi
done
[ -n "$server" ] || need postgresql "the PostgreSQL server (initdb, postgres); tests start private ones"
command -v psql >/dev/null || [ -x "$server/psql" ] || need postgresql-client "psql; some tests use it as a client"
command -v pgbench >/dev/null || [ -x "$server/pgbench" ] || need postgresql-contrib "pgbench; some tests and the benchmarks use it"
command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || need openssh-server "the OpenSSH server (sshd); tests start private ones"
command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || need openssh-client "ssh, scp, sftp and ssh-keygen; tests use them as clients"
[ -x /usr/lib/openssh/sftp-server ] || ! command -v apt-get >/dev/null || need openssh-sftp-server "sftp-server; some tests let sshd run it"
command -v rsync >/dev/null || need rsync "rsync; some tests run it through ssh"
command -v git >/dev/null || need git "git; some tests clone through ssh"
command -v "$(go env CC)" >/dev/null || need gcc "a C compiler: the race detector needs one (the library does not)"
[ -e /usr/include/stdlib.h ] || [ "$(uname -s)" != Linux ] || need libc6-dev "the C library's headers: the race detector needs them"
if [ "$what" = test ]; then
	[ -x /usr/bin/aws ] || need awscli "the AWS CLI as /usr/bin/aws; tests use it as a client"
	/usr/bin/python3 -c 'import boto3' 2>/dev/null || need python3-boto3 "boto3 for /usr/bin/python3; tests use it as a client"
	command -v node >/dev/null || need nodejs "Node.js; node-postgres is one of the clients that the tests try"
	command -v npm >/dev/null || need npm "npm; it installs node-postgres for the tests"
fi
if [ "$what" = bench ]; then
	command -v pgbouncer >/dev/null || need pgbouncer "pgbouncer; the benchmarks compare with it"
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "setup: missing on this machine:" >&2
	for i in "${!missing[@]}"; do echo "  ${missing[$i]}: ${reasons[$i]}" >&2; done
	if command -v apt-get >/dev/null; then
		echo "setup: install with: sudo apt-get install ${missing[*]}" >&2
	elif command -v dnf >/dev/null; then
		echo "setup: install with: sudo dnf install postgresql-server postgresql-contrib pgbouncer openssh-server openssh-clients rsync git gcc nodejs npm awscli2 python3-boto3" >&2
	elif command -v brew >/dev/null; then
		echo "setup: install with: brew install postgresql pgbouncer openssh rsync git node awscli, and xcode-select --install for the compiler" >&2
	fi
	exit 1
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL=1 keeps the packages from starting services of their own.
export RUNLEVEL=1
quiet() {
	local log
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}
apt() { quiet apt-get -y -q -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@"; }
apt update
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
	# Nobody asked for a database cluster on port 5432: only the programs.
	apt install --no-install-recommends postgresql-common
	sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
fi
apt install --no-install-recommends "${missing[@]}"
echo "setup: done"
