//go:build unix

package sshserver

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// serve runs one connection until it ends.
func (e *Embedded) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	conn, channels, requests, err := ssh.NewServerConn(c, e.config)
	if err != nil {
		return
	}
	_ = c.SetDeadline(time.Time{})
	var sessions sync.WaitGroup
	defer sessions.Wait()
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions here")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		sessions.Go(func() { (&session{server: e, channel: channel}).run(requests) })
	}
	_ = conn.Close()
}

// session is one channel: what it runs, once it runs it.
type session struct {
	server  *Embedded
	channel ssh.Channel
	env     []string
	cmd     *exec.Cmd
	running sync.WaitGroup

	mu    sync.Mutex
	ended bool // the shell has
}

func (s *session) run(requests <-chan *ssh.Request) {
	for r := range requests {
		ok, start := s.take(r)
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if ok && start != nil { // after the reply, which has to come first
			s.running.Go(func() {
				start()
				_ = s.channel.Close()
			})
		}
	}
	s.signal(syscall.SIGHUP)
	s.running.Wait()
}

// take decides on one request, and returns what then runs.
func (s *session) take(r *ssh.Request) (ok bool, start func()) {
	var one struct{ Value string }
	switch r.Type {
	case "env":
		var v struct{ Name, Value string }
		if ssh.Unmarshal(r.Payload, &v) != nil || len(s.env) >= 100 {
			return false, nil
		}
		if v.Name != "LANG" && !strings.HasPrefix(v.Name, "LC_") && !strings.HasPrefix(v.Name, "SALLYPORT_") {
			return false, nil
		}
		s.env = append(s.env, v.Name+"="+v.Value)
		return true, nil
	case "signal":
		if ssh.Unmarshal(r.Payload, &one) != nil || signals()[one.Value] == 0 {
			return false, nil
		}
		s.signal(signals()[one.Value])
		return true, nil
	case "shell":
		return s.prepare()
	case "exec":
		if ssh.Unmarshal(r.Payload, &one) != nil {
			return false, nil
		}
		return s.prepare("-c", one.Value)
	case "subsystem":
		if ssh.Unmarshal(r.Payload, &one) != nil || one.Value != "sftp" || s.cmd != nil {
			return false, nil
		}
		server, err := sftp.NewServer(s.channel, sftp.WithServerWorkingDirectory(s.server.dir))
		if err != nil {
			return false, nil
		}
		s.cmd = &exec.Cmd{} // one thing for each channel
		return true, func() {
			var code uint32
			if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) {
				code = 1
			}
			s.exit(code)
		}
	}
	return false, nil
}

func signals() map[string]syscall.Signal {
	return map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "QUIT": syscall.SIGQUIT, "TERM": syscall.SIGTERM}
}

// prepare starts the shell, in a process group of its own.
func (s *session) prepare(args ...string) (ok bool, start func()) {
	if s.cmd != nil {
		return false, nil
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = s.server.dir
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + s.server.dir, "USER=" + EmbeddedUser, "LOGNAME=" + EmbeddedUser, "SHELL=/bin/sh",
		marker + "=" + s.server.dir,
	}, s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = s.channel, s.channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return false, nil
	}
	s.cmd = cmd
	return true, func() {
		// Not waited for: it ends with the channel, when the command has ended.
		s.running.Go(func() {
			_, _ = io.Copy(stdin, s.channel)
			_ = stdin.Close()
		})
		err := cmd.Wait()
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			s.killed(status.Signal())
		} else if err == nil || cmd.ProcessState.ExitCode() >= 0 {
			s.exit(uint32(cmd.ProcessState.ExitCode()))
		}
	}
}

func (s *session) exit(code uint32) {
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}

func (s *session) killed(sig syscall.Signal) {
	name := "KILL"
	for n, known := range signals() {
		if known == sig {
			name = n
		}
	}
	_, _ = s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Name          string
		Core          bool
		Message, Lang string
	}{Name: name}))
}

// signal reaches the whole process group while the shell runs. What the shell
// left running on purpose is left alone, as with sshd.
func (s *session) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && s.cmd != nil && s.cmd.Process != nil {
		_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	}
}
