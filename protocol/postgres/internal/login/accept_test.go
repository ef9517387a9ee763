package login_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

func startup(version uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	return append(binary.BigEndian.AppendUint32(b, version), rest...)
}

const me = "user\x00me\x00\x00"

var (
	sslRequest = wire.AppendSSLRequest(nil)
	gssRequest = startup(80877104, "")
)

// dialogue has a client send bytes at once and returns what Accept made of
// them and everything that it answered.
func dialogue(t *testing.T, o login.AcceptOptions, send ...[]byte) (*login.Client, []byte, error) {
	t.Helper()
	client, server := net.Pipe()
	var all []byte
	for _, s := range send {
		all = append(all, s...)
	}
	answers := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(client)
		answers <- b
	}()
	go func() { _, _ = client.Write(all) }()
	c, err := login.Accept(t.Context(), server, o)
	require.NoError(t, server.Close())
	answered := <-answers
	_ = client.Close()
	return c, answered, err
}

func TestAccept(t *testing.T) {
	c, answer, err := dialogue(t, login.AcceptOptions{}, startup(3<<16, me))
	require.NoError(t, err)
	assert.Empty(t, answer)
	assert.Equal(t, "me", c.Startup.Params.Get("user"))

	_, answer, err = dialogue(t, login.AcceptOptions{}, gssRequest, sslRequest, startup(3<<16, me))
	require.NoError(t, err)
	assert.Equal(t, "NN", string(answer))

	c, answer, err = dialogue(t, login.AcceptOptions{RequireTLS: true}, wire.AppendCancelRequest(nil, 9, []byte("key!")))
	require.NoError(t, err)
	assert.Empty(t, answer)
	assert.Equal(t, wire.Startup{Kind: wire.CancelRequest, PID: 9, Key: []byte("key!")}, c.Startup)

	_, answer, err = dialogue(t, login.AcceptOptions{}, startup(3<<16|2, "user\x00me\x00_pq_.x\x00\x00\x00"))
	require.NoError(t, err)
	assert.Equal(t, wire.AppendNegotiateProtocolVersion(nil, "_pq_.x"), answer)

	_, err = login.Accept(t.Context(), &script{}, login.AcceptOptions{})
	assert.Equal(t, io.EOF, err)
}

func TestAcceptRefuses(t *testing.T) {
	cert, _ := certificate(t)
	withTLS := &tls.Config{Certificates: []tls.Certificate{cert}}
	for name, c := range map[string]struct {
		options login.AcceptOptions
		send    [][]byte
		code    string
	}{
		"version 2":         {send: [][]byte{startup(2<<16, me)}, code: "0A000"},
		"garbage":           {send: [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, code: "08P01"},
		"no user":           {send: [][]byte{startup(3<<16, "database\x00db\x00\x00")}, code: "28000"},
		"empty user":        {send: [][]byte{startup(3<<16, "user\x00\x00\x00")}, code: "28000"},
		"SSLRequest twice":  {send: [][]byte{sslRequest, sslRequest}, code: "08P01"},
		"GSSENC twice":      {send: [][]byte{gssRequest, gssRequest}, code: "08P01"},
		"GSSENC after SSL":  {send: [][]byte{sslRequest, gssRequest}, code: "08P01"},
		"no TLS":            {options: login.AcceptOptions{TLS: withTLS, RequireTLS: true}, send: [][]byte{startup(3<<16, me)}, code: "28000"},
		"parameter twice":   {send: [][]byte{startup(3<<16, "user\x00me\x00user\x00you\x00\x00")}, code: "08P01"},
		"required, no cert": {options: login.AcceptOptions{RequireTLS: true}, send: [][]byte{sslRequest, startup(3<<16, me)}, code: "28000"},
	} {
		_, answer, err := dialogue(t, c.options, c.send...)
		var refused *login.Refused
		require.ErrorAs(t, err, &refused, name)
		assert.Equal(t, c.code, refused.Told.Code, name)
		for len(answer) > 0 && answer[0] == 'N' {
			answer = answer[1:]
		}
		require.NotEmpty(t, answer, name)
		m, perr := wire.ParseMessage(answer[5:])
		require.NoError(t, perr, name)
		assert.Equal(t, refused.Told, m, name)
		assert.Equal(t, wire.SeverityFatal, m.Severity, name)
	}
}

// CVE-2021-23214: what a client sent in the clear behind its request for TLS
// must not count as sent through TLS.
func TestAcceptTakesNothingInTheClear(t *testing.T) {
	cert, _ := certificate(t)
	c, answer, err := dialogue(t, login.AcceptOptions{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
		sslRequest, startup(3<<16, me))
	assert.Nil(t, c)
	require.ErrorContains(t, err, "TLS handshake failed")
	assert.Equal(t, byte('S'), answer[0])
}

func TestAcceptInsideTLS(t *testing.T) {
	cert, _ := certificate(t)
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
	}}
	for name, c := range map[string]struct {
		send []byte
		code string
	}{
		"startup":     {startup(3<<16, me), ""},
		"SSL again":   {sslRequest, "08P01"},
		"GSSENC then": {gssRequest, "08P01"},
	} {
		client, server := net.Pipe()
		go func() {
			_, _ = client.Write(sslRequest)
			_, _ = io.ReadFull(client, make([]byte, 1))
			secured := tls.Client(client, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"postgresql"}})
			_, _ = secured.Write(c.send)
			_, _ = io.Copy(io.Discard, secured)
		}()
		got, err := login.Accept(t.Context(), server, login.AcceptOptions{TLS: config, RequireTLS: true})
		if c.code == "" {
			require.NoError(t, err, name)
			assert.True(t, got.TLS)
			assert.Equal(t, "postgresql", got.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol)
		} else {
			var refused *login.Refused
			require.ErrorAs(t, err, &refused, name)
			assert.Equal(t, c.code, refused.Told.Code, name)
		}
		_ = server.Close()
		_ = client.Close()
	}
}

