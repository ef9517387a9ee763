//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// visit is the agent's work on the host: an ordinary SSH client, which knows
// nothing of the gateway but its address and host key.
type visit struct {
	out      *screen
	client   *ssh.Client
	saw      []string // lines of output that it got to see
	uploaded string   // SHA-256 of what it has uploaded
}

// work connects with a token and does what is to be done there.
func (v *visit) work(gateway net.Addr, hostKey ssh.PublicKey, token string) error {
	var err error
	v.client, err = ssh.Dial("tcp", gateway.String(), &ssh.ClientConfig{
		User: "agent", Auth: []ssh.AuthMethod{ssh.Password(token)},
		HostKeyCallback: ssh.FixedHostKey(hostKey), Timeout: 10 * time.Second,
	})
	if err != nil {
		return err
	}
	defer v.client.Close()
	for _, step := range []func() error{v.looks, v.uploads, v.sits, v.purges, v.tidies} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) tell(what, format string, args ...any) { v.out.item(2, 26, "", what, format, args...) }

// run runs a command; what the gateway says meanwhile is told as it comes.
func (v *visit) run(command string) (string, error) {
	s, err := v.client.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	var stdout bytes.Buffer
	s.Stdout, s.Stderr = &stdout, says{v}
	err = s.Run(command)
	return stdout.String(), err
}

// says tells what comes on standard error.
type says struct{ v *visit }

func (w says) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.v.tell("", "%s", strings.TrimSpace(line))
	}
	return len(p), nil
}

func (v *visit) looks() error {
	stdout, err := v.run("cat settings")
	if err != nil {
		return fmt.Errorf("cat settings: %w", err)
	}
	v.saw = strings.Split(strings.TrimSpace(stdout), "\n")
	v.tell("runs cat settings", "%s", strings.Join(v.saw, ", "))
	return nil
}

func (v *visit) uploads() error {
	client, err := sftp.NewClient(v.client)
	if err != nil {
		return err
	}
	defer client.Close()
	file, err := client.OpenFile("release.txt", os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("release.txt: %w", err)
	}
	if _, err := io.WriteString(file, releaseNotes); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	v.uploaded = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(releaseNotes)))
	v.tell("uploads release.txt", "%d bytes by SFTP", len(releaseNotes))
	return nil
}

// sits asks for a shell, in which nobody could judge a command before it runs.
// The gateway must not give one.
func (v *visit) sits() error {
	v.tell("asks for a shell", "")
	s, err := v.client.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	s.Stderr = says{v}
	if err := s.Shell(); err != nil {
		return err
	}
	return v.denied(s.Wait())
}

// denied holds that the gateway has denied something in the way that a client
// can tell: by exit status 126.
func (v *visit) denied(err error) error {
	exit, ok := errors.AsType[*ssh.ExitError](err)
	if !ok || exit.ExitStatus() != 126 {
		return fmt.Errorf("it was not denied: %w", errors.Join(err, errors.New("no exit status 126")))
	}
	v.tell("", "exit status %d", exit.ExitStatus())
	return nil
}

// purges tries to remove what people need.
func (v *visit) purges() error {
	v.tell("tries to remove backups", "")
	_, err := v.run("rm -rf backups")
	return v.denied(err)
}

// tidies removes what nobody needs, over the same connection.
func (v *visit) tidies() error {
	v.tell("tries to remove import.log", "")
	if _, err := v.run("rm import.log"); err != nil {
		return err
	}
	v.tell("", "exit status 0")
	return nil
}
