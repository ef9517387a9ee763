package protocoltest

import (
	"bytes"
	"net"
	"sync"
)

// wire watches connections, from the gateway's side of them, and decides how
// reads are cut.
type wire struct {
	mu    sync.Mutex
	conns int
	sent  bytes.Buffer // what the gateway wrote, all connections, unless drop
	count int64        // how many bytes that was
	read  int64        // how many bytes the gateway read
	drop  bool

	cut  int64 // reads of a connection stop at this byte of its stream; 0 for nowhere
	each bool  // reads return one byte

	breakAt int64 // after so many bytes read, a connection breaks; 0 for never
}

func (w *wire) wrap(conn net.Conn) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns++
	return &wiredConn{Conn: conn, w: w}
}

// wrote returns how many bytes the gateway wrote.
func (w *wire) wrote() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// received returns how many bytes the gateway read.
func (w *wire) received() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read
}

// since returns what the gateway wrote after its first n bytes.
func (w *wire) since(n int64) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.sent.Bytes()[n:])
}

// cutAt makes reads of new connections stop once at byte n, or after each byte.
func (w *wire) cutAt(n int64, each bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.each = n, each
}

// breakAfter makes connections break after n more bytes have been read.
func (w *wire) breakAfter(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breakAt = w.read + n
}

// forget makes the wire keep no bytes.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop = true
}

// wiredConn is the gateway's end of a connection.
type wiredConn struct {
	net.Conn
	w    *wire
	read int64 // by one reader at a time
}

// Read implements net.Conn.
func (c *wiredConn) Read(p []byte) (int, error) {
	c.w.mu.Lock()
	cut, each, breakAt, total := c.w.cut, c.w.each, c.w.breakAt, c.w.read
	c.w.mu.Unlock()
	if each && len(p) > 1 {
		p = p[:1]
	}
	if left := cut - c.read; left > 0 && int64(len(p)) > left {
		p = p[:left]
	}
	if breakAt > 0 {
		left := breakAt - total
		if left <= 0 {
			c.Close()
		} else if int64(len(p)) > left {
			p = p[:left]
		}
	}
	n, err := c.Conn.Read(p)
	c.read += int64(n)
	c.w.mu.Lock()
	c.w.read += int64(n)
	c.w.mu.Unlock()
	return n, err
}

// Write implements net.Conn. The bytes count before they are gone, so that
// what a recorder sees at the same time is not too little.
func (c *wiredConn) Write(p []byte) (int, error) {
	c.w.mu.Lock()
	c.w.count += int64(len(p))
	if !c.w.drop {
		c.w.sent.Write(p)
	}
	c.w.mu.Unlock()
	return c.Conn.Write(p)
}

// wiredListener hands out wired connections.
type wiredListener struct {
	net.Listener
	w *wire
}

// Accept implements net.Listener.
func (l *wiredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.w.wrap(conn), nil
}