// A client that says nothing is let go when ctx ends.
func TestAcceptEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := login.Accept(ctx, server, login.AcceptOptions{})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAuthenticateEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		answer := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(client)
			answer <- b
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e := &engine{tokens: map[string]error{}}
		_, err := login.Authenticate(ctx, server, e.gate(), "me", login.AuthenticateOptions{Private: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_ = server.Close()
		b := <-answer
		assert.Contains(t, string(b), "took too long")
	})
}

// offered returns the request for authentication that a name gets.
func offered(t *testing.T, e *engine, user string, o login.AuthenticateOptions) (wire.Authentication, wire.Message) {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := login.Authenticate(t.Context(), server, e.gate(), user, o)
		assert.Error(t, err)
		_ = server.Close()
	}()
	defer func() { _ = client.Close(); <-done }()
	r := wire.NewReader(client, 0)
	require.NoError(t, r.Fill())
	p, ok, err := r.Next()
	require.NoError(t, err)
	require.True(t, ok)
	if p.Type == wire.TypeErrorResponse {
		m, err := wire.ParseMessage(p.Body())
		require.NoError(t, err)
		return wire.Authentication{}, m
	}
	a, err := wire.ParseAuthentication(p.Body())
	require.NoError(t, err)
	return a, wire.Message{}
}

