package protocol_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// The sequences of docs/architecture.md, on the real engine: what the contract
// must be able to say for protocols that do not look alike. The wires are
// lines of text, so that a sequence reads from top to bottom.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// speaker is a protocol as small as one sequence needs.
type speaker struct {
	serve func(ctx context.Context, client *peer, g *protocol.Gate) error
}

func (s speaker) Name() string { return "speaker" }

func (s speaker) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	return s.serve(ctx, newPeer(client), g)
}

// peer speaks lines.
type peer struct {
	net.Conn
	in *bufio.Reader
}

func newPeer(c net.Conn) *peer { return &peer{c, bufio.NewReader(c)} }

// hear returns the next line, or "" once there is none.
func (p *peer) hear() string {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) say(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

// words cuts a line at its first n-1 spaces; missing words are empty.
func words(line string, n int) []string {
	list := strings.SplitN(line, " ", n)
	return append(list, make([]string, n-len(list))...)
}

// rig is a gateway with a protocol and a target that the test wrote.
type rig struct {
	*proxytest.Gateway
	t      *testing.T
	ln     pipes
	mint   *proxytest.Mint
	people *proxytest.People
}

// start runs a gateway. target serves each connection to the target; more adds
// to the builder.
func start(t *testing.T, s speaker, target func(*rig, *peer), more ...func(*proxy.Builder) *proxy.Builder) *rig {
	t.Helper()
	r := &rig{t: t, ln: newPipes(), mint: proxytest.NewMint(), people: proxytest.NewPeople("people")}
	var targets sync.WaitGroup
	t.Cleanup(targets.Wait)
	r.run(s, func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		_ = there.SetDeadline(time.Now().Add(patience()))
		targets.Go(func() {
			defer there.Close()
			target(r, newPeer(there))
		})
		return here, nil
	}, more...)
	return r
}

type dialer = func(context.Context, string, string) (net.Conn, error)

func (r *rig) run(s speaker, dial dialer, more ...func(*proxy.Builder) *proxy.Builder) {
	r.Gateway = proxytest.Start(r.t, func(b *proxy.Builder) *proxy.Builder {
		b = b.Identify(r.mint).Approve(policy(), r.people)
		for _, f := range more {
			b = f(b)
		}
		return b.ListenOn(r.ln, s, protocol.Target{Name: "target", Address: "127.0.0.1:1", Dial: dial})
	})
}

// patience is how long a sequence may take before it counts as stuck.
func patience() time.Duration {
	if soak() {
		return 10 * time.Minute
	}
	return 30 * time.Second
}

func soak() bool { return os.Getenv("SALLYPORT_SOAK") == "1" }

func policy() []approve.Rule {
	return []approve.Rule{
		{Name: "no-drops", Verbs: []string{"drop"}, Verdict: protocol.Deny, Reason: "nobody drops here"},
		{Name: "asks", Verbs: []string{"ask", "tools/call"}, Verdict: protocol.Ask, Timeout: time.Minute},
		{Name: "rest", Verdict: protocol.Allow},
	}
}

// client connects.
func (r *rig) client() *peer {
	c := r.ln.dial()
	_ = c.SetDeadline(time.Now().Add(patience()))
	r.t.Cleanup(func() { c.Close() })
	return newPeer(c)
}

// agent connects and shows a token.
func (r *rig) agent(name string) *peer {
	c := r.client()
	c.say("%s", r.mint.Token(name))
	return c
}

// reached is what a target calls for what has reached it. Whatever it is must
// stand in the record by then, as the text or input of an allowed operation.
func (r *rig) reached(what string) {
	for _, op := range r.Record.Operations() {
		if op.Decision.Verdict == protocol.Allow && (strings.Contains(op.Text, what) || bytes.Contains(op.Input, []byte(what))) {
			return
		}
	}
	assert.Failf(r.t, "reached the target before the record", "%q; the record:\n%s", what, r.Record)
}

// sealed reports whether some exchange's parts were made durable.
func (r *rig) sealed() bool {
	return slices.ContainsFunc(r.Record.Events(), func(e recorder.Event) bool {
		return e.Kind == recorder.KindNote && e.Note.Kind == "sealed"
	})
}

// kinds lists the kinds of events of an operation.
func (r *rig) kinds(op proxytest.Operation) []string {
	var list []string
	for _, e := range r.Record.Events() {
		if e.Session == op.Session && e.Exchange == op.ID {
			list = append(list, string(e.Kind))
		}
	}
	return list
}

// opened lists who opened sessions, in order.
func (r *rig) opened() []string {
	var list []string
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindSessionOpened && e.Opened.Protocol == "speaker" {
			list = append(list, e.Opened.Principal.Subject)
		}
	}
	return list
}

// byToken opens a session for whom the client's first line proves.
func byToken(ctx context.Context, c *peer, g *protocol.Gate) (*protocol.Session, error) {
	who, err := proven(ctx, c.hear(), g)
	if err != nil {
		return nil, err
	}
	return g.Open(ctx, who, protocol.Route{Client: c})
}

func proven(ctx context.Context, token string, g *protocol.Gate) (identity.Proven, error) {
	v, err := g.Verifier(ctx, identity.SchemeToken, "")
	if err != nil {
		return identity.Proven{}, err
	}
	who, err := v.(identity.TokenVerifier).VerifyToken(ctx, token)
	if err != nil {
		g.Refused("", err)
	}
	return who, err
}

// dialed connects a session to its target.
func dialed(ctx context.Context, s *protocol.Session) (*peer, error) {
	c, err := s.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return nil, err
	}
	return newPeer(c), nil
}

// begin begins one operation.
func begin(ctx context.Context, s *protocol.Session, op protocol.Operation) (*protocol.Exchange, *protocol.Denied, error) {
	list, err := s.Begin(ctx, nil, op)
	if d, ok := errors.AsType[*protocol.Denied](err); ok {
		return nil, d, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return list[0], nil, nil
}

func text(format string, args ...any) protocol.Part {
	return protocol.Part{Kind: "text", Data: fmt.Appendf(nil, format+"\n", args...)}
}

func done() protocol.Outcome { return protocol.Outcome{Result: protocol.OK} }

// pipes is a net.Listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() pipes {
	done := make(chan struct{})
	return pipes{make(chan net.Conn), done, sync.OnceFunc(func() { close(done) })}
}

func (l pipes) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
	case <-l.done:
		server.Close()
	}
	return client
}

func (l pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipes) Close() error {
	l.close()
	return nil
}

func (l pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// stopped ends the gateway and so the sessions, so that the record is whole.
func (r *rig) stopped() { require.NoError(r.t, r.Stop()) }
