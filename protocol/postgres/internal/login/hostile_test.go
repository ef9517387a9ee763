package login_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

var (
	plain  = protocol.Target{Name: "db", Address: "db:5432", TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
	secure = protocol.Target{Name: "db", Address: "db:5432"}
	canary = login.Login{User: "u", Password: login.NewSecret("canary-password")}
)

func auth(kind uint32, data string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{'R'}, uint32(8+len(data)))
	return append(binary.BigEndian.AppendUint32(b, kind), data...)
}

// against logs in to a server that a function plays after the startup packet.
func against(t *testing.T, target protocol.Target, play func(conn net.Conn)) (*login.Server, error) {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		_, _ = wire.ReadStartup(server)
		play(server)
	}()
	defer func() { _ = client.Close(); <-done }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return login.Connect(ctx, client, target, canary, nil)
}

// says plays a server that says its lines and waits for one message after each.
func says(lines ...[]byte) func(net.Conn) {
	return func(conn net.Conn) {
		for _, line := range lines {
			go func() { _, _, _ = readOne(conn) }()
			if _, err := conn.Write(line); err != nil {
				return
			}
		}
	}
}

// challenge plays SCRAM to the server's first message, whose iterations are
// given, and returns with the client's proof received.
func challenge(conn net.Conn, iterations string) bool {
	if _, err := conn.Write(wire.AppendAuthenticationSASL(nil, "SCRAM-SHA-256")); err != nil {
		return false
	}
	_, body, err := readOne(conn)
	if err != nil {
		return false
	}
	_, first, _ := wire.ParseSASLInitialResponse(body)
	_, nonce, _ := bytes.Cut(first, []byte("r="))
	if _, err := conn.Write(auth(11, "r="+string(nonce)+"x,s=AAAAAAAAAAAAAAAA,i="+iterations)); err != nil {
		return false
	}
	_, _, err = readOne(conn)
	return err == nil
}

