//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/internal/sshserver"
)

// sshLeg is one way from SSH clients to the server.
type sshLeg struct {
	name, addr, user string
	host             xssh.PublicKey // whoever answers there
	middle           *middle        // nil for the direct way
	files            bool           // whether files go through it, besides commands
}

func (l *sshLeg) cpu() (time.Duration, error) {
	if l.middle == nil {
		return 0, nil
	}
	return cpu(l.middle.pid)
}

// sshBed is everything that runs for SSH: the server and the legs. One key
// serves every end, since nothing depends on whose it is.
type sshBed struct {
	config
	work    string // removed in the end
	server  *sshserver.Server
	version string
	legs    []*sshLeg
}

func newSSHBed(ctx context.Context, c config) (_ *sshBed, err error) {
	b := &sshBed{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.work, err = os.MkdirTemp(c.dir, "sallyport-bench-"); err != nil {
		return nil, err
	}
	b.server, err = sshserver.Start(ctx, sshserver.Options{Config: []string{"Ciphers " + c.cipher, "LogLevel INFO"}})
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ssh -V: %w: %s", err, out)
	}
	b.version, _, _ = strings.Cut(strings.TrimSpace(string(out)), ",")
	b.add(&sshLeg{name: "direct", addr: b.server.Addr(), user: b.server.User(), host: b.server.HostKey(), files: true})
	for _, name := range []string{relayLeg, "durable-detectors", "buffered-detectors"} {
		if !b.wanted(name) {
			continue
		}
		m, err := b.startSSH(ctx, name, b.profile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// How heads are recorded does not matter to a file of a gigabyte.
		b.add(b.through(m, name, !strings.HasPrefix(name, "buffered")))
	}
	if err := b.writeClientConfig(); err != nil {
		return nil, err
	}
	for _, l := range b.legs {
		if err := b.checkCipher(ctx, l); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return b, nil
}

const (
	relayLeg = "relay"
	sshAgent = "agent"
)

func (b *sshBed) add(l *sshLeg) {
	if b.wanted(l.name) {
		b.legs = append(b.legs, l)
	}
}

func (b *sshBed) through(m *middle, name string, files bool) *sshLeg {
	return &sshLeg{name: name, addr: m.addr(), user: sshAgent, host: b.server.ClientKey().PublicKey(), middle: m, files: files}
}

// startSSH starts the relay or a gateway, with further arguments.
func (b *sshBed) startSSH(ctx context.Context, name, profiles string, args ...string) (*middle, error) {
	mode, _, _ := strings.Cut(name, "-")
	program := "sshgateway"
	if name == relayLeg {
		program = "sshrelay"
	} else {
		journal, err := os.MkdirTemp(b.work, "journal-"+name+"-")
		if err != nil {
			return nil, err
		}
		args = append(args, "-agent", sshAgent, "-journal", journal, fmt.Sprintf("-buffered=%t", mode == "buffered"))
	}
	if profiles != "" {
		args = append(args, "-profile", filepath.Join(profiles, "ssh-"+name+".prof"))
	}
	path, err := build(ctx, b.work, program)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append(args, "-target", b.server.Addr(), "-user", b.server.User(),
		"-key", b.server.ClientKeyFile(), "-known-hosts", b.server.KnownHostsFile())...)
	cmd.Stderr = os.Stderr
	return startMiddle(cmd)
}

// writeClientConfig writes an ssh_config with a host for every leg.
func (b *sshBed) writeClientConfig() error {
	var config, known strings.Builder
	for _, l := range b.legs {
		host, port, err := net.SplitHostPort(l.addr)
		if err != nil {
			return err
		}
		fmt.Fprintf(&config, "Host %s\n\tHostName %s\n\tPort %s\n\tUser %s\n", l.name, host, port, l.user)
		fmt.Fprintln(&known, knownhosts.Line([]string{l.addr}, l.host))
	}
	fmt.Fprintf(&config, `Host *
	Ciphers %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
	StrictHostKeyChecking yes
	BatchMode yes
`, b.cipher, b.server.ClientKeyFile(), b.path("known_hosts"))
	return errors.Join(
		os.WriteFile(b.path("known_hosts"), []byte(known.String()), 0o600),
		os.WriteFile(b.path("ssh_config"), []byte(config.String()), 0o600),
	)
}

func (b *sshBed) path(name string) string { return filepath.Join(b.work, name) }

// client prepares one of OpenSSH's clients.
func (b *sshBed) client(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, append([]string{"-F", b.path("ssh_config")}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+b.work, "LC_ALL=C")
	return cmd
}

var negotiated = regexp.MustCompile(`(?m)^debug1: kex: \S+ cipher: (\S+) `)

// checkCipher runs a command through a leg and reads which cipher was agreed
// on. The server itself knows no other, so what comes after a relay has it too.
func (b *sshBed) checkCipher(ctx context.Context, l *sshLeg) error {
	out, err := b.client(ctx, "ssh", "-v", l.name, emptyCommand).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh: %w: %s", err, out)
	}
	found := negotiated.FindAllSubmatch(out, -1)
	if len(found) != 2 {
		return fmt.Errorf("ssh does not say which ciphers it uses: %s", out)
	}
	for _, f := range found {
		if string(f[1]) != b.cipher {
			return fmt.Errorf("the cipher is %s instead of %s", f[1], b.cipher)
		}
	}
	return nil
}

// dial connects through a leg with golang.org/x/crypto's client.
func (b *sshBed) dial(l *sshLeg) (*xssh.Client, error) {
	return xssh.Dial("tcp", l.addr, &xssh.ClientConfig{
		Config: xssh.Config{Ciphers: []string{b.cipher}},
		User:   l.user, Auth: []xssh.AuthMethod{xssh.PublicKeys(b.server.ClientKey())},
		HostKeyCallback: xssh.FixedHostKey(l.host), Timeout: 30 * time.Second,
	})
}

func (b *sshBed) close() error {
	var errs []error
	for _, l := range b.legs {
		if l.middle != nil {
			errs = append(errs, l.middle.stop())
		}
	}
	if b.server != nil {
		errs = append(errs, b.server.Close())
	}
	if b.work != "" {
		errs = append(errs, os.RemoveAll(b.work))
	}
	return errors.Join(errs...)
}
