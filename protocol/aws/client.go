package aws

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// client makes calls whose bodies are small and held whole, by HTTP/1.1. What is
// written and read is net/http's. Its Transport though hands each call on to one
// goroutine that writes and to another that reads, so that an answer is heard
// while a body is still sent: for a small call that was a tenth of all that the
// gateway does. Here the caller writes and then reads.
type client struct {
	dial func(ctx context.Context, address string) (*bulk, error)
	tls  *tls.Config

	mu    sync.Mutex
	idle  []*line     // those used last come last
	clean *time.Timer // runs while there are any
	over  bool        // connections are not kept any more
}

const (
	maxIdle         = 64 // connections that a session keeps to its targets
	idleUpstream    = 30 * time.Second
	handshakeTime   = 10 * time.Second
	maxAnswerHeader = 256 << 10 // bytes, with those of answers before the last (1xx)
	lineBuffer      = 16 << 10  // bytes, in each direction
)

// line is a connection to a target. One call has it at a time.
type line struct {
	conn  net.Conn // under, or TLS over it
	under *bulk
	quiet func() bool // nothing has come on under
	to    string      // scheme, host and port
	in    *bufio.Reader
	out   *bufio.Writer
	room  int64     // bytes that may still be read
	heard bool      // the target said something since the call began
	used  bool      // a call was made on it before
	since time.Time // when it became idle
}

// close closes the connection. TLS would take leave first, and wait for it.
func (l *line) close() { _ = l.under.Close() }

// do makes a call. Before it writes to a connection it tells got, which may be
// nil, what carries large bodies there: from then on the target may have the
// call. One that writes is never sent twice. The caller closes the answer's
// body. The error is errBlind where the client is of no use for the target.
func (c *client) do(r *http.Request, writes bool, got func(*bulk)) (*http.Response, error) {
	for {
		if r.Context().Err() != nil {
			return nil, context.Cause(r.Context()) // nothing more is sent
		}
		l, err := c.take(r)
		if err != nil {
			return nil, err
		}
		if got != nil {
			got(bulkOf(l.conn))
		}
		resp, err := c.carry(l, r)
		if err == nil {
			return resp, nil
		}
		// A target may end a connection that is idle just when it is used again.
		if writes || r.ContentLength != 0 || !l.used || l.heard {
			return nil, err
		}
	}
}

// take returns a connection for a request: an idle one, or a new one.
func (c *client) take(r *http.Request) (*line, error) {
	to := r.URL.Scheme + "://" + r.URL.Host
	for {
		l := c.idleTo(to)
		if l == nil {
			return c.connect(r, to)
		}
		if l.usable() {
			return l, nil
		}
		l.close()
	}
}

// idleTo takes the idle connection that was used last.
func (c *client) idleTo(to string) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.idle) - 1; i >= 0; i-- {
		if l := c.idle[i]; l.to == to {
			c.idle = slices.Delete(c.idle, i, i+1)
			return l
		}
	}
	return nil
}

// connect makes a connection.
func (c *client) connect(r *http.Request, to string) (*line, error) {
	port := r.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	}
	under, err := c.dial(r.Context(), net.JoinHostPort(r.URL.Hostname(), port))
	if err != nil {
		return nil, err
	}
	l := &line{conn: under, under: under, quiet: quiet(under.Conn), to: to}
	if l.quiet == nil {
		l.close()
		return nil, errBlind
	}
	if r.URL.Scheme == "https" {
		settings := c.tls.Clone()
		settings.NextProtos = []string{"http/1.1"}
		if settings.ServerName == "" {
			settings.ServerName = r.URL.Hostname()
		}
		ctx, cancel := context.WithTimeout(r.Context(), handshakeTime)
		defer cancel()
		secure := tls.Client(under, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			l.close()
			return nil, fmt.Errorf("TLS with the target: %w", err)
		}
		l.conn = secure
	}
	l.in, l.out = bufio.NewReaderSize(bounded{l}, lineBuffer), bufio.NewWriterSize(l.conn, lineBuffer)
	return l, nil
}

