package proxy_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a gateway whose protocol is the test itself: it holds the Gate of
// each connection. Everything is in memory, so that it runs in a synctest
// bubble too.
type rig struct {
	*proxytest.Gateway
	t      testing.TB
	ln     *pipeListener
	hand   *hand
	people *proxytest.People

	slow    bool // dials hang until they are given up
	mu      sync.Mutex
	targets []net.Conn // our ends of the connections that the gateway dialed
}

func newRig(t testing.TB, build func(*proxy.Builder) *proxy.Builder) *rig {
	t.Helper()
	r := &rig{t: t, ln: newPipeListener(), hand: &hand{visits: make(chan *visit)}, people: proxytest.NewPeople("people")}
	target := protocol.Target{Name: "db", Address: "127.0.0.1:1", Dial: r.dial}
	r.Gateway = proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return build(b.Identify(proxytest.NewMint()).ListenOn(r.ln, r.hand, target))
	})
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.targets {
			c.Close()
		}
	})
	return r
}

// policed is a rig with rules that allow "read", ask about "ask" and deny the rest.
func policed(t testing.TB, more ...func(*proxy.Builder) *proxy.Builder) *rig {
	people := proxytest.NewPeople("people")
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder {
		b.Approve(rules(), people)
		for _, f := range more {
			f(b)
		}
		return b
	})
	r.people = people
	return r
}

func rules() []approve.Rule {
	return []approve.Rule{
		{Name: "reads", Verbs: []string{"read"}, Verdict: protocol.Allow},
		{Name: "asks", Verbs: []string{"ask"}, Verdict: protocol.Ask, Timeout: time.Minute},
		{Name: "no-drops", Verbs: []string{"drop"}, Verdict: protocol.Deny, Reason: "nobody drops here"},
	}
}

func (r *rig) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if r.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	here, there := net.Pipe()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = append(r.targets, there)
	return here, nil
}

// connect opens a client connection and returns it with its gate.
func (r *rig) connect() *visit {
	r.t.Helper()
	client := r.ln.dial()
	v := <-r.hand.visits
	v.client, v.t = client, r.t
	r.t.Cleanup(func() { client.Close() })
	return v
}

// session connects and opens a session for agent.
func (r *rig) session() (*visit, *protocol.Session) {
	r.t.Helper()
	v := r.connect()
	s, err := v.open(agent())
	require.NoError(r.t, err)
	return v, s
}

func agent() identity.Principal {
	return identity.Principal{Issuer: proxytest.Issuer, Subject: "agent", Groups: []string{"agents"}}
}

// visit is one connection, held by the test.
type visit struct {
	t      testing.TB
	client net.Conn
	conn   net.Conn
	gate   *protocol.Gate
	ctx    context.Context
	out    *buffer // what the client was sent, unless open is told otherwise
	leave  chan error
	served chan struct{}
}

func (v *visit) open(p identity.Principal) (*protocol.Session, error) {
	return v.gate.Open(v.ctx, identity.Proven{Principal: p, Scheme: "test", Credential: "test-1"}, protocol.Route{Client: v.out})
}

// hang ends Serve with err and waits for the engine to clean up.
func (v *visit) hang(err error) {
	v.leave <- err
	<-v.served
}

// hand is the protocol: it hands each connection to the test, and returns when
// the test says so or when the connection is closed.
type hand struct {
	visits chan *visit
	cold   atomic.Bool   // Ready fails
	deaf   chan struct{} // where not nil, Serve returns only when it is closed
}

func (h *hand) Name() string { return "hand" }

func (h *hand) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	v := &visit{conn: client, gate: g, ctx: ctx, out: &buffer{}, leave: make(chan error, 1), served: make(chan struct{})}
	defer close(v.served)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, client)
	}()
	defer func() {
		client.Close()
		<-gone
		if h.deaf != nil {
			<-h.deaf
		}
	}()
	select {
	case h.visits <- v:
	case <-gone:
		return nil
	}
	select {
	case err := <-v.leave:
		if p, ok := err.(panicking); ok {
			panic(string(p))
		}
		return err
	case <-gone:
		return io.ErrUnexpectedEOF
	}
}

func (h *hand) Ready(context.Context) error {
	if h.cold.Load() {
		return errors.New("the parser is cold")
	}
	return nil
}

// panicking makes the protocol panic.
type panicking string

func (p panicking) Error() string { return string(p) }

// buffer is a client's side that takes everything.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// pipeListener is a net.Listener in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
	case <-l.done:
		server.Close()
	}
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func op(verb, text string) protocol.Operation {
	return protocol.Operation{Verb: verb, Text: text}
}

func part(data string) protocol.Part { return protocol.Part{Kind: "text", Data: []byte(data)} }

// begin begins one operation.
func begin(s *protocol.Session, o protocol.Operation) (*protocol.Exchange, error) {
	list, err := s.Begin(context.Background(), nil, o)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// kinds lists the kinds of events of a session, in order.
func (r *rig) kinds(session string) []string {
	var list []string
	for _, e := range r.Record.Events() {
		if e.Session == session {
			list = append(list, string(e.Kind))
		}
	}
	return list
}

func (r *rig) only(text string) proxytest.Operation {
	r.t.Helper()
	list := slices.DeleteFunc(r.Record.Operations(), func(o proxytest.Operation) bool { return o.Text != text })
	require.Len(r.t, list, 1, "operations %q", text)
	return list[0]
}

// newCertificate makes a certificate for 127.0.0.1 and the roots that trust it.
func newCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}