func TestSchemes(t *testing.T) {
	static := map[string]string{"known": "secret"}
	tokens := map[string]error{"jwt": nil}
	both, onlyStatic, onlyTokens := &engine{static: static, tokens: tokens}, &engine{static: static}, &engine{tokens: tokens}
	private := login.AuthenticateOptions{Private: true}
	open := login.AuthenticateOptions{}
	with := func(s login.Scheme, o login.AuthenticateOptions) login.AuthenticateOptions { o.Scheme = s; return o }
	for name, c := range map[string]struct {
		e    *engine
		user string
		o    login.AuthenticateOptions
		want wire.Auth
		code string
	}{
		"known, both, private":       {both, "known", private, wire.AuthSASL, ""},
		"unknown, both, private":     {both, "unknown", private, wire.AuthCleartextPassword, ""},
		"known, both, open":          {both, "known", open, wire.AuthSASL, ""},
		"unknown, both, open":        {both, "unknown", open, wire.AuthSASL, ""},
		"unknown, static, private":   {onlyStatic, "unknown", private, wire.AuthSASL, ""},
		"tokens, private":            {onlyTokens, "me", private, wire.AuthCleartextPassword, ""},
		"tokens, open":               {onlyTokens, "me", open, 0, "28000"},
		"SCRAM demanded":             {both, "unknown", with(login.SchemeSCRAM, private), wire.AuthSASL, ""},
		"SCRAM demanded, not served": {onlyTokens, "me", with(login.SchemeSCRAM, private), 0, "28000"},
		"token demanded":             {both, "known", with(login.SchemeToken, private), wire.AuthCleartextPassword, ""},
		"token demanded, open":       {both, "known", with(login.SchemeToken, open), 0, "28000"},
		"nothing":                    {&engine{}, "me", private, 0, "28000"},
		"down":                       {&engine{broken: identity.ErrUnavailable}, "me", private, 0, "57P03"},
		"broken":                     {&engine{broken: io.ErrShortWrite}, "me", private, 0, "XX000"},
	} {
		a, m := offered(t, c.e, c.user, c.o)
		assert.Equal(t, c.want, a.Kind, name)
		assert.Equal(t, c.code, m.Code, name)
		assert.NotContains(t, m.Text, "short write", name)
		if a.Kind == wire.AuthSASL {
			assert.Equal(t, []string{"SCRAM-SHA-256"}, a.Mechanisms, name)
		}
		if c.code == "28000" && c.e.tokens != nil && !c.o.Private {
			assert.Contains(t, m.Hint, "sslmode=require", name)
		}
	}
}

// What is no answer to a request for authentication ends in a native error.
func TestAuthenticateGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		scheme login.Scheme
		send   []byte
		code   string
	}{
		"query instead of password": {login.SchemeToken, wire.AppendQuery(nil, "select 1"), "08P01"},
		"no NUL":                    {login.SchemeToken, []byte("p\x00\x00\x00\x05x"), "08P01"},
		"empty":                     {login.SchemeToken, wire.AppendPassword(nil, ""), "28P01"},
		"length 3":                  {login.SchemeToken, []byte("p\x00\x00\x00\x03"), "08P01"},
		"length of 1 GiB":           {login.SchemeToken, []byte("p\x40\x00\x00\x00"), "08P01"},
		"unknown mechanism":         {login.SchemeSCRAM, wire.AppendSASLInitialResponse(nil, "SCRAM-SHA-256-PLUS", []byte("p=tls-unique,,n=,r=x")), "08P01"},
		"not SCRAM":                 {login.SchemeSCRAM, wire.AppendSASLInitialResponse(nil, "SCRAM-SHA-256", []byte("hello")), "28P01"},
	} {
		client, server := net.Pipe()
		answer := make(chan []byte)
		go func() {
			_, _, _ = readOne(client)
			_, _ = client.Write(c.send)
			b, _ := io.ReadAll(client)
			answer <- b
		}()
		e := &engine{static: map[string]string{"me": "x"}, tokens: map[string]error{}}
		_, err := login.Authenticate(t.Context(), server, e.gate(), "me", login.AuthenticateOptions{Private: true, Scheme: c.scheme})
		var refused *login.Refused
		require.ErrorAs(t, err, &refused, name)
		assert.Equal(t, c.code, refused.Told.Code, name)
		_ = server.Close()
		b := <-answer
		_ = client.Close()
		require.NotEmpty(t, b, name)
		assert.Equal(t, byte('E'), b[0], name)
	}
}

func readOne(r io.Reader) (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err := io.ReadFull(r, body)
	return head[0], body, err
}

func FuzzAccept(f *testing.F) {
	f.Add(startup(3<<16, me))
	f.Add(append(append([]byte{}, gssRequest...), startup(3<<16|2, "user\x00me\x00_pq_.x\x00\x00\x00")...))
	f.Add(wire.AppendCancelRequest(nil, 1, []byte("abcd")))
	f.Add([]byte{0x16, 3, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		conn := &script{in: b}
		c, err := login.Accept(t.Context(), conn, login.AcceptOptions{})
		if err == nil && c.Startup.Kind == wire.StartupMessage {
			require.NotEmpty(t, c.Startup.Params.Get("user"))
		}
	})
}

// script is a connection that reads from a slice and forgets what is written.
type script struct {
	net.Conn
	in []byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}
func (s *script) Write(b []byte) (int, error)      { return len(b), nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return nil }
func (s *script) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
