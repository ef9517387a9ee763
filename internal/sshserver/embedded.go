//go:build unix

package sshserver

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/internal/guard"
)

// EmbeddedUser is whom [Embedded] knows.
const EmbeddedUser = "demo"

// EmbeddedOptions says how an [Embedded] is set up. The zero value is good.
type EmbeddedOptions struct {
	// Addr is where it listens; the default is a free port of 127.0.0.1. The
	// address must be one of loopback.
	Addr string
	// AuthorizedKeys may log in besides [Embedded.ClientKey].
	AuthorizedKeys []ssh.PublicKey
	// Password may log in too; empty means none.
	Password string
}

// Embedded is a small SSH server in pure Go, to show things on: commands and
// shells by /bin/sh, without a terminal, and files by SFTP, all as this
// process's user and in a directory of its own. It forwards nothing. Its methods
// are safe for concurrent use.
type Embedded struct {
	listener net.Listener
	config   *ssh.ServerConfig
	dir      string
	guard    *guard.Guard
	hostKey  ssh.PublicKey
	client   ssh.Signer

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	work   sync.WaitGroup // accepting, and one for each connection
}

// StartEmbedded starts a server. It lives until [Embedded.Close], or as long
// as this process.
func StartEmbedded(o EmbeddedOptions) (*Embedded, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	addr, err := net.ResolveTCPAddr("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("sshserver: %w", err)
	}
	if !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("sshserver: %s is not on loopback; who logs in here may do what this process may", o.Addr)
	}
	e := &Embedded{conns: make(map[net.Conn]bool)}
	if err := e.configure(o); err != nil {
		return nil, err
	}
	if e.dir, err = makeDir(); err != nil {
		return nil, err
	}
	if e.guard, err = newGuard(e.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.dir))
	}
	if e.listener, err = net.ListenTCP("tcp", addr); err != nil {
		return nil, errors.Join(fmt.Errorf("sshserver: %w", err), e.guard.Finish())
	}
	e.work.Go(e.accept)
	return e, nil
}

func (e *Embedded) configure(o EmbeddedOptions) error {
	var signers [2]ssh.Signer
	for i := range signers {
		key, err := newKey()
		if err != nil {
			return err
		}
		if signers[i], err = ssh.NewSignerFromSigner(key); err != nil {
			return fmt.Errorf("sshserver: %w", err)
		}
	}
	e.hostKey, e.client = signers[0].PublicKey(), signers[1]
	good := map[string]bool{string(e.client.PublicKey().Marshal()): true}
	for _, key := range o.AuthorizedKeys {
		good[string(key.Marshal())] = true
	}
	refused := errors.New("refused")
	e.config = &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-sallyport-embedded",
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() != EmbeddedUser || !good[string(key.Marshal())] {
				return nil, refused
			}
			return nil, nil
		},
	}
	if o.Password != "" {
		e.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != EmbeddedUser || subtle.ConstantTimeCompare(password, []byte(o.Password)) != 1 {
				return nil, refused
			}
			return nil, nil
		}
	}
	e.config.AddHostKey(signers[0])
	return nil
}

// Addr returns host:port.
func (e *Embedded) Addr() string { return e.listener.Addr().String() }

// User returns [EmbeddedUser].
func (e *Embedded) User() string { return EmbeddedUser }

// HostKey returns the server's host key.
func (e *Embedded) HostKey() ssh.PublicKey { return e.hostKey }

// KnownHosts returns a line for known_hosts.
func (e *Embedded) KnownHosts() string {
	return knownhosts.Line([]string{e.Addr()}, e.hostKey) + "\n"
}

// ClientKey returns a key that may log in.
func (e *Embedded) ClientKey() ssh.Signer { return e.client }

// Dir returns the directory that sessions start in and that HOME names.
func (e *Embedded) Dir() string { return e.dir }

// Close ends all connections and what runs over them, and removes the
// directory. Later calls do nothing and return nil.
func (e *Embedded) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	err := e.listener.Close()
	for c := range e.conns {
		_ = c.Close()
	}
	e.mu.Unlock()
	// The guard kills also what would keep a session waiting.
	err = errors.Join(err, e.guard.Finish())
	e.work.Wait()
	if _, serr := os.Lstat(e.dir); !os.IsNotExist(serr) {
		err = errors.Join(err, fmt.Errorf("sshserver: %s could not be removed", e.dir))
	}
	return err
}

func (e *Embedded) accept() {
	for {
		c, err := e.listener.Accept()
		if err != nil {
			return
		}
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			_ = c.Close()
			return
		}
		e.conns[c] = true
		e.mu.Unlock()
		e.work.Go(func() {
			e.serve(c)
			_ = c.Close()
			e.mu.Lock()
			delete(e.conns, c)
			e.mu.Unlock()
		})
	}
}