// errBlind is for connections of which it cannot be known whether something has
// come: those that an own dialer has wrapped, for one.
var errBlind = errors.New("the connection cannot be looked at")

// usable reports whether the target has said nothing since the last answer: what
// it says unasked is no answer, and mostly that it has closed the connection.
func (l *line) usable() bool {
	// First what is here: TLS may hold something that was read with the answer.
	l.room, l.under.deaf = math.MaxInt64, true
	_, err := l.in.Peek(1)
	l.under.deaf = false
	return errors.Is(err, os.ErrDeadlineExceeded) && l.quiet()
}

// carry makes a call on a connection.
func (c *client) carry(l *line, r *http.Request) (*http.Response, error) {
	stop := context.AfterFunc(r.Context(), l.close)
	l.room, l.heard = maxAnswerHeader, false
	unsent := r.Write(l.out)
	if unsent == nil {
		unsent = l.out.Flush()
	} else if _, broken := l.out.Write(nil); broken == nil {
		stop()
		l.close()
		return nil, unsent // net/http does not write such a request
	}
	// A target that refuses may do so before it has read everything.
	resp, err := l.answer(r)
	if err != nil {
		stop()
		l.close()
		switch {
		case l.room <= 0:
			err = errHeader // however the rest was taken
		case unsent != nil:
			err = unsent
		}
		return nil, err
	}
	l.room = math.MaxInt64
	body := &answerBody{ReadCloser: resp.Body, c: c, l: l, stop: stop, keep: unsent == nil && !resp.Close && resp.StatusCode >= 200}
	if resp.Body == http.NoBody {
		body.end(true)
	} else {
		resp.Body = body
	}
	return resp, nil
}

// answer reads status and headers of the answer, behind those that say that it
// is still to come: RFC 9110, section 15.2.
func (l *line) answer(r *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(l.in, r)
		if err != nil || resp.StatusCode < 100 || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// bounded reads from a line as much as there is room for.
type bounded struct{ l *line }

// Read implements io.Reader.
func (b bounded) Read(p []byte) (int, error) {
	if b.l.room <= 0 {
		return 0, errHeader
	}
	n, err := b.l.conn.Read(p[:min(int64(len(p)), b.l.room)])
	b.l.room -= int64(n)
	b.l.heard = b.l.heard || n > 0
	return n, err
}

// errHeader is for targets whose headers do not end.
var errHeader = fmt.Errorf("the answer's headers have more than %d bytes", maxAnswerHeader)

// answerBody is an answer's body, for one goroutine. Read to its end, it leaves
// the connection to others.
type answerBody struct {
	io.ReadCloser
	c     *client
	l     *line
	stop  func() bool
	keep  bool // the connection may be used again
	ended bool
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close implements io.Closer. What was not read is not waited for.
func (b *answerBody) Close() error {
	b.end(false)
	return nil
}

func (b *answerBody) end(whole bool) {
	if b.ended {
		return
	}
	b.ended = true
	if b.stop() && whole && b.keep {
		b.c.put(b.l)
	} else {
		b.l.close()
	}
}

// put keeps a connection for the next call.
func (c *client) put(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		l.close()
		return
	}
	if len(c.idle) == maxIdle {
		c.idle[0].close()
		c.idle = slices.Delete(c.idle, 0, 1)
	}
	l.under.readAhead(false)
	l.since, l.used = time.Now(), true
	c.idle = append(c.idle, l)
	if c.clean == nil {
		c.clean = time.AfterFunc(idleUpstream, c.sweep)
	}
}

// sweep closes connections that were idle for long.
func (c *client) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, until := 0, time.Now().Add(-idleUpstream)
	for n < len(c.idle) && !c.idle[n].since.After(until) {
		c.idle[n].close()
		n++
	}
	c.idle = slices.Delete(c.idle, 0, n)
	if c.clean = nil; len(c.idle) > 0 {
		c.clean = time.AfterFunc(c.idle[0].since.Sub(until), c.sweep)
	}
}

// close closes the idle connections; others are closed with their calls.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.idle {
		l.close()
	}
	if c.idle, c.over = nil, true; c.clean != nil {
		c.clean.Stop()
	}
}
