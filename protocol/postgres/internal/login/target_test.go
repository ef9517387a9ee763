package login_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// server has a role for each way to log in.
func server(t *testing.T) *pgserver.Server {
	s := pgservertest.Run(t, pgserver.Options{TLS: true, HBA: []string{
		"host all scram,\"o'brien\",ümlaut 127.0.0.1/32 scram-sha-256",
		"host all md5 127.0.0.1/32 md5",
		"host all cleartext 127.0.0.1/32 password",
		"host all trusted 127.0.0.1/32 trust",
		"hostssl all cert 127.0.0.1/32 cert",
		"hostssl all tlsonly 127.0.0.1/32 scram-sha-256",
		"host all tlsonly,cert 127.0.0.1/32 reject",
	}})
	for _, role := range []string{"scram", "cleartext", "trusted", "cert", "tlsonly", "o'brien"} {
		require.NoError(t, s.AddRole(t.Context(), role, rand.Text(), ""))
	}
	require.NoError(t, s.AddRole(t.Context(), "ümlaut", "pässwörd\u00a0Ⅸ\u0627\u0628x", ""))
	require.NoError(t, s.Exec(t.Context(), "postgres", "set password_encryption = md5; create role md5 login password 'md5-password'"))
	return s
}

func target(s *pgserver.Server, secured bool) protocol.Target {
	target := protocol.Target{Name: "db", Address: s.Addr(), Database: "postgres"}
	if secured {
		target.TLS.CAFile = s.CAFile()
	} else {
		target.TLS.Mode = protocol.TLSDisable
	}
	return target
}

