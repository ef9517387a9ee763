//go:build unix

package sshserver

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/internal/guard"
)

// Server is a private OpenSSH server. Its methods are safe for concurrent use.
type Server struct {
	options  Options
	sshd     string
	base     string // holds all files; removed in the end
	user     string
	port     int
	hostKeys []ssh.PublicKey
	client   ssh.Signer
	guard    *guard.Guard
	proc     *process

	closing sync.Once
	closed  error
}

// Start starts sshd and returns once it listens. ctx bounds the start, not the
// server's life: that ends with [Server.Close] or with this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	sshd, err := find()
	if err != nil {
		return nil, err
	}
	u, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("sshserver: who runs this: %w", err)
	}
	base, err := makeDir()
	if err != nil {
		return nil, err
	}
	g, err := newGuard(base)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(base))
	}
	s := &Server{options: o, sshd: sshd, base: base, user: u.Username, guard: g}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// makeDir makes the directory of a server. Paths of sockets in it are limited
// to about 100 bytes, and sshd_config knows no spaces in names.
func makeDir() (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 || strings.ContainsAny(parent, " \t\"'#%\\") || !filepath.IsAbs(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "sallyport-ssh-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

func (s *Server) setUp(ctx context.Context) error {
	if os.Geteuid() == 0 {
		// Where sshd shuts in what has not logged in yet. It has to be there,
		// by this name, and systemd makes it only where sshd is a service.
		if err := os.Mkdir("/run/sshd", 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("sshserver: %w", err)
		}
	}
	if err := os.Mkdir(s.Dir(), 0o700); err != nil {
		return err
	}
	// sshd starts commands in the account's home. bash reads the one, in a
	// terminal the other.
	for _, name := range []string{".bashrc", ".profile"} {
		if err := os.WriteFile(filepath.Join(s.Dir(), name), []byte("cd\n"), 0o600); err != nil {
			return err
		}
	}
	if err := s.writeHostKeys(); err != nil {
		return err
	}
	if err := s.writeClient(); err != nil {
		return err
	}
	err := errors.Join(
		s.writeKeys("authorized_keys", append([]ssh.PublicKey{s.client.PublicKey()}, s.options.AuthorizedKeys...)),
		s.writeKeys("user_ca", s.options.UserCAs),
		os.WriteFile(filepath.Join(s.base, "principals"), []byte(strings.Join(s.options.UserPrincipals, "\n")+"\n"), 0o600),
	)
	if err != nil {
		return err
	}
	if err := s.startOnFreePort(ctx); err != nil {
		return err
	}
	return s.writeClientConfig()
}

func newKey() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(nil)
	return key, err
}

// writeKey writes a private key as OpenSSH keeps it.
func writeKey(path string, key crypto.Signer) (ssh.Signer, error) {
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, fmt.Errorf("sshserver: %w", err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		return nil, fmt.Errorf("sshserver: %w", err)
	}
	return signer, os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600)
}

func (s *Server) writeKeys(name string, keys []ssh.PublicKey) error {
	var b bytes.Buffer
	for _, key := range keys {
		b.Write(ssh.MarshalAuthorizedKey(key))
	}
	return os.WriteFile(filepath.Join(s.base, name), b.Bytes(), 0o600)
}

func (s *Server) hostKeyFile(i int) string {
	return filepath.Join(s.base, fmt.Sprintf("host_key_%d", i))
}

func (s *Server) writeHostKeys() error {
	keys := s.options.HostKeys
	if len(keys) == 0 {
		key, err := newKey()
		if err != nil {
			return err
		}
		keys = []crypto.Signer{key}
	}
	for i, key := range keys {
		signer, err := writeKey(s.hostKeyFile(i), key)
		if err != nil {
			return err
		}
		s.hostKeys = append(s.hostKeys, signer.PublicKey())
		if s.options.HostCA == nil {
			continue
		}
		now := time.Now()
		cert := &ssh.Certificate{
			Key: signer.PublicKey(), CertType: ssh.HostCert, KeyId: "sallyport test host", ValidPrincipals: []string{"127.0.0.1", "localhost"},
			ValidAfter: uint64(now.Add(-time.Hour).Unix()), ValidBefore: uint64(now.Add(24 * time.Hour).Unix()),
		}
		if s.options.HostCertificate != nil {
			s.options.HostCertificate(cert)
		}
		if err := cert.SignCert(rand.Reader, s.options.HostCA); err != nil {
			return fmt.Errorf("sshserver: sign the host's certificate: %w", err)
		}
		if err := os.WriteFile(s.hostKeyFile(i)+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) writeClient() error {
	key, err := newKey()
	if err != nil {
		return err
	}
	s.client, err = writeKey(s.ClientKeyFile(), key)
	return err
}

// writeClientConfig writes what OpenSSH's client needs to come here.
func (s *Server) writeClientConfig() error {
	config := fmt.Sprintf(`Host target
	HostName 127.0.0.1
	Port %d
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
	StrictHostKeyChecking yes
	BatchMode yes
`, s.port, s.user, s.ClientKeyFile(), s.KnownHostsFile())
	return errors.Join(
		os.WriteFile(s.ClientConfigFile(), []byte(config), 0o600),
		os.WriteFile(s.KnownHostsFile(), []byte(s.KnownHosts()), 0o600),
	)
}

// Addr returns host:port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// User returns the name to log in as: this process's own user.
func (s *Server) User() string { return s.user }

// HostKey returns the first of the server's host keys.
func (s *Server) HostKey() ssh.PublicKey { return s.hostKeys[0] }

// KnownHosts returns a line for known_hosts for each host key, and one for the
// authority that signed them, where there is one.
func (s *Server) KnownHosts() string {
	var b strings.Builder
	for _, key := range s.hostKeys {
		b.WriteString(knownhosts.Line([]string{s.Addr()}, key) + "\n")
	}
	if s.options.HostCA != nil {
		b.WriteString("@cert-authority " + knownhosts.Line([]string{s.Addr()}, s.options.HostCA.PublicKey()) + "\n")
	}
	return b.String()
}

// ClientKey returns a key that may log in.
func (s *Server) ClientKey() ssh.Signer { return s.client }

// ClientKeyFile returns the path of that key in OpenSSH's format.
func (s *Server) ClientKeyFile() string { return filepath.Join(s.base, "client_key") }

// KnownHostsFile returns the path of a file with [Server.KnownHosts].
func (s *Server) KnownHostsFile() string { return filepath.Join(s.base, "known_hosts") }

// ClientConfigFile returns the path of an ssh_config by which OpenSSH's clients
// come here under the name "target": ssh -F file target.
func (s *Server) ClientConfigFile() string { return filepath.Join(s.base, "ssh_config") }

// Dir returns the directory that sessions start in and that HOME names. Two
// small files of the shell's are in it, hidden by a dot.
func (s *Server) Dir() string { return filepath.Join(s.base, "home") }
