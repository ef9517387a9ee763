//go:build unix

package pgserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/internal/guard"
)

// Server is a private PostgreSQL server. Its methods are safe for concurrent
// use, but Stop, Restart and Kill each wait for the others.
type Server struct {
	options Options
	bin     string
	base    string // holds data, socket and log; removed in the end
	port    int
	account *account
	guard   *guard.Guard
	ca      *authority

	mu      sync.Mutex // the process and the end of it
	proc    *process
	stopped bool

	passwordsMu sync.Mutex
	passwords   map[string]string // by role
}

// Start starts a server and returns once it answers. ctx bounds the start, not
// the server's life: that ends with [Server.Stop] or with this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Auth == "" {
		o.Auth = "scram-sha-256"
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	account, err := serverAccount()
	if err != nil {
		return nil, err
	}
	base, err := account.makeDir(o.Dir)
	if err != nil {
		return nil, err
	}
	g, err := newGuard(base)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(base))
	}
	s := &Server{options: o, bin: bin, base: base, account: account, guard: g, passwords: map[string]string{}}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) setUp(ctx context.Context) error {
	if err := os.Mkdir(s.SocketDir(), 0o700); err != nil {
		return err
	}
	if err := s.account.own(s.SocketDir()); err != nil {
		return err
	}
	first, err := s.account.initData(s.bin, s.base, s.DataDir(), s.options)
	if err != nil {
		return err
	}
	if s.options.TLS {
		if s.ca, err = newAuthority(); err != nil {
			return err
		}
		if err := s.writeServerCertificate(); err != nil {
			return err
		}
	}
	if err := s.write("pg_hba.conf", s.options.hba()); err != nil {
		return err
	}
	if err := s.startOnFreePort(ctx); err != nil {
		return err
	}
	s.setPassword(Superuser, first)
	return s.AddRole(ctx, Superuser, rand.Text(), "")
}

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
		if err := s.write("postgresql.conf", s.options.settings(s.port, s.SocketDir())); err != nil {
			return err
		}
		err = s.start(ctx)
		if err == nil || attempt == 5 || !strings.Contains(s.Logs(), "Address already in use") {
			return err
		}
	}
}

// write makes a file in the data directory that only the server reads.
func (s *Server) write(name, content string) error {
	path := filepath.Join(s.DataDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return s.account.own(path)
}

// Host returns "127.0.0.1".
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the TCP port, which stays the same over restarts.
func (s *Server) Port() int { return s.port }

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host(), strconv.Itoa(s.port)) }

// SocketDir returns the directory of the Unix socket.
func (s *Server) SocketDir() string { return filepath.Join(s.base, "socket") }

// SocketPath returns the path of the Unix socket.
func (s *Server) SocketPath() string {
	return filepath.Join(s.SocketDir(), ".s.PGSQL."+strconv.Itoa(s.port))
}

// DataDir returns the data directory.
func (s *Server) DataDir() string { return filepath.Join(s.base, "data") }

// BinDir returns the directory of PostgreSQL's programs.
func (s *Server) BinDir() string { return s.bin }

// Command prepares a program to run as the user that the server runs as, in the
// data directory's parent, with a clean environment. What it starts is the
// caller's to stop.
func (s *Server) Command(program string, args ...string) *exec.Cmd {
	return s.account.command(s.base, program, args...)
}

// Password returns the password of the superuser or of a role that
// [Server.AddRole] made; empty for others.
func (s *Server) Password(role string) string {
	s.passwordsMu.Lock()
	defer s.passwordsMu.Unlock()
	return s.passwords[role]
}

func (s *Server) setPassword(role, password string) {
	s.passwordsMu.Lock()
	defer s.passwordsMu.Unlock()
	s.passwords[role] = password
}

// DSN returns a connection string, in URL form, for a role over TCP, with its
// password where the server knows it and with sslmode verify-full where the
// server has TLS, else disable.
func (s *Server) DSN(role, database string) string {
	u := url.URL{Scheme: "postgres", Host: s.Addr(), Path: "/" + database, User: url.User(role)}
	if password := s.Password(role); password != "" {
		u.User = url.UserPassword(role, password)
	}
	q := url.Values{"sslmode": {"disable"}}
	if s.options.TLS {
		q = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile()}}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// AddRole makes a role that may log in, or changes the password of one that
// exists. attributes are further words of CREATE ROLE, such as "SUPERUSER".
func (s *Server) AddRole(ctx context.Context, name, password, attributes string) error {
	ident := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	literal := "'" + strings.ReplaceAll(password, "'", "''") + "'"
	verb := "CREATE"
	if s.Password(name) != "" {
		verb = "ALTER"
	}
	if err := s.Exec(ctx, "postgres", verb+" ROLE "+ident+" LOGIN PASSWORD "+literal+" "+attributes); err != nil {
		return err
	}
	s.setPassword(name, password)
	return nil
}

// Exec runs statements as superuser, over the Unix socket.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	c, err := pgconn.ParseConfig("sslmode=disable application_name=pgserver")
	if err != nil {
		return err
	}
	c.Host, c.Port, c.Database = s.SocketDir(), uint16(s.port), database
	c.User, c.Password = Superuser, s.Password(Superuser)
	c.Fallbacks = nil
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("pgserver: connect: %w", err)
	}
	_, err = conn.Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// Logs returns the end of the server's log, at most 64 KiB.
func (s *Server) Logs() string {
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

func (s *Server) logFile() string { return filepath.Join(s.base, "log") }
