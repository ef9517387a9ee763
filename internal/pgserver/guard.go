//go:build unix

package pgserver

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/guard"
)

// guardScript reads process ids, the last of which counts and 0 means none.
// When its input ends it stops that process and removes the directory.
// PostgreSQL takes SIGQUIT as an order to stop at once.
const guardScript = `
pid=0
while read -r next; do pid=$next; done
if [ "$pid" -gt 0 ]; then
	kill -QUIT "$pid" 2>/dev/null
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
`

func newGuard(dir string) (*guard.Guard, error) {
	g, err := guard.Start("sallyport-pg-guard", guardScript, dir)
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	return g, nil
}
