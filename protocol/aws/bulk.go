package aws

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// bulk is a connection under TLS that carries large bodies in few system
// calls: TLS reads and writes records of 16 KiB, each by itself. Reading ahead, it
// takes what has come, up to a block; gathering, it keeps what is written until
// flush, or until a block is full, and sends it while it gathers the next.
// Otherwise it passes on. It has blocks only while there is something in them,
// or it waits to read ahead. One goroutine at a time may read, and any write. A nil bulk does nothing of it.
type bulk struct {
	net.Conn
	blocks *sync.Pool // of *block

	deaf     bool // the reader asks for what is here; it does not wait
	ahead    atomic.Bool
	in       *block // the reader's; nil while nothing was read ahead
	from, to int    // of in
	left     atomic.Int64

	mu        sync.Mutex
	gathering bool
	out       *block        // nil while nothing is kept
	n         int           // of out
	busy      chan struct{} // closed when what is under way was sent
	err       error         // that sending what was kept ended with
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

// ready reports that a read by TLS need not wait.
func (c *bulk) ready() bool { return c != nil && c.left.Load() >= maxRecord }

// Read implements net.Conn.
func (c *bulk) Read(b []byte) (int, error) {
	if c.from == c.to {
		if c.deaf {
			return 0, os.ErrDeadlineExceeded
		}
		if !c.ahead.Load() {
			return c.Conn.Read(b)
		}
		c.in = c.blocks.Get().(*block)
		n, err := c.Conn.Read(c.in[:])
		c.from, c.to = 0, n
		if n == 0 {
			c.empty()
			return 0, err
		}
	}
	n := copy(b, c.in[c.from:c.to])
	c.from += n
	c.left.Store(int64(c.to - c.from))
	if c.from == c.to {
		c.empty()
	}
	return n, nil
}

// empty gives the block back that was read into.
func (c *bulk) empty() {
	c.blocks.Put(c.in)
	c.in, c.from, c.to = nil, 0, 0
}

// gather begins to keep what is written.
func (c *bulk) gather() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = true
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

// passOn ends the gathering, and returns when what was kept was sent.
func (c *bulk) passOn() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = false
	for c.n > 0 || c.busy != nil {
		c.send()
		c.sent()
	}
	return c.err
}

// send begins to send what was kept, once all before it was sent; the caller
// holds mu, except while it waits.
func (c *bulk) send() {
	c.sent()
	if c.n == 0 {
		return
	}
	full, n, busy := c.out, c.n, make(chan struct{})
	c.out, c.n = nil, 0
	if c.err != nil {
		c.blocks.Put(full)
		return
	}
	c.busy = busy
	go func() {
		_, err := c.Conn.Write(full[:n])
		c.blocks.Put(full)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err, c.busy = err, nil
		close(busy)
	}()
}

// sent waits until nothing is under way. The caller holds mu, but not while it
// waits: who closes the connection meanwhile must not be kept from it.
func (c *bulk) sent() {
	for c.busy != nil {
		busy := c.busy
		c.mu.Unlock()
		<-busy
		c.mu.Lock()
	}
}

// Write implements net.Conn.
func (c *bulk) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gathering && c.n == 0 && c.busy == nil || len(b) > len(block{}) {
		for c.n > 0 || c.busy != nil {
			c.send()
			c.sent()
		}
		if c.err != nil {
			return 0, c.err
		}
		return c.Conn.Write(b)
	}
	for c.n+len(b) > len(block{}) {
		c.send()
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.out == nil {
		c.out = c.blocks.Get().(*block)
	}
	c.n += copy(c.out[c.n:], b)
	return len(b), nil
}

// eager reads a body, in each call as much as is there. What was written to the
// other side is sent before it waits for more.
type eager struct {
	body     io.Reader
	from, to *bulk // nil before begin
	// After begin: how much of the body has come, and is still to come.
	seen, rest int64

	mu    sync.Mutex
	in    places // nil, or where it has a place
	ended bool
}

// places are for the large bodies that have large buffers at once: the others go
// in small pieces, so that many slow ones do not take much memory.
type places chan struct{}

// largeBodies is how many places there are: with all its buffers a body has up
// to 2.5 MiB.
const largeBodies = 64

// begin has a large body of known length come and go in few system calls, where
// there is a place for it: then it returns true. It is for who reads; to may be
// nil.
func (e *eager) begin(in places, length int64, from, to *bulk) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended || length <= smallSize {
		return false
	}
	select {
	case in <- struct{}{}:
	default:
		return false
	}
	e.in, e.from, e.to, e.rest = in, from, to, length
	to.gather()
	return true
}

// end sends what is left, and has the connections as they were.
func (e *eager) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended = true; e.in == nil {
		return
	}
	e.from.readAhead(false)
	_ = e.to.passOn() // its error comes with the next write
	<-e.in
	e.in = nil
}

// Read implements io.Reader.
func (e *eager) Read(b []byte) (int, error) {
	if !e.from.ready() {
		e.to.flush()
	}
	n, err := e.body.Read(b)
	for err == nil && n < len(b) && e.from.ready() {
		var more int
		more, err = e.body.Read(b[n:])
		n += more
	}
	// Who has sent little yet may be slow, and who waits for what comes after the body needs no block.
	e.seen, e.rest = e.seen+int64(n), e.rest-int64(n)
	e.from.readAhead(e.seen >= smallSize && e.rest > smallSize)
	if n > 0 && err != io.EOF {
		err = nil // it comes again
	}
	return n, err
}

const (
	// pieceSize is how much of a body is recorded and goes on at once, at most.
	pieceSize = 512 << 10
	// smallSize is the same for bodies that are small, find no place, or may
	// have any length.
	smallSize = 64 << 10
)

// pieces are a large body's buffers.
type pieces [2][pieceSize]byte

func newPieces() *sync.Pool { return &sync.Pool{New: func() any { return new(pieces) }} }

// buffers returns two for a body of that length, or of any if it is negative:
// one is filled while the other is still looked at.
func (e *eager) buffers(pool *sync.Pool, length int64) (two [2][]byte, giveBack func()) {
	if e.in != nil {
		b := pool.Get().(*pieces)
		return [2][]byte{b[0][:], b[1][:]}, func() { pool.Put(b) }
	}
	n := length + 1 // its end is seen with its last byte
	if length < 0 || n > smallSize {
		n = smallSize
	}
	return [2][]byte{make([]byte, n), make([]byte, n)}, func() {}
}
