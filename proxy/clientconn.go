package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// clientConn is one client connection; it is the protocol.Engine behind the
// connection's Gate.
type clientConn struct {
	gw     *Gateway
	l      *listener
	conn   net.Conn
	logger *slog.Logger
	cancel context.CancelFunc

	mu       sync.Mutex
	sessions []*session
}

// Verifier implements protocol.Engine.
func (c *clientConn) Verifier(ctx context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	return c.gw.rules.Load().identity.Verifier(ctx, scheme, name)
}

// Logger implements protocol.Engine.
func (c *clientConn) Logger() *slog.Logger { return c.logger }

// Private implements protocol.Engine.
func (c *clientConn) Private() bool { return private(c.l, c.conn) }

// TLS implements protocol.Engine.
func (c *clientConn) TLS() *tls.Config {
	if c.gw.rules.Load().certificate == nil {
		return nil
	}
	return c.gw.tls
}

// TargetFor implements protocol.Engine.
func (c *clientConn) TargetFor(route protocol.Route) (protocol.Target, error) {
	if route.Target == "" {
		if len(c.l.targets) == 1 {
			return c.l.targets[0], nil
		}
		names := make([]string, len(c.l.targets))
		for i, t := range c.l.targets {
			names[i] = t.Name
		}
		return protocol.Target{}, &protocol.Failure{Public: "this gateway has several targets; name one of " + strings.Join(names, ", ")}
	}
	for _, t := range c.l.targets {
		if t.Name == route.Target {
			return t, nil
		}
	}
	return protocol.Target{}, &protocol.Failure{Public: fmt.Sprintf("this gateway has no target %q", route.Target)}
}

// Open implements protocol.Engine.
func (c *clientConn) Open(ctx context.Context, who identity.Proven, route protocol.Route) (protocol.SessionEngine, error) {
	target, err := c.TargetFor(route)
	if err != nil {
		return nil, err
	}
	if who.Principal.Issuer == "" || who.Principal.Subject == "" {
		return nil, &protocol.Failure{Public: "no principal was proven", Err: errors.New("the protocol opened a session without an issuer and a subject")}
	}
	s, err := c.gw.openSession(ctx, c, who, target, route)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.sessions = append(c.sessions, s)
	c.mu.Unlock()
	c.gw.handshakes.remove(c)
	_ = c.conn.SetDeadline(time.Time{})
	return s, nil
}

// Control implements protocol.Engine.
func (c *clientConn) Control(ctx context.Context, key []byte) error {
	c.gw.mu.Lock()
	handle, ok := c.gw.controls[controlKey(key)]
	c.gw.mu.Unlock()
	if !ok {
		return errors.New("no session has this control key")
	}
	return handle(ctx)
}

// Refused implements protocol.Engine.
func (c *clientConn) Refused(name string, reason error) {
	c.gw.metrics.refused.Add(context.Background(), 1)
	c.logger.Warn("client refused", "protocol", c.l.proto.Name(), "user", name, "reason", reason)
	err := c.gw.own.append(context.Background(), recorder.Taken, &recorder.Event{
		Kind: recorder.KindRefused,
		Note: &recorder.Note{Kind: "refused", Text: fmt.Sprintf("%s from %s as %q: %v", c.l.proto.Name(), c.conn.RemoteAddr(), name, reason)},
	})
	if err != nil {
		c.logger.Error("cannot record that a client was refused", "error", err)
	}
}

func (c *clientConn) closeSessions(reason string) {
	c.mu.Lock()
	list := c.sessions
	c.mu.Unlock()
	for _, s := range list {
		_ = s.Close(reason)
	}
}
