package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// serve takes one client from its first byte to its last.
func (p *Plugin) serve(ctx context.Context, conn net.Conn, g *protocol.Gate) error {
	c, err := login.Accept(ctx, conn, login.AcceptOptions{TLS: g.TLS(), RequireTLS: p.config.RequireTLS})
	if err != nil {
		return turnedAway(g, err)
	}
	if c.Startup.Kind == wire.CancelRequest {
		// Whatever comes of it, the protocol has no answer.
		if err := g.Control(ctx, cancelKey(c.Startup.PID, c.Startup.Key)); err != nil {
			g.Logger().Info("cancel request not carried out", "reason", err)
		}
		return nil
	}
	user := c.Startup.Params.Get("user")
	if err := p.checkStartup(c); err != nil {
		return p.refuse(c.Conn, g, user, err)
	}
	proven, err := login.Authenticate(ctx, c.Conn, g, user, login.AuthenticateOptions{Scheme: p.config.Scheme, Private: c.TLS || g.Private()})
	if err != nil {
		return turnedAway(g, err)
	}
	s, err := p.open(ctx, c, g, user, proven)
	if err != nil {
		return p.refuse(c.Conn, g, user, err)
	}
	err = s.run(ctx)
	if last := farewell(err); last != nil && !s.fatal && !s.midMessage {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(login.PartingWords))
		_, _ = c.Conn.Write(last)
	}
	s.abandon(err)
	_ = s.gate.Close(reason(err))
	_ = s.target.Close()
	if errors.Is(err, errTerminate) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// turnedAway records that the client got no session.
func turnedAway(g *protocol.Gate, err error) error {
	var r *login.Refused
	switch {
	case errors.As(err, &r):
		g.Refused(r.User, r)
	case errors.Is(err, io.EOF):
		return nil // a health check, or a port scan: nothing was said
	default:
		g.Refused("", err)
	}
	return nil
}

// refuse tells a client why it gets no session.
func (p *Plugin) refuse(conn net.Conn, g *protocol.Gate, user string, err error) error {
	g.Refused(user, err)
	_ = conn.SetWriteDeadline(time.Now().Add(login.PartingWords))
	_, _ = conn.Write(farewell(err))
	return nil
}

// reason says in the record why a session closed.
func reason(err error) string {
	var bad *clientError
	switch {
	case errors.Is(err, errTerminate):
		return "the client closed the session"
	case errors.As(err, &bad):
		return "protocol error of the client: " + bad.Error()
	case errors.Is(err, errTargetLost):
		return errTargetLost.Error()
	case ended(err):
		return "the client's connection was lost"
	}
	return protocol.Public(err)
}

// open opens the session, logs in to the target and greets the client.
func (p *Plugin) open(ctx context.Context, c *login.Client, g *protocol.Gate, user string, proven identity.Proven) (*session, error) {
	name, database := route(g, c.Startup.Params)
	details := map[string]string{}
	for _, param := range c.Startup.Params {
		if param.Name != "user" {
			details[param.Name] = param.Value
		}
	}
	gate, err := g.Open(ctx, proven, protocol.Route{Target: name, Client: c.Conn, User: user, Details: details})
	if err != nil {
		return nil, err
	}
	s, err := p.connect(ctx, c, gate, database)
	if err != nil {
		_ = gate.Close("not opened: " + protocol.Public(err))
		gate.Logger().Error("session could not be opened", "error", err)
		return nil, err
	}
	return s, nil
}

// route reads the target's name out of the database's: "target" or
// "target/database" where the listener has several targets. A database named
// like the user is what libpq asks for when nobody named one: it leaves the
// choice to a target that has one.
func route(g *protocol.Gate, params wire.Params) (target, database string) {
	database = params.Get("database")
	if t, err := g.Target(protocol.Route{}); err == nil {
		if t.Database != "" && database == params.Get("user") {
			database = ""
		}
		return "", database
	}
	target, database, _ = strings.Cut(database, "/")
	return target, database
}

// connect logs in to the target and makes the session ready for its client.
func (p *Plugin) connect(ctx context.Context, c *login.Client, gate *protocol.Session, database string) (*session, error) {
	target := gate.Target()
	if target.Database != "" && database != "" && database != target.Database && database != target.Name {
		return nil, &clientError{codeNoDatabase, fmt.Errorf("database %q is not served here; connect to %q", database, target.Database)}
	}
	credential, err := p.config.Login(ctx, gate.Principal(), target)
	if err != nil {
		return nil, &protocol.Failure{Public: "the gateway has no credential for the target", Err: err}
	}
	if credential.Database == "" && target.Database == "" {
		credential.Database = database
	}
	s := &session{plugin: p, gate: gate, client: c.Conn, queue: newQueue(), credential: credential}
	server, err := s.login(ctx, targetParams(gate.ID(), c.Startup.Params))
	if err != nil {
		return nil, err
	}
	s.target, s.targetPID, s.targetKey = server.Conn, server.PID, server.Key
	if s.guards, err = newGuards(ctx, s, server); err != nil {
		return nil, err
	}
	s.fromCl, s.fromTg = wire.NewReader(s.client, readSize), wire.NewReader(s.target, resultSize)
	if err := s.greet(server); err != nil {
		return nil, err
	}
	return s, nil
}

// login makes a connection to the target and logs in.
func (s *session) login(ctx context.Context, params wire.Params) (*login.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, s.plugin.config.LoginTimeout)
	defer cancel()
	conn, err := s.gate.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return nil, err
	}
	server, err := login.Connect(ctx, conn, s.gate.Target(), s.credential, params)
	if err != nil {
		conn.Close()
		public := fmt.Sprintf("the gateway could not log in to target %q", s.gate.Target().Name)
		if refused, ok := errors.AsType[*login.TargetError](err); ok && refused.Code == codeNoDatabase {
			public = refused.Text
		}
		return nil, &protocol.Failure{Public: public, Err: err}
	}
	for _, param := range server.Params {
		if err := checkSetting(param.Name, param.Value); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return server, nil
}

// greet tells the client that it may begin.
func (s *session) greet(server *login.Server) error {
	b := wire.AppendAuthenticationOK(nil)
	for _, param := range server.Params {
		b = wire.AppendParameterStatus(b, param.Name, param.Value)
	}
	var key [8]byte
	_, _ = rand.Read(key[:])
	pid := binary.BigEndian.Uint32(key[:4]) & 0x7fffffff
	s.gate.HandleControl(cancelKey(pid, key[4:]), s.cancelled(server.PID, server.Key))
	b = wire.AppendBackendKeyData(b, pid, key[4:])
	for _, n := range server.Notices {
		b = wire.AppendNotice(b, n)
	}
	// The key is a credential: withheld.
	return s.gate.Emit(protocol.Part{Kind: "greeting", Data: wire.AppendReadyForQuery(b, 'I'), Withheld: true})
}

func cancelKey(pid uint32, key []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, pid), key...)
}
