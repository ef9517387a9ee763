package aws

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// bulk is a connection under TLS that carries large bodies in few system
// calls: TLS reads and writes records of 16 KiB, each by itself. Reading ahead, it
// takes what has come, up to a block; gathering, it keeps what is written until
// flush, or until a block is full, and sends it while it gathers the next.
// Otherwise it passes on. One goroutine at a time may read, and any write. A nil
// bulk does nothing of it.
type bulk struct {
	net.Conn
	blocks *sync.Pool // of *block

	ahead    atomic.Bool
	in       *block // nil while nothing is read ahead; the reader's
	from, to int    // of in

	mu   sync.Mutex
	out  *block        // nil while nothing is gathered
	n    int           // of out
	next *block        // takes turns with out: what is in it is sent meanwhile
	busy chan struct{} // closed when it was sent
	err  error         // that sending what was gathered ended with; read after busy
}

// block holds a piece and what TLS puts around its records.
type block [pieceSize + 8<<10]byte

// maxRecord is more than any record of TLS has: RFC 8446, section 5.2, and
// RFC 5246, section 6.2.3.
const maxRecord = 5 + 16<<10 + 2<<10

func newBlocks() *sync.Pool { return &sync.Pool{New: func() any { return new(block) }} }

// bulkOf returns the bulk under a connection; nil where there is none, or no TLS.
func bulkOf(conn net.Conn) *bulk {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	c, _ := secure.NetConn().(*bulk)
	return c
}

// readAhead begins to read ahead, or ends it. What was read by then comes first.
func (c *bulk) readAhead(on bool) {
	if c != nil {
		c.ahead.Store(on)
	}
}

// ready reports that a read by TLS need not wait. It is for who reads.
func (c *bulk) ready() bool { return c != nil && c.to-c.from >= maxRecord }

// Read implements net.Conn.
func (c *bulk) Read(b []byte) (int, error) {
	if c.from == c.to {
		if !c.ahead.Load() {
			c.empty()
			return c.Conn.Read(b)
		}
		if c.in == nil {
			c.in = c.blocks.Get().(*block)
		}
		n, err := c.Conn.Read(c.in[:])
		c.from, c.to = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(b, c.in[c.from:c.to])
	c.from += n
	if c.from == c.to && !c.ahead.Load() {
		c.empty()
	}
	return n, nil
}

// empty gives the block back that was read into.
func (c *bulk) empty() {
	if c.in != nil {
		c.blocks.Put(c.in)
		c.in, c.from, c.to = nil, 0, 0
	}
}

// gather begins to keep what is written.
func (c *bulk) gather() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		c.out, c.next = c.blocks.Get().(*block), c.blocks.Get().(*block)
	}
}

// flush begins to send what was kept. Its error comes with a later write.
func (c *bulk) flush() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send()
}

// passOn sends what was kept, and ends the gathering. Its error comes with the
// next write.
func (c *bulk) passOn() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send()
	c.sent()
	if c.out != nil {
		c.blocks.Put(c.out)
		c.blocks.Put(c.next)
		c.out, c.next = nil, nil
	}
}

// send is flush; the caller holds mu.
func (c *bulk) send() {
	if c.n == 0 {
		return
	}
	c.sent()
	if c.err == nil {
		full, busy := c.out[:c.n], make(chan struct{})
		c.out, c.next, c.busy = c.next, c.out, busy
		go func() {
			defer close(busy)
			_, c.err = c.Conn.Write(full)
		}()
	}
	c.n = 0
}

// sent waits until next was sent; the caller holds mu.
func (c *bulk) sent() {
	if c.busy != nil {
		<-c.busy
		c.busy = nil
	}
}

// Write implements net.Conn.
func (c *bulk) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n+len(b) > len(block{}) {
		c.send()
	}
	if c.out == nil || len(b) > len(c.out) {
		c.sent()
	}
	switch {
	case c.busy == nil && c.err != nil:
		return 0, c.err
	case c.out == nil || len(b) > len(c.out):
		return c.Conn.Write(b)
	}
	c.n += copy(c.out[c.n:], b)
	return len(b), nil
}

// eager reads a body, in each call as much as is there. What was written to the
// other side is sent before it waits for more.
type eager struct {
	body     io.Reader
	written  interface{ FlushError() error } // what else holds back; may be nil
	from, to *bulk                           // nil before begin
}

// begin has a large body come and go in few system calls.
func (e *eager) begin(from, to *bulk) {
	e.from, e.to = from, to
	from.readAhead(true)
	to.gather()
}

// end sends what is left, and has the connections as they were.
func (e *eager) end() {
	e.from.readAhead(false)
	e.to.passOn()
}

// Read implements io.Reader.
func (e *eager) Read(b []byte) (int, error) {
	if !e.from.ready() {
		if e.written != nil {
			_ = e.written.FlushError() // as with to, its error comes with a later write
		}
		e.to.flush()
	}
	n, err := e.body.Read(b)
	for err == nil && n < len(b) && e.from.ready() {
		var more int
		more, err = e.body.Read(b[n:])
		n += more
	}
	if n > 0 && err != io.EOF {
		err = nil // it comes again
	}
	return n, err
}

// pieceSize is how much of a body is recorded and goes on at once, at most.
const pieceSize = 512 << 10

// large reports whether a body of that length, or of none that is known (-1), is
// worth large buffers.
func large(length int64) bool { return length < 0 || length > 64<<10 }

// pieces are a large body's buffers.
type pieces [2][pieceSize]byte

func newPieces() *sync.Pool { return &sync.Pool{New: func() any { return new(pieces) }} }

// buffers returns two for a body of that length: one is filled while the other
// is still looked at.
func (p *Plugin) buffers(length int64) (two [2][]byte, giveBack func()) {
	if !large(length) {
		return [2][]byte{make([]byte, length+1), make([]byte, length+1)}, func() {}
	}
	b := p.pieces.Get().(*pieces)
	return [2][]byte{b[0][:], b[1][:]}, func() { p.pieces.Put(b) }
}
