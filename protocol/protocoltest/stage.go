package protocoltest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// stage is a gateway with the plugin, between a client and a target that the
// kit watches.
type stage struct {
	*proxytest.Gateway
	p      *Plugin
	mint   *proxytest.Mint
	people *proxytest.People
	front  *wire // client to gateway
	back   *wire // gateway to target
}

func start(t testing.TB, p *Plugin, masks ...mask.Rule) *stage {
	t.Helper()
	s := &stage{p: p, mint: proxytest.NewMint(), people: proxytest.NewPeople("people"), front: &wire{}, back: &wire{}}
	target := p.Target(t)
	dial := target.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	target.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return s.back.wrap(conn), nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("protocoltest: %v", err)
	}
	s.Gateway = proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(append([]identity.Authenticator{s.mint}, p.Identify...)...).Mask(masks...).Approve(p.Rules, s.people).
			Limits(proxy.Limits{Drain: time.Second, Linger: 100 * time.Millisecond}).
			ListenOn(&wiredListener{ln, s.front}, p.New(), target)
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Gateway.Ready(ctx); err != nil {
		t.Fatalf("protocoltest: the gateway is not ready: %v", err)
	}
	return s
}

// connect logs in and returns the client with its connection.
func (s *stage) connect(t testing.TB, token string) (Client, net.Conn, error) {
	t.Helper()
	conn := s.Dial(t)
	c, err := s.p.Connect(s.soon(t), conn, user, token)
	if err != nil {
		return nil, conn, err
	}
	t.Cleanup(func() { c.Close() })
	return c, conn, nil
}

// user is the subject of the kit's principal.
const user = "agent"

// agent logs in with a token that is good.
func (s *stage) agent(t testing.TB) (Client, net.Conn) {
	t.Helper()
	c, conn, err := s.connect(t, s.mint.Token(user, "agents"))
	if err != nil {
		t.Fatalf("the client cannot log in: %v\n%s", err, s.Log)
	}
	return c, conn
}

// must carries out an operation that has to succeed.
func (s *stage) must(t testing.TB, c Client, op string) []byte {
	t.Helper()
	v, err := c.Do(s.soon(t), op)
	if err != nil {
		t.Fatalf("%q fails: %v\n%s", op, err, s.Log)
	}
	return v
}

// soon returns a context for what must happen soon.
func (s *stage) soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), s.p.patience())
	t.Cleanup(cancel)
	return ctx
}

// ops returns the recorded operations that clients asked for.
func (s *stage) ops() []proxytest.Operation {
	var list []proxytest.Operation
	for _, op := range s.Record.Operations() {
		if op.Origin == protocol.OriginClient {
			list = append(list, op)
		}
	}
	return list
}

// becomes waits until what is true, and reports whether it came true in time.
func becomes(limit time.Duration, what func() bool) bool {
	for end := time.Now().Add(limit); !what(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
