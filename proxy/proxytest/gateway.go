package proxytest

import (
	"context"
	"log/slog"
	"net"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// Gateway is a gateway that runs for a test.
type Gateway struct {
	*proxy.Gateway
	// Record is what it has recorded, in memory.
	Record *Record
	// Log is what it has told its operator.
	Log *Log

	stop func() error
	told atomic.Bool // the test has had Serve's error
}

// Start builds a gateway and serves it until the test ends. build adds to a
// builder that has a name, a logger and an in-memory record: it says Identify,
// Approve or AllowAll, and Listen, best on "127.0.0.1:0".
//
// When the test ends the gateway is stopped; the test fails where Serve does
// (unless the record was made to fail), where a goroutine of the gateway is left, or where the record breaks an
// order that the engine promises, see [Record.Check].
func Start(t testing.TB, build func(*proxy.Builder) *proxy.Builder) *Gateway {
	t.Helper()
	g := &Gateway{Record: NewRecord(), Log: NewLog()}
	b := proxy.New("test").Logger(slog.New(g.Log)).Record(g.Record)
	gw, err := build(b).Build()
	if err != nil {
		t.Fatalf("proxytest: the gateway cannot be built: %v", err)
	}
	g.Gateway = gw
	mark := newMark()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	pprof.Do(ctx, pprof.Labels(markKey, mark), func(ctx context.Context) {
		go func() { served <- gw.Serve(ctx) }()
	})
	g.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		t.Helper()
		if err := g.stop(); err != nil && !g.told.Load() && g.Record.Ready() == nil {
			t.Errorf("proxytest: the gateway did not stop in order: %v", err)
		}
		if left := leftBehind(mark, time.Second); left != "" {
			t.Errorf("proxytest: the gateway left goroutines behind:\n%s", left)
		}
		if err := g.Record.Check(); err != nil {
			t.Errorf("proxytest: the record breaks what the engine promises: %v", err)
		}
	})
	if !g.Record.await(10*time.Second, started) {
		t.Fatalf("proxytest: the gateway did not start: %s", g.Log)
	}
	return g
}

// Stop stops the gateway and returns what Serve returned; the end of the test
// does it otherwise. The gateway drains, see [proxy.Limits].
func (g *Gateway) Stop() error {
	g.told.Store(true)
	return g.stop()
}

// Addr returns the address of the first listener.
func (g *Gateway) Addr() string { return g.Addrs()[0].String() }

// Dial connects to the first listener. The connection is closed when the test
// ends.
func (g *Gateway) Dial(t testing.TB) net.Conn {
	t.Helper()
	a := g.Addrs()[0]
	conn, err := net.DialTimeout(a.Network(), a.String(), 10*time.Second)
	if err != nil {
		t.Fatalf("proxytest: the gateway cannot be reached: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
