package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// listener is one address with the protocol and targets behind it.
type listener struct {
	method  string // the builder's method, for errors
	addr    string
	ln      net.Listener
	tls     bool
	proto   protocol.Protocol
	targets []protocol.Target
}

// accept serves connections until the listener is closed.
func (g *Gateway) accept(ctx context.Context, l *listener) error {
	for delay := time.Duration(0); ; {
		conn, err := l.ln.Accept()
		if err != nil {
			if ctx.Err() != nil || g.draining.Load() || errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of file descriptors and the like: it may pass.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			g.logger.Error("cannot accept connections", "listener", l.addr, "error", err, "retry_in", delay)
			select {
			case <-time.After(delay):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		delay = 0
		if !g.admitConn() {
			g.metrics.refused.Add(ctx, 1)
			g.logger.Warn("connection closed: too many connections", "remote", conn.RemoteAddr().String(),
				"limit", g.limits.Connections)
			conn.Close()
			continue
		}
		g.serving.Go(func() {
			defer g.leaveConn()
			g.serveConn(ctx, l, conn)
		})
	}
}

// serveConn runs the protocol on one connection and cleans up behind it.
func (g *Gateway) serveConn(ctx context.Context, l *listener, conn net.Conn) {
	logger := g.logger.With("listener", l.addr, "remote", conn.RemoteAddr().String())
	ctx, cancel := context.WithCancel(ctx)
	c := &clientConn{gw: g, l: l, conn: conn, logger: logger, cancel: cancel, sessions: map[*session]bool{}}
	reason := "connection closed"
	defer func() {
		if p := recover(); p != nil {
			reason = "the gateway's protocol failed"
			logger.Error("protocol panicked; its connection is closed", "protocol", l.proto.Name(), "panic", p, "stack", string(debug.Stack()))
		}
		cancel()
		conn.Close()
		c.closeSessions(reason)
	}()
	// The deadline lets the plugin say so natively; the timer is for when it
	// waits for something else.
	_ = conn.SetReadDeadline(time.Now().Add(g.limits.Handshake))
	c.unopened = time.AfterFunc(g.limits.Handshake+endGrace, func() {
		cancel()
		conn.Close()
	})
	defer c.unopened.Stop()
	if !g.conns.add(c) {
		return
	}
	defer g.conns.remove(c)
	client := direct(conn)
	if l.tls {
		t := tls.Server(client, c.TLS())
		if err := t.HandshakeContext(ctx); err != nil {
			c.Refused("", err)
			return
		}
		client = t
	}
	err := l.proto.Serve(ctx, client, protocol.NewGate(c))
	if err == nil && l.tls {
		client.Close() // says goodbye to the client, where conn.Close alone would cut
	}
	if err != nil && ctx.Err() == nil {
		level := slog.LevelWarn
		if errors.Is(err, net.ErrClosed) {
			level = slog.LevelDebug
		}
		logger.Log(ctx, level, "connection ended", "protocol", l.proto.Name(), "error", err)
	}
}

// private reports whether nobody else can read the connection as it is.
func private(l *listener, conn net.Conn) bool {
	if l.tls {
		return true
	}
	switch a := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	// In-memory connections of tests and embedders have no network.
	return conn.RemoteAddr().Network() == "pipe"
}
