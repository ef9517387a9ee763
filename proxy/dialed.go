package proxy

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// dialed are a session's connections to its target. One that the plugin closes
// is forgotten, so that a session may dial as often as it likes.
type dialed struct {
	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

// add takes conn in and returns what the plugin gets for it: the same
// connection, down to sendfile and writev, but for Close. It returns nil where
// the session is closed.
func (d *dialed) add(conn net.Conn) net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.open = append(d.open, conn)
	forget := func() { d.forget(conn) }
	switch c := direct(conn).(type) {
	case *tcpConn:
		return &dialedTCP{c, forget}
	case *net.UnixConn:
		return &dialedUnix{c, forget}
	}
	return &dialedConn{conn, forget}
}

func (d *dialed) forget(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.open, conn); i >= 0 {
		d.open = slices.Delete(d.open, i, i+1)
	}
}

// closeAll closes the connections; there will be no more of them.
func (d *dialed) closeAll() {
	d.mu.Lock()
	list := d.open
	d.open, d.closed = nil, true
	d.mu.Unlock()
	for _, c := range list {
		c.Close()
	}
}

type dialedTCP struct {
	*tcpConn
	forget func()
}

// Close implements net.Conn.
func (c *dialedTCP) Close() error {
	c.forget()
	return c.tcpConn.Close()
}

type dialedUnix struct {
	*net.UnixConn
	forget func()
}

// Close implements net.Conn.
func (c *dialedUnix) Close() error {
	c.forget()
	return c.UnixConn.Close()
}

type dialedConn struct {
	net.Conn
	forget func()
}

// Close implements net.Conn.
func (c *dialedConn) Close() error {
	c.forget()
	return c.Conn.Close()
}

// belongs reports whether address is the target's, or one of its endpoints.
func belongs(t protocol.Target, address string) bool {
	if address == t.Address {
		return true
	}
	for _, pattern := range t.Endpoints {
		if suffix, ok := strings.CutPrefix(pattern, "*"); !ok || !strings.HasPrefix(suffix, ".") {
			if address == pattern {
				return true
			}
		} else if labels, ok := strings.CutSuffix(address, suffix); ok && areLabels(labels) {
			return true
		}
	}
	return false
}

// areLabels reports whether s is labels of a host name, joined by dots.
func areLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// dial connects to a target, by the target's own dialer if it has one.
func dial(ctx context.Context, t protocol.Target, address string, limit time.Duration) (net.Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if t.Dial != nil {
		return t.Dial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}
