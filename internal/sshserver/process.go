//go:build unix

package sshserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is the listening sshd.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process is gone
	err  error         // of Wait; read after done
}

// command prepares sshd with an environment that takes nothing from ours, in a
// session of its own: an interrupt from the terminal reaches this process only.
func (s *Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.sshd, append([]string{"-f", s.configFile()}, args...)...)
	cmd.Dir = s.base
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (s *Server) configFile() string { return filepath.Join(s.base, "sshd_config") }
func (s *Server) logFile() string    { return filepath.Join(s.base, "log") }

// startOnFreePort picks a port that is free and tries another one where
// someone else takes it in between.
func (s *Server) startOnFreePort(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if err := os.WriteFile(s.configFile(), []byte(s.settings(s.port)), 0o600); err != nil {
			return err
		}
		err = s.start(ctx)
		if err == nil || attempt == 5 || !strings.Contains(s.Log(), "Address already in use") {
			return err
		}
	}
}

// start runs sshd and waits until it listens.
func (s *Server) start(ctx context.Context) error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", "-e"}
	// From 9.8 on sshd keeps off addresses that fail too often, and here all
	// clients have one. Older ones do not know the setting.
	const lenient = "PerSourcePenalties=no"
	if s.command("-t", "-o", lenient).Run() == nil {
		args = append(args, "-o", lenient)
	}
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("sshserver: start sshd: %w", err)
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
		select {
		case <-tick.C:
			if strings.Contains(s.Log(), "Server listening on 127.0.0.1 ") {
				return nil
			}
		case <-p.done:
			return fmt.Errorf("sshserver: sshd ended at once (%w): %s", p.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("sshserver: sshd does not listen: %w: %s", context.Cause(ctx), s.Log())
		}
	}
}

// Pid returns the process id of the listening sshd.
func (s *Server) Pid() int { return s.proc.cmd.Process.Pid }

// Close stops the server with all that runs over its connections, and removes
// its directory. Later calls return what the first did.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closed = s.guard.Finish()
		if s.proc != nil {
			<-s.proc.done
		}
		if _, err := os.Lstat(s.base); !os.IsNotExist(err) {
			s.closed = errors.Join(s.closed, fmt.Errorf("sshserver: %s could not be removed", s.base))
		}
	})
	return s.closed
}

// Log returns the end of the server's log, at most 64 KiB.
func (s *Server) Log() string {
	const most = 64 << 10
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	if len(b) > most {
		b = b[len(b)-most:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(b)
}