func TestHostileTargets(t *testing.T) {
	ready := wire.AppendReadyForQuery(wire.AppendAuthenticationOK(nil), 'I')
	for name, c := range map[string]struct {
		play  func(net.Conn)
		words string
	}{
		"skips SCRAM's end": {func(conn net.Conn) {
			if challenge(conn, "4096") {
				_, _ = conn.Write(ready)
			}
		}, "skipped the end of SCRAM"},
		"skips all of SCRAM": {func(conn net.Conn) {
			_, _ = conn.Write(wire.AppendAuthenticationSASL(nil, "SCRAM-SHA-256"))
			_, _, _ = readOne(conn)
			_, _ = conn.Write(ready)
		}, "skipped the end of SCRAM"},
		"wrong signature": {func(conn net.Conn) {
			if challenge(conn, "4096") {
				_, _ = conn.Write(auth(12, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
			}
		}, "could not prove"},
		"empty signature": {func(conn net.Conn) {
			if challenge(conn, "4096") {
				_, _ = conn.Write(auth(12, "v="))
			}
		}, "could not prove"},
		"final before the challenge": {func(conn net.Conn) {
			_, _ = conn.Write(wire.AppendAuthenticationSASL(nil, "SCRAM-SHA-256"))
			_, _, _ = readOne(conn)
			_, _ = conn.Write(auth(12, "v=AAAA"))
		}, "out of order"},
		"challenge again": {func(conn net.Conn) {
			if challenge(conn, "4096") {
				_, _ = conn.Write(auth(11, "r=x,s=AAAA,i=4096"))
			}
		}, "second SCRAM challenge"},
		"a billion iterations": {func(conn net.Conn) { challenge(conn, "1000000000") }, "iterations"},
		"overflow iterations":  {func(conn net.Conn) { challenge(conn, strings.Repeat("9", 100)) }, "iterations"},
		"no iterations":        {func(conn net.Conn) { challenge(conn, "0") }, "iterations"},
		"cleartext after SCRAM": {func(conn net.Conn) {
			if challenge(conn, "4096") {
				_, _ = conn.Write(auth(3, ""))
			}
		}, "authentication again"},
		"cleartext in the open": {says(auth(3, "")), "others can read"},
		"unterminated list":     {says(auth(10, "SCRAM-SHA-256")), "malformed"},
		"endless list":          {says(auth(10, strings.Repeat("x\x00", 100)+"\x00")), "mechanisms"},
		"empty list":            {says(auth(10, "\x00")), "no SASL mechanism"},
		"PLUS without TLS":      {says(auth(10, "SCRAM-SHA-256-PLUS\x00\x00")), "no SASL mechanism"},
		"GSS":                   {says(auth(7, "")), "not supported (7)"},
		"SSPI":                  {says(auth(9, "")), "not supported (9)"},
		"unknown way":           {says(auth(77, "")), "unknown kind"},
		"short salt":            {says(auth(5, "abc")), "malformed"},
		"SASL from nowhere":     {says(auth(11, "r=x")), "did not start"},
		"GSS from nowhere":      {says(auth(8, "x")), "not supported (8)"},
		"ready too early":       {says(wire.AppendReadyForQuery(nil, 'I')), "does not belong"},
		"settings too early":    {says(wire.AppendParameterStatus(nil, "a", "b")), "does not belong"},
		"OK twice":              {says(wire.AppendAuthenticationOK(nil), wire.AppendAuthenticationOK(nil)), "does not belong"},
		"in a transaction":      {says(wire.AppendReadyForQuery(wire.AppendAuthenticationOK(nil), 'T')), "in a transaction"},
		"rows":                  {says(wire.AppendDataRow(wire.AppendAuthenticationOK(nil), nil)), "does not belong"},
		"huge message":          {says([]byte{'R', 0x7f, 0, 0, 0}), "length"},
		"tiny length":           {says([]byte{'R', 0, 0, 0, 3}), "length"},
		"endless notices":       {says(bytes.Repeat(wire.AppendNotice(nil, wire.Message{Text: "x"}), 1001)), "not ready"},
		"endless settings":      {says(append(wire.AppendAuthenticationOK(nil), settings(201)...)), "settings"},
		"leaves":                {says(), "EOF"},
		"echoes the password": {says(wire.AppendError(nil, wire.Message{Severity: "FATAL", Code: "28P01", Text: "not canary-password",
			Detail: "canary-password"})), "not [secret]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := against(t, plain, c.play)
			require.ErrorContains(t, err, c.words)
			assert.ErrorContains(t, err, `target "db"`)
			assert.NotContains(t, err.Error(), "canary")
		})
	}
}

func settings(n int) []byte {
	var b []byte
	for i := range n {
		b = wire.AppendParameterStatus(b, strings.Repeat("x", i), "v")
	}
	return b
}

func TestTargetAnswersToSSLRequest(t *testing.T) {
	for answer, words := range map[string]string{"N": "does not offer TLS", "E": "0x45", "": "closed the connection",
		"Sjunk that came in the clear": "TLS handshake failed"} {
		_, err := against(t, secure, func(conn net.Conn) {
			if len(answer) > 1 {
				go func() { _, _ = io.Copy(io.Discard, conn) }()
			}
			_, _ = conn.Write([]byte(answer))
		})
		require.ErrorContains(t, err, words)
	}
}

func TestTargetKeepsWhatItSaid(t *testing.T) {
	srv, err := against(t, plain, says(
		wire.AppendNotice(nil, wire.Message{Severity: "WARNING", Text: "soon"}),
		wire.AppendAuthenticationOK(nil),
		wire.AppendParameterStatus(nil, "a", "1"), wire.AppendParameterStatus(nil, "b", "2"), wire.AppendParameterStatus(nil, "a", "3"),
		wire.AppendBackendKeyData(nil, 9, []byte("a longer key")),
		wire.AppendReadyForQuery(nil, 'I'),
	))
	require.NoError(t, err)
	assert.Equal(t, wire.Params{{Name: "a", Value: "3"}, {Name: "b", Value: "2"}}, srv.Params)
	assert.Equal(t, "a longer key", string(srv.Key))
	assert.Equal(t, []wire.Message{{Severity: "WARNING", Text: "soon"}}, srv.Notices)
}

// The mechanism and its flag, for what a target offers, with and without TLS.
func TestSCRAMBinding(t *testing.T) {
	cert, ca := certificate(t)
	stored := storedCredentials(t, canary.Password.Reveal())
	for name, c := range map[string]struct {
		offer     []string
		mechanism string
		flag      string
	}{
		"both":       {[]string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,"},
		"PLUS alone": {[]string{"SCRAM-SHA-256-PLUS"}, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,"},
		"plain":      {[]string{"SCRAM-SHA-256"}, "SCRAM-SHA-256", "y,"},
	} {
		target := secure
		target.TLS.CAFile, target.TLS.ServerName = ca, "127.0.0.1"
		_, err := against(t, target, func(conn net.Conn) {
			_, _ = conn.Write([]byte("S"))
			secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
			if _, err := wire.ReadStartup(secured); !assert.NoError(t, err) {
				return
			}
			_, _ = secured.Write(wire.AppendAuthenticationSASL(nil, c.offer...))
			_, body, _ := readOne(secured)
			mechanism, first, err := wire.ParseSASLInitialResponse(body)
			assert.NoError(t, err)
			assert.Equal(t, c.mechanism, string(mechanism), name)
			assert.True(t, strings.HasPrefix(string(first), c.flag), "%s: %s", name, first)
			server, _ := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
			conversation := server.NewConversation()
			if c.mechanism == "SCRAM-SHA-256-PLUS" {
				leaf := tls.ConnectionState{PeerCertificates: parsed(t, cert)}
				binding, err := scram.NewTLSServerEndpointBinding(&leaf)
				assert.NoError(t, err)
				conversation = server.NewConversationWithChannelBindingRequired(binding)
			}
			answer, err := conversation.Step(string(first))
			assert.NoError(t, err, name)
			_, _ = secured.Write(wire.AppendAuthenticationSASLContinue(nil, []byte(answer)))
			_, body, _ = readOne(secured)
			answer, err = conversation.Step(string(body))
			assert.NoError(t, err, name)
			b := wire.AppendAuthenticationSASLFinal(nil, []byte(answer))
			b = wire.AppendAuthenticationOK(b)
			_, _ = secured.Write(wire.AppendReadyForQuery(b, 'I'))
		})
		require.NoError(t, err, name)
	}
}

func TestConnectEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := login.Connect(ctx, client, plain, canary, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		err = login.Cancel(ctx, client, plain, canary, 1, []byte("abcd"))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestStartupParametersAreBounded(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	_, err := login.Connect(t.Context(), client, plain, canary, wire.Params{{Name: "application_name", Value: strings.Repeat("x", 20_000)}})
	require.ErrorContains(t, err, "more than the 10000")
}

func FuzzConnect(f *testing.F) {
	f.Add(wire.AppendReadyForQuery(wire.AppendAuthenticationOK(nil), 'I'))
	f.Add(wire.AppendAuthenticationSASL(nil, "SCRAM-SHA-256"))
	f.Add(append(auth(10, "SCRAM-SHA-256\x00\x00"), auth(11, "r=x,s=AAAA,i=4096")...))
	f.Add(append(auth(5, "salt"), wire.AppendAuthenticationOK(nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		srv, err := login.Connect(t.Context(), &script{in: b}, plain, canary, nil)
		if err != nil {
			require.NotContains(t, err.Error(), "canary")
			return
		}
		require.NotNil(t, srv.Conn)
	})
}
