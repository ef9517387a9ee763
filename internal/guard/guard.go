//go:build unix

// Package guard cleans up after a process, also where it ends without a chance
// to: a small shell, in a session of its own, waits at a pipe whose other end
// only the process holds, and then does what it was given to do.
package guard

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Guard is the shell that waits.
type Guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// Start starts a guard that runs script by /bin/sh, once this process has ended
// or Finish is called: then the loop `while read -r next` in it ends. name is
// shown in lists of processes, args are $1 and so on.
func Start(name, script string, args ...string) (*Guard, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, name}, args...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The write end is close-on-exec: no other child keeps it open.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return &Guard{cmd, pipe}, nil
}

// Watch gives the script a line to read: the id of a process that it has to
// stop, or 0 for none.
func (g *Guard) Watch(pid int) error {
	_, err := fmt.Fprintf(g.pipe, "%d\n", pid)
	return err
}

// Finish has the script go on now and waits for its end.
func (g *Guard) Finish() error {
	_ = g.pipe.Close()
	return g.cmd.Wait()
}
