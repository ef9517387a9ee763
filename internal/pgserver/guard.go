//go:build unix

package pgserver

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
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

// guard cleans up after this process, also where it has no chance to.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

func newGuard(dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "sallyport-pg-guard", dir)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The write end is close-on-exec: no other child keeps it open.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("pgserver: start the guard: %w", err)
	}
	return &guard{cmd, pipe}, nil
}

// watch names the process to stop; 0 for none.
func (g *guard) watch(pid int) error {
	_, err := fmt.Fprintf(g.pipe, "%d\n", pid)
	return err
}

// finish has the guard do its work now and waits for it.
func (g *guard) finish() error {
	_ = g.pipe.Close()
	return g.cmd.Wait()
}
