package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// certificate makes a self-signed one for 127.0.0.1 and writes it as a CA file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestTLSOnBothSides(t *testing.T) {
	secure := pgservertest.Run(t, pgserver.Options{TLS: true})
	cert, ca := certificate(t)
	p := postgres.New(postgres.Config{Login: postgres.StaticLogin("postgres", secure.Password("postgres")), RequireTLS: true})
	r := start(t, options{
		plugin: p,
		target: func(tg *protocol.Target) {
			tg.Address, tg.Database = secure.Addr(), "postgres"
			tg.TLS = protocol.TargetTLS{CAFile: secure.CAFile()}
		},
		build: func(b *proxy.Builder) *proxy.Builder { return b.Certificate(cert) },
	})
	require.NoError(t, p.Ready(t.Context()))
	r.database = "postgres"
	dsn := strings.ReplaceAll(r.dsn(), "sslmode=disable", "")
	for _, mode := range []string{"sslmode=require", "sslmode=verify-full sslrootcert=" + ca} {
		c, err := pgx.Connect(t.Context(), dsn+mode)
		require.NoError(t, err, "%s %s", mode, r.Log)
		assert.True(t, value[bool](t, c, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "the leg to the target must be encrypted")
		// Waiting for a person reads ahead through TLS too.
		assert.Equal(t, 1, value[int](t, c, "SELECT 1"))
		require.NoError(t, c.Close(t.Context()))
	}
	_, err := pgx.Connect(t.Context(), dsn+"sslmode=disable")
	assert.Equal(t, "28000", code(unwrapConnect(err)), "%v", err)
}

// unwrapConnect finds the server's answer in a failed connect.
func unwrapConnect(err error) error {
	for err != nil {
		if pg, ok := err.(*pgconn.PgError); ok {
			return pg
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, one := range u.Unwrap() {
				if pg := unwrapConnect(one); pg != nil {
					return pg
				}
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

func TestTargetOfAnotherAuthorityIsNotTrusted(t *testing.T) {
	secure := pgservertest.Run(t, pgserver.Options{TLS: true})
	_, other := certificate(t)
	r := start(t, options{target: func(tg *protocol.Target) {
		tg.Address, tg.TLS = secure.Addr(), protocol.TargetTLS{CAFile: other}
	}})
	_, err := pgx.Connect(t.Context(), r.dsn())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "certificate", "clients need not know how the target is reached")
	assert.Eventually(t, func() bool { return r.Log.Contains("certificate") }, 5*time.Second, time.Millisecond, "%s", r.Log)
}

func TestWrongCredentials(t *testing.T) {
	r := start(t, options{})
	for name, change := range map[string]func(string) string{
		"wrong token": func(d string) string { return strings.ReplaceAll(d, r.token, "wrong") },
		"unknown user": func(d string) string {
			return strings.ReplaceAll(strings.ReplaceAll(d, "user=agent", "user=nobody"), r.token, "some-token-of-theirs")
		},
		"no token": func(d string) string { return strings.ReplaceAll(d, "password="+r.token, "") },
	} {
		_, err := pgx.Connect(t.Context(), change(r.dsn()))
		require.Error(t, err, name)
		if name != "no token" {
			assert.Equal(t, "28P01", code(unwrapConnect(err)), "%s: %v", name, err)
		}
	}
	r.Record.WaitForKind(t, recorder.KindRefused, 3) // who has no token sends an empty one
	// A client hears it before the log does.
	assert.Eventually(t, func() bool { return r.Log.Contains("client refused", "nobody") }, 5*time.Second, time.Millisecond, "%s", r.Log)
	assert.NotContains(t, r.Log.String(), r.token)
}

func TestExpiry(t *testing.T) {
	mint := proxytest.NewMint()
	token := mint.For(identity.Principal{Subject: "agent", Expires: time.Now().Add(2 * time.Second)})
	g := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).AllowAll().Listen("127.0.0.1:0", plugin,
			protocol.Target{Name: "shop", Address: server.Addr(), Database: newDatabase(t, ""), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}})
	})
	host, port, _ := net.SplitHostPort(g.Addr())
	dsn := fmt.Sprintf("host=%s port=%s user=agent password=%s sslmode=disable", host, port, token)
	c, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	assert.Equal(t, 1, value[int](t, c, "SELECT 1"))
	require.Eventually(t, func() bool {
		_, err = c.Exec(t.Context(), "SELECT 1")
		return err != nil
	}, 10*time.Second, 50*time.Millisecond)
	_, err = pgx.Connect(t.Context(), dsn)
	assert.Equal(t, "28000", code(unwrapConnect(err)), "%v", err)
}

func TestTargetIsDown(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	ln.Close()
	r := start(t, options{target: func(tg *protocol.Target) { tg.Address = address }})
	_, err = pgx.Connect(t.Context(), r.dsn())
	assert.Equal(t, "08001", code(unwrapConnect(err)), "%v", err)
	assert.ErrorContains(t, err, `target "shop" cannot be reached`)
	assert.NotContains(t, err.Error(), address)
	assert.Eventually(t, func() bool { return r.Log.Contains("refused") }, 5*time.Second, time.Millisecond, "%s", r.Log)
}