func connect(t *testing.T, target protocol.Target, l login.Login, params ...wire.StartupParam) (*login.Server, error) {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(target.Address, "/") {
		network = "unix"
	}
	conn, err := net.Dial(network, target.Address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return login.Connect(ctx, conn, target, l, params)
}

// ask runs a query and returns its first value.
func ask(t *testing.T, conn io.ReadWriter, query string) string {
	t.Helper()
	_, err := conn.Write(wire.AppendQuery(nil, query))
	require.NoError(t, err)
	answer := ""
	for {
		typ, body, err := readOne(conn)
		require.NoError(t, err)
		switch typ {
		case wire.TypeDataRow:
			row, err := wire.ParseDataRow(body)
			require.NoError(t, err)
			v, _ := row.Next()
			answer = string(v)
		case wire.TypeErrorResponse:
			m, _ := wire.ParseMessage(body)
			answer = m.Code
		case wire.TypeReadyForQuery:
			return answer
		}
	}
}

func TestRealTarget(t *testing.T) {
	s := server(t)
	for name, test := range map[string]func(*testing.T, *pgserver.Server){
		"every way": everyWay, "refused": refusedByTarget, "verified": verifiesTheTarget,
		"nothing in the clear": sendsNothingInTheClear, "cancel": cancels,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func everyWay(t *testing.T, s *pgserver.Server) {
	certificate, err := s.ClientCertificate("cert")
	require.NoError(t, err)
	logins := map[string]login.Login{"cert": {Certificate: &certificate}, "md5": {Password: login.NewSecret("md5-password")}, "trusted": {}}
	for _, role := range []string{"scram", "cleartext", "tlsonly", "o'brien", "ümlaut"} {
		logins[role] = login.Login{Password: login.NewSecret(s.Password(role))}
	}
	for role, l := range logins {
		l.User = role
		for _, secured := range []bool{true, false} {
			if !secured && (role == "cert" || role == "tlsonly") {
				_, err := connect(t, target(s, false), l)
				var refused *login.TargetError
				require.ErrorAs(t, err, &refused, role)
				require.Equal(t, "28000", refused.Code, role)
				continue
			}
			srv, err := connect(t, target(s, secured), l, wire.StartupParam{Name: "application_name", Value: "sallyport s1"},
				wire.StartupParam{Name: "user", Value: "postgres"}, wire.StartupParam{Name: "replication", Value: "true"}, wire.StartupParam{Name: "database", Value: "nope"})
			require.NoError(t, err, "%s, TLS %t", role, secured)
			_, encrypted := srv.Conn.(*tls.Conn)
			assert.Equal(t, secured, encrypted)
			assert.Equal(t, role, ask(t, srv.Conn, "select current_user"))
			assert.Equal(t, "postgres", ask(t, srv.Conn, "select current_database()"))
			assert.Equal(t, "sallyport s1", srv.Params.Get("application_name"))
			assert.Equal(t, "UTF8", srv.Params.Get("server_encoding"))
			assert.NotZero(t, srv.PID)
			assert.Len(t, srv.Key, 4)
		}
	}

	// Over the Unix socket there is no TLS and none is asked for.
	l := logins["scram"]
	l.User, l.Database = "scram", "template1"
	srv, err := connect(t, protocol.Target{Address: s.SocketPath(), Database: "postgres"}, l)
	require.NoError(t, err)
	assert.Equal(t, "template1", ask(t, srv.Conn, "select current_database()"))
}

func refusedByTarget(t *testing.T, s *pgserver.Server) {
	secret := login.NewSecret("wrong-canary")
	for name, c := range map[string]struct {
		l    login.Login
		code string
		text string
	}{
		"wrong scram":     {login.Login{User: "scram", Password: secret}, "28P01", ""},
		"wrong md5":       {login.Login{User: "md5", Password: secret}, "28P01", ""},
		"wrong cleartext": {login.Login{User: "cleartext", Password: secret}, "28P01", ""},
		"unknown role":    {login.Login{User: "nobody", Password: secret}, "28P01", ""},
		"no database":     {login.Login{User: "trusted", Database: "nope"}, "3D000", ""},
		"no certificate":  {login.Login{User: "cert"}, "28000", ""},
		"no password":     {login.Login{User: "scram"}, "", "no Password"},
		"no user":         {login.Login{}, "", "no User"},
		"echoed":          {login.Login{User: "wrong-canary", Password: secret}, "28P01", `"[secret]"`},
	} {
		_, err := connect(t, target(s, true), c.l)
		require.ErrorContains(t, err, c.text, name)
		assert.NotContains(t, err.Error(), "canary", name)
		if c.code != "" {
			var refused *login.TargetError
			require.ErrorAs(t, err, &refused, name)
			assert.Equal(t, c.code, refused.Code, name)
			assert.Equal(t, "FATAL", refused.Severity, name)
		}
	}
}

func verifiesTheTarget(t *testing.T, s *pgserver.Server) {
	l := login.Login{User: "scram", Password: login.NewSecret(s.Password("scram"))}
	unknownCA, wrongName, noFile, noPEM := target(s, true), target(s, true), target(s, true), target(s, true)
	_, unknownCA.TLS.CAFile = certificate(t)
	wrongName.TLS.ServerName = "db.example.com"
	noFile.TLS.CAFile += ".not"
	noPEM.TLS.CAFile = "target_test.go"
	system := target(s, true)
	system.TLS.CAFile = ""
	for words, target := range map[string]protocol.Target{
		"unknown authority": unknownCA, "db.example.com": wrongName, "no such file": noFile, "no certificate": noPEM, "x509": system,
	} {
		_, err := connect(t, target, l)
		require.ErrorContains(t, err, words)
	}

	plain := pgservertest.Run(t)
	_, err := connect(t, protocol.Target{Address: plain.Addr()}, login.Login{User: "postgres"})
	require.ErrorContains(t, err, "does not offer TLS")
}

// The name and everything else goes through TLS.
func sendsNothingInTheClear(t *testing.T, s *pgserver.Server) {
	real, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer real.Close()
	spy := &spyConn{Conn: real}
	_, err = login.Connect(t.Context(), spy, target(s, true), login.Login{User: "scram", Password: login.NewSecret(s.Password("scram"))}, nil)
	require.NoError(t, err)
	assert.Equal(t, sslRequest, spy.sent[:8])
	assert.Equal(t, byte(0x16), spy.sent[8])
	assert.NotContains(t, string(spy.sent), "scram")
}

type spyConn struct {
	net.Conn
	sent []byte
}

func (s *spyConn) Write(b []byte) (int, error) {
	s.sent = append(s.sent, b...)
	return s.Conn.Write(b)
}

func cancels(t *testing.T, s *pgserver.Server) {
	for _, secured := range []bool{true, false} {
		l := login.Login{User: "scram", Password: login.NewSecret(s.Password("scram"))}
		srv, err := connect(t, target(s, secured), l)
		require.NoError(t, err)
		answer := make(chan string)
		go func() { answer <- ask(t, srv.Conn, "select pg_sleep(30)") }()
		var got string
		require.Eventually(t, func() bool { // the query may not have started
			conn, err := net.Dial("tcp", s.Addr())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, login.Cancel(t.Context(), conn, target(s, secured), l, srv.PID, srv.Key))
			select {
			case got = <-answer:
				return true
			case <-time.After(50 * time.Millisecond):
				return false
			}
		}, 10*time.Second, time.Millisecond)
		assert.Equal(t, "57014", got)
	}
}
