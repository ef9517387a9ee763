package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Redis speaks RESP2 with clients and with Redis, Valkey and their kin.
type Redis struct {
	// Login returns the user and password for a target; nil means that
	// targets want none. An empty user is the target's default user.
	Login func(ctx context.Context, who identity.Principal, target protocol.Target) (user, password string, err error)
}

// Name implements protocol.Protocol.
func (Redis) Name() string { return "redis" }

// Validate implements protocol.Validator.
func (Redis) Validate(targets []protocol.Target) error {
	var errs []error
	for _, t := range targets {
		if t.Database != "" {
			errs = append(errs, fmt.Errorf("target %q: Database is not supported; leave it empty", t.Name))
		}
	}
	return errors.Join(errs...)
}

// Serve implements protocol.Protocol.
func (p Redis) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	in := bufio.NewReaderSize(client, 16<<10)
	who, user, err := authenticate(ctx, client, in, g)
	if err != nil {
		g.Refused(user, err)
		_, _ = client.Write(errorLine("NOAUTH", refusal(err)))
		return err
	}
	out := &writer{conn: client}
	s, err := g.Open(ctx, who, protocol.Route{Client: out, User: user})
	if err != nil {
		g.Refused(user, err)
		_, _ = client.Write(errorLine("ERR", protocol.Public(err)))
		return err
	}
	target, err := p.connect(ctx, s)
	if err != nil {
		_, _ = client.Write(errorLine("ERR", protocol.Public(err)))
		_ = s.Close(protocol.Public(err))
		return err
	}
	if err := s.Emit(protocol.Part{Kind: "reply", Data: []byte("+OK\r\n")}); err != nil {
		return err
	}
	return newSession(s, client, in, out, target).run()
}

// authenticate waits for AUTH user token: the first command of any client.
func authenticate(ctx context.Context, client net.Conn, in *bufio.Reader, g *protocol.Gate) (who identity.Proven, user string, err error) {
	for range 5 { // HELLO, CLIENT SETINFO and the like may come first
		c, err := readCommand(in)
		if err != nil {
			return who, "", err
		}
		if c.name != "auth" || c.long {
			if _, err := client.Write(errorLine("NOAUTH", "say AUTH user token first; this gateway speaks RESP2")); err != nil {
				return who, "", err
			}
			continue
		}
		if len(c.words) != 3 {
			return who, "", errors.New("AUTH without a user")
		}
		user = string(c.words[1])
		if !g.Private() {
			return who, user, errNotPrivate
		}
		v, err := g.Verifier(ctx, identity.SchemeToken, user)
		if err != nil {
			return who, user, err
		}
		tokens, ok := v.(identity.TokenVerifier)
		if !ok {
			return who, user, identity.ErrSchemeUnsupported
		}
		who, err = tokens.VerifyToken(ctx, string(c.words[2]))
		return who, user, err
	}
	return who, "", errors.New("five commands and no AUTH")
}

var errNotPrivate = errors.New("a token would travel in clear")

// refusal is what a client learns about why it was turned away.
func refusal(err error) string {
	switch {
	case errors.Is(err, errNotPrivate):
		return "this gateway takes tokens only over TLS or loopback"
	case errors.Is(err, identity.ErrExpired):
		return "the token has expired"
	case errors.Is(err, identity.ErrUnavailable):
		return "tokens cannot be checked now; try again later"
	case errors.Is(err, errWire):
		return err.Error()
	}
	return "invalid user or token"
}

// connect connects to the target and logs in.
func (p Redis) connect(ctx context.Context, s *protocol.Session) (*target, error) {
	if columns := s.Masks().Columns(); len(columns) > 0 && !columns[0].Optional {
		return nil, &protocol.Failure{Public: fmt.Sprintf("a mask names the column %s.%s, and keys have no columns", columns[0].Table, columns[0].Column)}
	}
	conn, err := s.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return nil, err
	}
	if conn, err = secure(ctx, conn, s.Target()); err != nil {
		return nil, &protocol.Failure{Public: "the target's certificate is not trusted", Err: err}
	}
	t := &target{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}
	if p.Login == nil {
		return t, nil
	}
	user, password, err := p.Login(ctx, s.Principal(), s.Target())
	if err == nil && password != "" {
		err = t.login(user, password)
	}
	if err != nil {
		return nil, &protocol.Failure{Public: "the gateway cannot log in to the target", Err: err}
	}
	return t, nil
}

// secure starts TLS as the target's settings say.
func secure(ctx context.Context, conn net.Conn, t protocol.Target) (net.Conn, error) {
	if t.TLS.Mode == protocol.TLSDisable || t.Address[0] == '/' {
		return conn, nil
	}
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.TLS.ServerName != "" {
		config.ServerName = t.TLS.ServerName
	}
	if t.TLS.CAFile != "" {
		pem, err := os.ReadFile(t.TLS.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", t.TLS.CAFile)
		}
	}
	secured := tls.Client(conn, config)
	return secured, secured.HandshakeContext(ctx)
}

// target is the connection to the target.
type target struct {
	conn net.Conn
	in   *bufio.Reader
}

// login proves the gateway to the target. The target's own words may hold
// anything, so they are in no error.
func (t *target) login(user, password string) error {
	c := command{words: [][]byte{[]byte("AUTH")}}
	if user != "" {
		c.words = append(c.words, []byte(user))
	}
	c.words = append(c.words, []byte(password))
	if _, err := t.conn.Write(c.encode(nil)); err != nil {
		return err
	}
	line, err := readLine(t.in)
	if err != nil {
		return err
	}
	if string(line) != "+OK" {
		return errors.New("the target refuses the gateway's credential")
	}
	return nil
}
