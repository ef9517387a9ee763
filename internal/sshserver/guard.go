//go:build unix

package sshserver

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/guard"
)

// marker is set in the environment of every session of a server, to the
// server's directory: by it processes are found that have left their session.
const marker = "SALLYPORT_SSHD"

// guardScript reads process ids, the last of which counts and 0 means none.
// When its input ends it kills that process, all that come from it and all that
// bear the marker, waits until they are gone, and removes the directory. They
// are halted before any is killed: what is halted forks no more, and children are
// known by their parent only while it lives. The first goes last, for another
// waits for it.
const guardScript = `
dir=$1 mark=$2 pid=0
while read -r next; do pid=$next; done
family() {
	[ "$pid" -gt 1 ] && cat /proc/[0-9]*/status 2>/dev/null | awk -v top="$pid" '
		$1 == "State:" { state = $2 }
		$1 == "Pid:" { p = $2 }
		$1 == "PPid:" && state != "Z" && state != "X" { parent[p] = $2 }
		END {
			for (p in parent) {
				q = p
				while (q in parent && q != top) q = parent[q]
				if (q == top && p != top) print p
			}
		}'
	# The marker comes by standard input, so that grep does not find itself.
	echo "$mark=$dir" | grep -lsaF -f /dev/stdin /proc/[0-9]*/environ | cut -d/ -f3
}
alive() {
	for p in $all; do cat "/proc/$p/status" 2>/dev/null; done | awk '$1 == "State:" && $2 != "Z" && $2 != "X"'
}
[ "$pid" -gt 1 ] && kill -STOP "$pid" 2>/dev/null
all= round=0
while [ $((round += 1)) -le 100 ]; do
	found=
	for p in $(family); do
		case " $all " in *" $p "*) ;; *) found="$found $p" ;; esac
	done
	[ -n "$found" ] || break
	kill -STOP $found 2>/dev/null
	all="$all $found"
done
[ -n "$all" ] && kill -KILL $all 2>/dev/null
round=0
while [ $((round += 1)) -le 500 ] && [ -n "$(alive)" ]; do sleep 0.02; done
[ "$pid" -gt 1 ] && kill -KILL "$pid" 2>/dev/null
rm -rf -- "$dir"
`

func newGuard(dir string) (*guard.Guard, error) {
	g, err := guard.Start("sallyport-sshd-guard", guardScript, dir, marker)
	if err != nil {
		return nil, fmt.Errorf("sshserver: %w", err)
	}
	return g, nil
}
