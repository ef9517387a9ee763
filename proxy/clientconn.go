package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// clientConn is one client connection; it is the protocol.Engine behind the
// connection's Gate.
type clientConn struct {
	gw     *Gateway
	l      *listener
	conn   net.Conn
	logger *slog.Logger
	cancel context.CancelFunc

	// unopened closes the connection where no session is open in time.
	unopened *time.Timer

	mu       sync.Mutex
	sessions map[*session]bool // the open ones
	closed   bool
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
		return protocol.Target{}, &protocol.Failure{Public: "this gateway has several targets; name one of " + strings.Join(names, ", "), Err: protocol.ErrNoTarget}
	}
	for _, t := range c.l.targets {
		if t.Name == route.Target {
			return t, nil
		}
	}
	return protocol.Target{}, &protocol.Failure{Public: fmt.Sprintf("this gateway has no target %q", route.Target), Err: protocol.ErrNoTarget}
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
	var s *session
	if route.Join == "" {
		s, err = c.gw.openSession(ctx, c, who, target, route, joinKey{})
	} else {
		s, err = c.gw.joinSession(ctx, c, who, target, route)
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	gone := c.closed
	known := c.sessions[s]
	if !gone {
		c.sessions[s] = true
	}
	c.mu.Unlock()
	switch {
	case gone && s.shared():
		s.detach(c)
		return nil, &protocol.Failure{Public: "the connection is closed", Err: net.ErrClosed}
	case gone:
		_ = s.Close("connection closed")
		return nil, s.over()
	case known:
		return s, nil
	case s.shared() && s.hasClosed():
		c.left(s) // it closed before it was one of c's
		return nil, s.over()
	}
	c.unopened.Stop()
	c.gw.conns.opened(c)
	_ = c.conn.SetReadDeadline(time.Time{})
	return s, nil
}

// Control implements protocol.Engine.
func (c *clientConn) Control(ctx context.Context, key []byte) error {
	c.gw.mu.Lock()
	owner, ok := c.gw.controls[controlKey(key)]
	c.gw.mu.Unlock()
	if !ok {
		return errors.New("no session has this control key")
	}
	return owner.handle(ctx)
}

// Refused implements protocol.Engine.
func (c *clientConn) Refused(name string, reason error) {
	c.gw.metrics.refused.Add(context.Background(), 1)
	if reason == nil {
		reason = errors.New("no reason given")
	}
	c.logger.Warn("client refused", "protocol", c.l.proto.Name(), "user", clip(name, 100), "reason", clip(reason.Error(), 400))
	if err := c.gw.own.refused(c.l.proto.Name(), c.conn.RemoteAddr().String(), name, reason); err != nil {
		c.logger.Error("cannot record that a client was refused", "error", err)
	}
}

func (c *clientConn) closeSessions(reason string) {
	c.mu.Lock()
	c.closed = true
	list := slices.Collect(maps.Keys(c.sessions))
	c.mu.Unlock()
	for _, s := range list {
		if s.shared() {
			s.detach(c)
			continue
		}
		_ = s.Close(reason)
	}
}

// left is told when a session closes. Where the plugin closed its session
// while the client takes nothing, the connection is closed for it.
func (c *clientConn) left(s *session) {
	c.mu.Lock()
	delete(c.sessions, s)
	c.mu.Unlock()
	s.mu.Lock()
	ended := s.grace != nil
	s.mu.Unlock()
	if since := s.out.since.Load(); since != 0 && !ended {
		time.AfterFunc(endGrace, func() {
			if s.out.since.Load() == since {
				c.conn.Close()
			}
		})
	}
}

// closeFor closes the connection because s was ended, unless the plugin has
// closed s and the connection goes on for other sessions.
func (c *clientConn) closeFor(s *session) {
	c.mu.Lock()
	goesOn := !c.sessions[s] && len(c.sessions) > 0
	c.mu.Unlock()
	if !goesOn {
		c.conn.Close()
	}
}
