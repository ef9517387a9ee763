package aws

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// connection is one client's connection. In proxy mode it leads to one host.
type connection struct {
	p     *Plugin
	gate  *protocol.Gate
	host  string     // that the client CONNECTed to; empty in endpoint mode
	aws   model.Host // what host says
	plain bool       // others can read it
	h2    bool       // the client has chosen HTTP/2
	keys  sigv4.Keys // of the client, who mostly has one
	bulk  *bulk      // under TLS, where bodies come one after the other; else nil
}

const (
	maxHeader     = 64 << 10 // bytes of a request's headers
	maxConnect    = 8 << 10  // bytes of a CONNECT request
	headerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxStreams    = 100 // calls at once on a connection of HTTP/2
)

// enter finds out how the client comes: by TLS or without, as a proxy's client
// or not. It returns the connection on which HTTP requests follow.
func (c *connection) enter(ctx context.Context, client net.Conn) (net.Conn, error) {
	conn := newPeeked(client)
	private := c.gate.Private()
	first, err := conn.in.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("the client said nothing: %w", err)
	}
	if first[0] == tlsHandshake {
		config := c.gate.TLS()
		if config == nil {
			return nil, errors.New("the client speaks TLS, but the gateway has no certificate")
		}
		// Go's clients say h2 to a proxy, and then CONNECT by HTTP/1.1.
		if conn, err = c.handshake(ctx, conn, config); err != nil {
			return nil, err
		}
		private = true
	}
	if start, _ := conn.in.Peek(len("CONNECT ")); string(start) == "CONNECT " {
		return c.tunnel(ctx, conn)
	}
	if c.plain = !private; c.plain && !c.p.config.Plaintext {
		return nil, c.turnAway(conn, http.StatusBadRequest, "this gateway takes requests by TLS only: use https", errors.New("the client came without TLS"))
	}
	if c.plain {
		c.gate.Logger().Warn("a client came without TLS, as Config.Plaintext allows: what it sends and gets can be read on the way")
	}
	return conn, nil
}

const tlsHandshake = 0x16 // the type of the first record, RFC 8446, section 5.1

func (c *connection) handshake(ctx context.Context, conn net.Conn, config *tls.Config) (*peeked, error) {
	config = config.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	under := &bulk{Conn: conn, blocks: c.p.blocks}
	secure := tls.Server(under, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	c.bulk = under
	if c.h2 = secure.ConnectionState().NegotiatedProtocol == "h2"; c.h2 {
		c.bulk = nil
	}
	return newPeeked(secure), nil
}

// tunnel answers a CONNECT request, for hosts of AWS where the target is AWS:
// another could take an address of AWS's to mean something else.
func (c *connection) tunnel(ctx context.Context, conn *peeked) (net.Conn, error) {
	limited := &io.LimitedReader{R: conn.in, N: maxConnect}
	// One byte at a time, lest the TLS handshake that follows be swallowed.
	r, err := http.ReadRequest(bufio.NewReaderSize(onebyte{limited}, 16))
	if err != nil {
		return nil, c.turnAway(conn, http.StatusBadRequest, "the CONNECT request cannot be read", fmt.Errorf("the CONNECT request cannot be read: %w", err))
	}
	host, port, err := net.SplitHostPort(r.Host)
	known, ok := model.Host{}, false
	if err == nil && port == "443" {
		known, ok = c.p.table.ParseHost(host)
	}
	switch {
	case c.p.leaves == nil:
		return nil, c.turnAway(conn, http.StatusMethodNotAllowed, "this gateway is no proxy: it has no authority for certificates; use AWS_ENDPOINT_URL",
			errors.New("the client asked for a proxy, which the gateway is not"))
	case !ok:
		return nil, c.turnAway(conn, http.StatusForbidden, "this gateway is a proxy for AWS's hosts only, at port 443",
			fmt.Errorf("the client asked for %s, which is no host of AWS", clip(r.Host, 300)))
	}
	if target, err := c.gate.Target(protocol.Route{}); err != nil {
		return nil, c.turnAway(conn, http.StatusForbidden, protocol.Public(err), err)
	} else if len(target.Endpoints) == 0 {
		return nil, c.turnAway(conn, http.StatusForbidden, "this gateway leads to one server and not to AWS: use AWS_ENDPOINT_URL",
			errors.New("the client asked for a host of AWS, which the target is not"))
	}
	certificate, err := c.p.leaves.Certificate(strings.ToLower(host))
	if err != nil {
		return nil, c.turnAway(conn, http.StatusForbidden, "this gateway's authority does not vouch for that host", err)
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return nil, err
	}
	c.host, c.aws = strings.ToLower(host), known
	return c.handshake(ctx, conn, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate}})
}

