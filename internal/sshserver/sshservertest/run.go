//go:build unix

// Package sshservertest gives tests a private SSH server. It is apart from
// sshserver so that programs do not link package testing.
package sshservertest

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/sshserver"
)

// Run starts an sshd that lives as long as the test. It takes at most one
// Options. Where there is no OpenSSH the test fails, saying what to install. When
// the test fails, the end of the server's log is shown.
func Run(t testing.TB, options ...sshserver.Options) *sshserver.Server {
	t.Helper()
	var o sshserver.Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		t.Fatal("sshservertest: Run takes at most one Options")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := sshserver.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sshd's log:\n%s", s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Command prepares one of OpenSSH's clients, or a program that calls one, with
// the server's configuration and nothing of the user's: ssh, scp and sftp know
// the server as "target". It ends with the test.
func Command(t testing.TB, s *sshserver.Server, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-F", s.ClientConfigFile()}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "HOME=" + cmd.Dir}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
