package login_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// front is a gateway's front half: it lets clients log in and answers "select 1".
type front struct {
	addr    string
	accept  login.AcceptOptions
	options login.AuthenticateOptions
	engine  *engine

	mu    sync.Mutex
	began int
	seen  []seen
}

type seen struct {
	who     identity.Proven
	tls     bool
	startup wire.Startup
	err     error
}

func (f *front) start(t *testing.T) *front {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	f.addr = l.Addr().String()
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.began++
			f.mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				f.serve(ctx, conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	return f
}

func (f *front) note(s seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, s)
}

// last waits for what became of the latest connection.
func (f *front) last(t *testing.T) seen {
	t.Helper()
	var s seen
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.seen) == 0 || len(f.seen) < f.began {
			return false
		}
		s = f.seen[len(f.seen)-1]
		return true
	}, 5*time.Second, time.Millisecond)
	return s
}

func (f *front) serve(ctx context.Context, conn net.Conn) {
	c, err := login.Accept(ctx, conn, f.accept)
	if err != nil {
		f.note(seen{err: err})
		return
	}
	if c.Startup.Kind == wire.CancelRequest {
		f.note(seen{startup: c.Startup, tls: c.TLS})
		return
	}
	o := f.options
	o.Private = o.Private || c.TLS
	who, err := login.Authenticate(ctx, c.Conn, f.engine.gate(), c.Startup.Params.Get("user"), o)
	f.note(seen{who, c.TLS, c.Startup, err})
	if err != nil {
		return
	}
	b := wire.AppendAuthenticationOK(nil)
	b = wire.AppendParameterStatus(b, "client_encoding", "UTF8")
	b = wire.AppendParameterStatus(b, "server_version", "15.0")
	b = wire.AppendParameterStatus(b, "standard_conforming_strings", "on")
	b = wire.AppendBackendKeyData(b, 7, []byte("abcd"))
	_, _ = c.Conn.Write(wire.AppendReadyForQuery(b, 'I'))
	r := wire.NewReader(c.Conn, 0)
	for r.Fill() == nil {
		for {
			p, ok, err := r.Next()
			if err != nil || !ok {
				break
			}
			if p.Type != wire.TypeQuery {
				return
			}
			text, _ := wire.ParseQuery(p.Body())
			b := wire.AppendEmpty(nil, wire.TypeEmptyQueryResponse)
			if string(text) == "select 1" {
				b = wire.AppendRowDescription(nil, []wire.Column{{Name: []byte("one"), Type: 23, Size: 4, Mod: -1}})
				b = wire.AppendDataRow(b, [][]byte{[]byte("1")})
				b = wire.AppendCommandComplete(b, "SELECT 1")
			}
			_, _ = c.Conn.Write(wire.AppendReadyForQuery(b, 'I'))
		}
	}
}

// client runs one client program or driver against a DSN.
type client func(t *testing.T, dsn string) error

func psql(t *testing.T, dsn string) error {
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-w", "-At", "-c", "select 1", dsn)
	cmd.Env = []string{"LC_ALL=C", "HOME=/nonexistent", "PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err == nil && strings.TrimSpace(string(out)) == "1" {
		return nil
	}
	return fmt.Errorf("psql: %v: %s", err, out)
}

func pgx(t *testing.T, dsn string) error {
	c, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		return err
	}
	_, err = c.Exec(t.Context(), "select 1").ReadAll()
	return errors.Join(err, c.Close(t.Context()))
}

func libpq(t *testing.T, dsn string) error {
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	return db.PingContext(t.Context())
}

var clients = map[string]client{"psql": psql, "pgx": pgx, "lib/pq": libpq}

func (f *front) dsn(user, password, sslmode, ca string) string {
	dsn := fmt.Sprintf("postgres://%s:%s@%s/db?sslmode=%s", user, password, f.addr, sslmode)
	if ca != "" {
		dsn += "&sslrootcert=" + ca
	}
	return dsn
}

