package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// picky is a protocol with settings that are wrong.
type picky struct{ hand }

func (*picky) Validate(targets []protocol.Target) error {
	return errors.Join(errors.New("Login is missing for "+targets[0].Name),
		fmt.Errorf("bounds: %w, %w", errors.New("one"), errors.New("two")))
}

func TestBuildReportsEveryMistakeAtOnce(t *testing.T) {
	ln := newPipeListener()
	_, err := proxy.New("no spaces please").
		Identify(nil).
		Record(nil).
		Mask(mask.Rule{}).
		Approve([]approve.Rule{
			{Name: "a", Verdict: protocol.Ask, Approvers: []string{"nobody"}},
			{Verdict: protocol.Allow},
		}, nil, proxytest.NewPeople("x"), proxytest.NewPeople("x"), proxytest.NewPeople("")).
		AllowAll().
		Use(nil).
		Limits(proxy.Limits{Approval: -1}).
		Certificate(tls.Certificate{}).
		Listen("127.0.0.1:0", nil, protocol.Target{Name: "a", Address: "b:1"}).
		Listen("127.0.0.1:0", &hand{}, protocol.Target{}, protocol.Target{Name: "x"}, protocol.Target{Name: "a", Address: "b:2"}, protocol.Target{Name: "a", Address: "b:2"}).
		Listen("127.0.0.1:0", &picky{}, protocol.Target{Name: "a", Address: "b:3"}).
		ListenTLS("127.0.0.1:0", &hand{}, protocol.Target{Name: "t", Address: "b:3"}).
		ListenOn(nil, &hand{}, protocol.Target{Name: "t", Address: "b:3"}).
		ListenOn(ln, nil, protocol.Target{Name: "t", Address: "b:3"}).
		Build()
	require.Error(t, err)
	for _, want := range []string{
		`New: the name "no spaces please"`,
		"Identify: an authenticator is nil", "Identify: is missing",
		"Record: the log is nil", "Record: is missing",
		"Mask: mask rule 1",
		"Approve: an approver is nil", `Approve: two approvers are called "x"`, "Approve: an approver has no name",
		`Approve: rule "a" asks "nobody"`, "Approve: rule 2",
		"AllowAll: contradicts Approve",
		"Use: a middleware is nil",
		"Limits: Approval",
		"Certificate: needs",
		"Listen: 127.0.0.1:0: the protocol is nil",
		"Listen: 127.0.0.1:0: a target has no name", `target "x" has no address`, `target "a" is there twice`,
		"Listen: 127.0.0.1:0: Login is missing for a", "Listen: 127.0.0.1:0: bounds: one, two",
		`target "a" is b:3 here and b:2 elsewhere`,
		"ListenTLS: 127.0.0.1:0: needs a Certificate",
		"ListenOn: the listener is nil", "ListenOn: pipe: the protocol is nil",
	} {
		assert.ErrorContains(t, err, want)
	}
	select {
	case <-ln.done:
	default:
		t.Error("the given listener is still open")
	}
}

func TestBuildNamesWhatIsMissing(t *testing.T) {
	_, err := proxy.New("a").Build()
	for _, want := range []string{"Identify: is missing", "Record: is missing", "Approve: is missing", "Listen: is missing"} {
		require.ErrorContains(t, err, want)
	}
	_, err = proxy.New("a").Approve(rules()).Build()
	require.ErrorContains(t, err, `rule "asks" asks, but there is no approver`)
	_, err = proxy.New("a").Record(proxytest.NewRecord()).Record(proxytest.NewRecord()).Approve(nil).Approve(nil).Build()
	require.ErrorContains(t, err, "Record: was called twice")
	require.ErrorContains(t, err, "Approve: was called twice")
}

func complete() *proxy.Builder {
	return proxy.New("a").Identify(proxytest.NewMint()).Record(proxytest.NewRecord()).AllowAll().Logger(slog.New(slog.DiscardHandler))
}

func TestBuildLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	ln := newPipeListener()
	b := complete().
		ListenOn(ln, &hand{}, protocol.Target{Name: "t", Address: "b:3"}).
		Listen(taken.Addr().String(), &hand{}, protocol.Target{Name: "t", Address: "b:3"})
	_, err = b.Build()
	require.ErrorContains(t, err, "Listen: "+taken.Addr().String())
	<-ln.done
	_, err = b.Build()
	require.ErrorContains(t, err, "called twice")

	ln = newPipeListener()
	_, err = complete().ListenOn(ln, &hand{}, protocol.Target{Name: "t", Address: "b:3"}).
		Use(func(proxy.Admitter) proxy.Admitter { return nil }).Build()
	require.ErrorContains(t, err, "Use: middleware 1 returned nil")
	<-ln.done
}

func TestServeOnce(t *testing.T) {
	ln := newPipeListener()
	gw, err := complete().ListenOn(ln, &hand{}, protocol.Target{Name: "t", Address: "b:3"}).Build()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, gw.Serve(ctx))
	require.ErrorContains(t, gw.Serve(ctx), "called twice")
	require.ErrorContains(t, gw.Update(t.Context(), proxy.Change{Masks: []mask.Rule{}}), "has stopped")
}

func TestServeThatCannotRecordItsStart(t *testing.T) {
	ln := newPipeListener()
	record := proxytest.NewRecord()
	record.FailAfter(0)
	gw, err := proxy.New("a").Identify(proxytest.NewMint()).Record(record).AllowAll().
		ListenOn(ln, &hand{}, protocol.Target{Name: "t", Address: "b:3"}).Build()
	require.NoError(t, err)
	require.ErrorIs(t, gw.Serve(t.Context()), proxytest.ErrFull)
	<-ln.done
}

func TestReadyTellsWhatIsNot(t *testing.T) {
	r := policed(t)
	require.NoError(t, r.Gateway.Ready(t.Context()))
	r.hand.cold.Store(true)
	r.slow = true
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := r.Gateway.Ready(ctx)
	require.ErrorContains(t, err, "hand: the parser is cold")
	require.ErrorContains(t, err, "target db: context deadline exceeded")
}

func TestTLSFromTheFirstByte(t *testing.T) {
	cert, roots := newCertificate(t)
	h := &hand{visits: make(chan *visit)}
	r := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(proxytest.NewMint()).AllowAll().Certificate(cert).
			ListenTLS("127.0.0.1:0", h, protocol.Target{Name: "t", Address: "b:3"})
	})
	conn, err := tls.Dial("tcp", r.Addr(), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
	require.NoError(t, err)
	defer conn.Close()
	v := <-h.visits
	assert.True(t, v.gate.Private())
	assert.NotNil(t, v.gate.TLS())
	v.hang(nil)
	_, err = conn.Read(make([]byte, 1))
	require.EqualError(t, err, "EOF", "the connection is ended and not cut")

	next, nextRoots := newCertificate(t)
	require.NoError(t, r.Update(t.Context(), proxy.Change{Certificate: &next}))
	conn2, err := tls.Dial("tcp", r.Addr(), &tls.Config{RootCAs: nextRoots, ServerName: "127.0.0.1"})
	require.NoError(t, err)
	defer conn2.Close()
	(<-h.visits).hang(nil)

	plain := r.Dial(t)
	_, err = plain.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	r.Record.WaitForKind(t, "refused", 1)
}
