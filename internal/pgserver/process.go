//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errStopped = errors.New("pgserver: the server was stopped")

// process is one run of postgres.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process is gone
	err  error         // of Wait; read after done
}

// start runs postgres and waits until it takes connections.
func (s *Server) start(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.account.command(s.DataDir(), filepath.Join(s.bin, "postgres"), "-D", s.DataDir())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("pgserver: start postgres: %w", err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	s.proc = p
	if err := s.guard.Watch(cmd.Process.Pid); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.ready() {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("pgserver: postgres ended at once (%w): %s", p.err, s.Logs())
		case <-ctx.Done():
			return fmt.Errorf("pgserver: postgres is not ready: %w: %s", context.Cause(ctx), s.Logs())
		}
	}
}

// ready looks where pg_ctl looks: the eighth line of postmaster.pid.
func (s *Server) ready() bool {
	lines := s.lockFile()
	return len(lines) > 7 && lines[0] == strconv.Itoa(s.proc.cmd.Process.Pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (s *Server) lockFile() []string {
	b, err := os.ReadFile(filepath.Join(s.DataDir(), "postmaster.pid"))
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// end sends a signal and waits for the process; one that does not go within
// ten seconds is killed.
func (p *process) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Pid returns the server's process id, and 0 while it does not run.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	return s.proc.cmd.Process.Pid
}

// Stop stops the server, whatever its clients are doing, and removes its
// directory. Later calls do nothing and return nil.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	s.halt(syscall.SIGQUIT)
	err := s.guard.Finish()
	if _, serr := os.Lstat(s.base); !os.IsNotExist(serr) {
		err = errors.Join(err, fmt.Errorf("pgserver: %s could not be removed", s.base))
	}
	return err
}

// Kill ends the server without warning, as a crash does. [Server.Restart]
// brings it back.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	s.halt(syscall.SIGKILL)
	return nil
}

// Restart stops the server in order, disconnecting its clients, where it runs, and
// starts it again on the same port.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	s.halt(syscall.SIGINT)
	return s.start(ctx)
}

func (s *Server) halt(sig syscall.Signal) {
	if s.proc == nil {
		return
	}
	lines := s.lockFile()
	s.proc.end(sig)
	s.proc = nil
	_ = s.guard.Watch(0)
	releaseShared(lines)
}