func TestRealClients(t *testing.T) {
	cert, ca := certificate(t)
	for name, run := range clients {
		t.Run(name, func(t *testing.T) {
			f := (&front{
				accept: login.AcceptOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
				engine: &engine{static: map[string]string{"agent": "static-token"}, tokens: map[string]error{
					"jwt-token": nil, "old": identity.ErrExpired, "down": identity.ErrUnavailable}},
			}).start(t)

			// SCRAM, in the clear and through TLS: the token does not travel.
			require.NoError(t, run(t, f.dsn("agent", "static-token", "disable", "")))
			assert.Equal(t, proven("agent", identity.SchemeSCRAMSHA256), f.last(t).who)
			require.NoError(t, run(t, f.dsn("agent", "static-token", "verify-full", ca)))
			assert.True(t, f.last(t).tls)
			assert.Equal(t, "db", f.last(t).startup.Params.Get("database"))

			// A token of an identity provider goes through TLS only.
			require.NoError(t, run(t, f.dsn("me", "jwt-token", "verify-full", ca)))
			assert.Equal(t, proven("jwt", identity.SchemeToken), f.last(t).who)
			err := run(t, f.dsn("me", "jwt-token", "disable", ""))
			require.ErrorContains(t, err, `password authentication failed for user "me"`)

			for password, words := range map[string]string{
				"wrong": `password authentication failed for user "me"`,
				"old":   `the credentials of user "me" have expired`,
				"down":  "the identity provider is not available",
			} {
				require.ErrorContains(t, run(t, f.dsn("me", password, "verify-full", ca)), words)
			}
			err = run(t, f.dsn("agent", "wrong", "disable", ""))
			require.ErrorContains(t, err, `password authentication failed for user "agent"`)
			var refused *login.Refused
			require.ErrorAs(t, f.last(t).err, &refused)
			assert.Equal(t, "agent", refused.User)
			assert.Equal(t, "28P01", refused.Told.Code)
			require.ErrorIs(t, refused, identity.ErrRefused)
		})
	}
}

func TestClientsMustUseTLS(t *testing.T) {
	cert, ca := certificate(t)
	for name, run := range clients {
		t.Run(name, func(t *testing.T) {
			f := (&front{
				accept: login.AcceptOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, RequireTLS: true},
				engine: &engine{static: map[string]string{"agent": "static-token"}},
			}).start(t)
			require.ErrorContains(t, run(t, f.dsn("agent", "static-token", "disable", "")), "through TLS only")
			require.NoError(t, run(t, f.dsn("agent", "static-token", "require", ca)))
		})
	}
}

// Whoever asks for TLS where there is none falls back or leaves, as sslmode says.
func TestClientsWithoutTLS(t *testing.T) {
	f := (&front{engine: &engine{static: map[string]string{"agent": "static-token"}}}).start(t)
	require.NoError(t, psql(t, f.dsn("agent", "static-token", "prefer", "")))
	assert.False(t, f.last(t).tls)
	require.Error(t, psql(t, f.dsn("agent", "static-token", "require", "")))
	assert.ErrorIs(t, f.last(t).err, io.EOF)
}

// Clients that ask for a newer protocol are told that it is 3.0, and go on.
func TestClientsOfNewerProtocols(t *testing.T) {
	f := (&front{engine: &engine{static: map[string]string{"agent": "static-token"}}}).start(t)
	for name, run := range map[string]client{"pgx": pgx, "lib/pq": libpq} {
		require.NoError(t, run(t, f.dsn("agent", "static-token", "disable", "")+"&max_protocol_version=3.2"), name)
		assert.Equal(t, uint16(2), f.last(t).startup.Minor, name)
		require.Error(t, run(t, f.dsn("agent", "static-token", "disable", "")+"&max_protocol_version=3.2&min_protocol_version=3.2"), name)
	}
}

func TestDirectTLS(t *testing.T) {
	cert, ca := certificate(t)
	f := (&front{
		accept: login.AcceptOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, RequireTLS: true},
		engine: &engine{static: map[string]string{"agent": "static-token"}},
	}).start(t)
	require.NoError(t, pgx(t, f.dsn("agent", "static-token", "verify-full", ca)+"&sslnegotiation=direct"))
	assert.True(t, f.last(t).tls)

	conn, err := tls.Dial("tcp", f.addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	typ, m := readError(t, conn)
	assert.Equal(t, byte(wire.TypeErrorResponse), typ)
	assert.Contains(t, m.Text, "ALPN")

	f = (&front{engine: &engine{}}).start(t)
	_, err = tls.Dial("tcp", f.addr, &tls.Config{InsecureSkipVerify: true})
	require.Error(t, err)
}

func readError(t *testing.T, r io.Reader) (byte, wire.Message) {
	t.Helper()
	wr := wire.NewReader(r, 0)
	for {
		if p, ok, err := wr.Next(); ok {
			m, err := wire.ParseMessage(p.Body())
			require.NoError(t, err)
			return p.Type, m
		} else {
			require.NoError(t, err)
		}
		require.NoError(t, wr.Fill())
	}
}