func TestTargetDiesMidResult(t *testing.T) {
	dying := pgservertest.Run(t)
	p := postgres.New(postgres.Config{Login: postgres.StaticLogin("postgres", dying.Password("postgres"))})
	r := start(t, options{plugin: p, target: func(tg *protocol.Target) { tg.Address, tg.Database = dying.Addr(), "postgres" }})
	require.NoError(t, p.Ready(t.Context()))
	r.database = "postgres"
	c := r.connect()
	rows, err := c.Query(t.Context(), "SELECT g, repeat('x', 1000) FROM generate_series(1, 10000000) g")
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, dying.Kill())
	for rows.Next() {
	}
	require.Error(t, rows.Err())
	r.Record.WaitForKind(t, recorder.KindSessionClosed, 1)
	ops := r.Record.Operations()
	assert.Equal(t, protocol.Unknown, ops[len(ops)-1].Outcome.Result, "%s", r.Record)
}

func TestGarbageBeforeTheStartupPacket(t *testing.T) {
	r := start(t, options{})
	for _, garbage := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff", strings.Repeat("\x00", 20_000), "\x00\x00\x00\x08\x04\xd2\x16\x2fEXTRA"} {
		conn := r.Dial(t)
		_, err := io.WriteString(conn, garbage)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, _ = io.Copy(io.Discard, conn) // ends: the gateway closed it
		_ = conn.Close()
	}
	assert.Empty(t, r.Sessions())
	assert.Equal(t, 1, value[int](t, r.connect(), "SELECT 1"))
}

func TestHalfOpenConnections(t *testing.T) {
	r := start(t, options{build: func(b *proxy.Builder) *proxy.Builder {
		return b.Limits(proxy.Limits{Handshake: 300 * time.Millisecond, Drain: -1})
	}})
	for _, first := range []string{"", "\x00", "\x00\x00\x00\x20\x00\x03\x00\x00user\x00age"} {
		conn := r.Dial(t)
		_, _ = io.WriteString(conn, first)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		start := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		assert.Less(t, time.Since(start), 5*time.Second)
	}
}

func TestAThousandConnectionsAtOnce(t *testing.T) {
	r := start(t, options{build: func(b *proxy.Builder) *proxy.Builder {
		return b.Limits(proxy.Limits{Sessions: 30, Handshake: 2 * time.Minute, Dial: time.Minute, Drain: -1})
	}})
	var served, limited, other atomic.Int32
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for range 1000 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
			defer cancel()
			c, err := pgx.Connect(ctx, r.dsn())
			switch {
			case err == nil:
				served.Add(1)
				<-gate
				_ = c.Close(ctx)
			case code(unwrapConnect(err)) == "53300":
				if limited.Add(1) == 970 {
					close(gate)
				}
			default:
				if other.Add(1) == 1 {
					t.Error(err)
					close(gate)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 30, served.Load())
	assert.EqualValues(t, 970, limited.Load())
	assert.Equal(t, 1, value[int](t, r.connect(), "SELECT 1"))
}

func TestRecordFails(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	_, err := c.Exec(t.Context(), "INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	r.Record.FailAfter(0)
	_, err = c.Exec(t.Context(), "INSERT INTO t VALUES (2)")
	require.Equal(t, "58000", code(err), "%v", err)
	assert.Equal(t, 1, value[int](t, r.direct(), "SELECT count(*) FROM t"))
	assert.True(t, r.Log.Contains("cannot record"), "%s", r.Log)
}

func TestRuleNamesATableThatIsNotThere(t *testing.T) {
	r := start(t, options{rules: append([]approve.Rule{{Name: "no-payroll", Verdict: protocol.Deny, Objects: []string{"payrol"}}}, allowEverything...)})
	_, err := pgx.Connect(t.Context(), r.dsn())
	require.ErrorContains(t, err, "rules name objects that the target does not have")
	assert.True(t, r.Log.Contains("payrol", "no-payroll"), "%s", r.Log)
}

func TestReplicationIsRefused(t *testing.T) {
	r := start(t, options{})
	_, err := pgconn.Connect(t.Context(), r.dsn("replication=database"))
	assert.Equal(t, "0A000", code(unwrapConnect(err)), "%v", err)
}

// Drivers set parameters by the startup parameter "options".
func TestOptionsOfTheStartup(t *testing.T) {
	r := start(t, options{setup: "CREATE SCHEMA \"a b\""})
	for given, want := range map[string]string{
		`-c search_path=public`: "public", `-csearch_path=public`: "public", `--search-path=public`: "public",
		`-c statement_timeout=0  -c search_path="a\ b",public `: `"a b",public`, ` `: `"$user", public`,
	} {
		config, err := pgx.ParseConfig(r.dsn())
		require.NoError(t, err)
		config.RuntimeParams["options"] = given
		c, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err, given)
		assert.Equal(t, want, value[string](t, c, "SHOW search_path"), given)
		require.NoError(t, c.Close(t.Context()))
	}
	for _, given := range []string{`-c role=postgres`, `-c session_authorization=x`, `-c`, `-c search_path`, `-d 5`, `-c user=x`, `-c client_encoding=SJIS`, `-c standard_conforming_strings=off`, `x`} {
		config, err := pgx.ParseConfig(r.dsn())
		require.NoError(t, err)
		config.RuntimeParams["options"] = given
		_, err = pgx.ConnectConfig(t.Context(), config)
		assert.ErrorContains(t, err, "0A000", given)
	}
}