// leadsTo returns an error for a request that names another host than the
// connection is for.
func (c *connection) leadsTo(host string) error {
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		host = name
	}
	if c.host != "" && !strings.EqualFold(host, c.host) {
		return fmt.Errorf("%w: the request is for another host than the connection", sigv4.ErrMalformed)
	}
	return nil
}

// answersIn returns an error for a request that is signed for another region
// than the connection's host is in: rules and record go by the signature's.
func (c *connection) answersIn(service *model.Service, region string) error {
	if c.aws.Region == "" || c.aws.Region == region {
		return nil
	}
	if host, signing, err := c.p.table.Endpoint(service, c.aws.Region); err == nil && host == c.host && signing == region {
		return nil
	}
	return fmt.Errorf("%w: the signature is for %s and the host is in %s", sigv4.ErrMalformed, clip(region, 60), c.aws.Region)
}

// turnAway records that a client will not be served, and tells it so. It
// returns the reason, as one that was recorded.
func (c *connection) turnAway(conn net.Conn, status int, words string, reason error) error {
	c.gate.Refused("", reason)
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
		status, http.StatusText(status), len(words)+1, words)
	// What was not read would have the answer thrown away with the connection.
	_ = conn.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.CopyN(io.Discard, conn, maxHeader)
	return turnedAway{reason}
}

// turnedAway is an error that is in the record already.
type turnedAway struct{ error }

func (e turnedAway) Unwrap() error { return e.error }

const lingering = 500 * time.Millisecond

// serve answers requests until the connection ends, and returns when nothing
// of it runs any more.
func (c *connection) serve(ctx context.Context, conn net.Conn) error {
	line := &oneConn{conn: conn, closed: make(chan struct{})}
	var running sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			c.handle(w, r)
		}),
		DisableGeneralOptionsHandler: true, // nothing is answered that is not recorded
		ReadHeaderTimeout:            headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog:    log.New(debugLog{c.gate.Logger()}, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				line.Close()
			}
		},
	}
	// It is told which protocol, since TLS is not for it to see.
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(!c.h2)
	server.Protocols.SetUnencryptedHTTP2(c.h2)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	err := server.Serve(line)
	stop()
	server.Close()
	running.Wait()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// debugLog takes what net/http says of clients that break off.
type debugLog struct{ to *slog.Logger }

func (l debugLog) Write(b []byte) (int, error) {
	l.to.Debug("http", "message", protocol.Visible(string(bytes.TrimSpace(b))))
	return len(b), nil
}

// oneConn is a listener that has one connection and then waits for its end.
type oneConn struct {
	conn   net.Conn
	once   sync.Once
	taken  bool
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return l.conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// peeked is a connection whose first bytes can be looked at.
type peeked struct {
	net.Conn
	in *bufio.Reader
}

func newPeeked(conn net.Conn) *peeked { return &peeked{conn, bufio.NewReaderSize(conn, 16)} }

// Read implements net.Conn.
func (c *peeked) Read(b []byte) (int, error) {
	if c.in.Buffered() > 0 || len(b) < 16 {
		return c.in.Read(b)
	}
	return c.Conn.Read(b)
}

// CloseWrite tells the client that nothing more comes: net/http does that, and
// waits, lest an answer be lost for what the client still sends.
func (c *peeked) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// onebyte reads one byte at a time.
type onebyte struct{ io.Reader }

func (r onebyte) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(len(b), 1)]) }
