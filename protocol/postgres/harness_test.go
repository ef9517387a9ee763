package postgres_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// server is the private PostgreSQL of this package's tests; each test has a
// database of its own in it.
var server *pgserver.Server

// plugin is shared: its SQL parser takes seconds to warm up.
var plugin *postgres.Plugin

func TestMain(m *testing.M) {
	var err error
	ctx := context.Background()
	server, err = pgserver.Start(ctx, pgserver.Options{Conf: map[string]string{"max_connections": "300", "max_prepared_transactions": "10"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	plugin = postgres.New(postgres.Config{
		Login: postgres.StaticLogin("postgres", server.Password("postgres")), LoginTimeout: time.Minute, // machines of CI are slow
	})
	if err := plugin.Ready(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// rig is a gateway in front of a database of its own.
type rig struct {
	*proxytest.Gateway
	t        testing.TB
	database string
	token    string
	people   *proxytest.People
}

// options are what a rig is built with.
type options struct {
	rules  []approve.Rule // none: everything is allowed
	masks  []mask.Rule
	setup  string // SQL run in the database first
	plugin *postgres.Plugin
	target func(*protocol.Target)
	build  func(*proxy.Builder) *proxy.Builder
}

var allowEverything = []approve.Rule{{Name: "everything", Verdict: protocol.Allow, Effects: protocol.Everything}}

func start(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, database: newDatabase(t, o.setup), people: proxytest.NewPeople("people")}
	mint := proxytest.NewMint()
	r.token = mint.Token("agent", "agents")
	if o.plugin == nil {
		o.plugin = plugin
	}
	if o.rules == nil {
		o.rules = allowEverything
	}
	target := protocol.Target{Name: "shop", Address: server.Addr(), Database: r.database, TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
	if o.target != nil {
		o.target(&target)
	}
	r.Gateway = proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		b = b.Identify(mint).Approve(o.rules, r.people).Mask(o.masks...).Limits(proxy.Limits{Drain: -1}).
			Listen("127.0.0.1:0", o.plugin, target)
		if o.build != nil {
			b = o.build(b)
		}
		return b
	})
	return r
}

// newDatabase makes a database and runs SQL in it.
func newDatabase(t testing.TB, setup string) string {
	t.Helper()
	name := fmt.Sprintf("t%d", time.Now().UnixNano())
	ctx := t.Context()
	require.NoError(t, server.Exec(ctx, "postgres", "CREATE DATABASE "+name))
	if setup != "" {
		require.NoError(t, server.Exec(ctx, name, setup))
	}
	return name
}

// dsn is how a client connects.
func (r *rig) dsn(more ...string) string {
	host, port, _ := net.SplitHostPort(r.Addr())
	return fmt.Sprintf("host=%s port=%s user=agent password=%s dbname=%s sslmode=disable %s",
		host, port, r.token, r.database, strings.Join(more, " "))
}

// connect returns a pgx connection through the gateway.
func (r *rig) connect(more ...string) *pgx.Conn {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, r.dsn(more...))
	require.NoError(r.t, err, "%s", r.Log)
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

// direct returns a pgx connection past the gateway.
func (r *rig) direct() *pgx.Conn {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), server.DSN("postgres", r.database))
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// psql runs psql through the gateway and returns what it prints, errors too.
func (r *rig) psql(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, server.BinDir()+"/psql", append([]string{"-X", "-A", "-t", "-v", "VERBOSITY=verbose", r.dsn()}, args...)...)
	cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func value[T any](t testing.TB, c *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var v T
	require.NoError(t, c.QueryRow(ctx, sql, args...).Scan(&v), sql)
	return v
}

var _ = pgservertest.Run
