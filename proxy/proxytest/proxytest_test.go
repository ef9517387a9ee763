package proxytest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a testing.TB that only notes failures.
type fake struct {
	testing.TB
	failed  []string
	cleanup []func()
}

func (f *fake) Helper()          {}
func (f *fake) Cleanup(c func()) { f.cleanup = append(f.cleanup, c) }
func (f *fake) Errorf(format string, args ...any) {
	f.failed = append(f.failed, fmt.Sprintf(format, args...))
}
func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// run runs test against a fake and returns what failed.
func run(test func(testing.TB)) string {
	f := &fake{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
	for i := len(f.cleanup) - 1; i >= 0; i-- {
		f.cleanup[i]()
	}
	return strings.Join(f.failed, "\n")
}

// proto is a protocol that is a function.
type proto func(ctx context.Context, conn net.Conn, g *protocol.Gate) error

func (proto) Name() string { return "func" }
func (p proto) Serve(ctx context.Context, conn net.Conn, g *protocol.Gate) error {
	return p(ctx, conn, g)
}

func nowhere() protocol.Target { return protocol.Target{Name: "nowhere", Address: "127.0.0.1:1"} }

func gateway(p proto) func(*proxy.Builder) *proxy.Builder {
	return func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(proxytest.NewMint()).AllowAll().Listen("127.0.0.1:0", p, nowhere())
	}
}

func agent() identity.Proven {
	return identity.Proven{Principal: identity.Principal{Issuer: proxytest.Issuer, Subject: "agent"}, Scheme: "test"}
}

// one carries out one operation on each connection.
func one(ctx context.Context, conn net.Conn, g *protocol.Gate) error {
	s, err := g.Open(ctx, agent(), protocol.Route{Client: conn})
	if err != nil {
		return err
	}
	list, err := s.Begin(ctx, nil, protocol.Operation{Verb: "greet", Text: "hello agent"})
	if err != nil {
		return err
	}
	return list[0].Finish(protocol.Part{Kind: "line", Data: []byte("hello")}, protocol.Outcome{Result: protocol.OK})
}

func TestStartTellsWhatTheGatewayDid(t *testing.T) {
	gw := proxytest.Start(t, gateway(one))
	conn := gw.Dial(t)
	hello := make([]byte, 5)
	_, err := conn.Read(hello)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(hello))
	op := gw.Record.Operation(t, "agent")
	assert.Equal(t, "greet", op.Verb)
	assert.Equal(t, "hello", string(op.Output))
	assert.Equal(t, protocol.OK, gw.Record.Outcome(t, "hello agent"))
	assert.True(t, gw.Record.Holds([]byte("hello")))
	assert.False(t, gw.Record.Holds([]byte("goodbye")))
	gw.Record.WaitForKind(t, recorder.KindSessionClosed, 1)
	assert.True(t, gw.Log.Contains("session opened", "agent"))
	assert.False(t, gw.Log.Contains("session opened", "mallory"))
	assert.Contains(t, gw.Record.String(), `greet "hello agent" allow by rule "allow-all"`)
	require.NoError(t, gw.Stop())
}

func TestStartFailsTheTestOfABadGateway(t *testing.T) {
	failed := run(func(t testing.TB) {
		proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder { return b })
	})
	assert.Contains(t, failed, "cannot be built")
	assert.Contains(t, failed, "Identify: is missing")
}

func TestStartFindsGoroutinesThatAreLeft(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	failed := run(func(t testing.TB) {
		gw := proxytest.Start(t, gateway(func(context.Context, net.Conn, *protocol.Gate) error {
			go func() { <-release }()
			return nil
		}))
		_, _ = gw.Dial(t).Read(make([]byte, 1))
	})
	assert.Contains(t, failed, "left goroutines behind")
	assert.Contains(t, failed, "TestStartFindsGoroutinesThatAreLeft")
}

func TestWaitingInVainFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := run(func(t testing.TB) { proxytest.NewRecord().Operation(t, "nothing") })
		assert.Contains(t, failed, "waited in vain")
		failed = run(func(t testing.TB) { proxytest.NewPeople("ann").WaitAsked(t, 1) })
		assert.Contains(t, failed, "ann was asked 0 times, not 1")
		failed = run(func(t testing.TB) { proxytest.NewPeople("ann").WaitWithdrawn(t, 1) })
		assert.Contains(t, failed, "0 questions to ann were withdrawn, not 1")
	})
}

func TestRecordFailsWhenTold(t *testing.T) {
	r := proxytest.NewRecord()
	e := &recorder.Event{Session: "a", Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{}}
	r.FailAfter(1)
	require.NoError(t, r.Append(t.Context(), recorder.Durable, e))
	require.NoError(t, r.Ready())
	for range 2 {
		require.ErrorIs(t, r.Append(t.Context(), recorder.Taken, e), proxytest.ErrFull)
	}
	require.ErrorIs(t, r.Ready(), proxytest.ErrFull)
	assert.Equal(t, 1, r.Appends())
	assert.Len(t, r.Events(), 1)
}

func TestRecordKeepsCopies(t *testing.T) {
	r := proxytest.NewRecord()
	raw, payload := []byte("raw"), []byte("payload")
	op := &protocol.Operation{Params: []protocol.Param{{Raw: raw}}, Objects: []protocol.Object{{Name: "a"}}, Key: []byte("k")}
	require.NoError(t, r.Append(t.Context(), recorder.Taken, &recorder.Event{Session: "s", Operation: op, Payload: payload}))
	copy(raw, "xxx")
	copy(payload, "xxxxxxx")
	op.Objects[0].Name = "x"
	got := r.Events()[0]
	assert.Equal(t, "raw", string(got.Operation.Params[0].Raw))
	assert.Equal(t, "payload", string(got.Payload))
	assert.Equal(t, "a", got.Operation.Objects[0].Name)
	assert.Nil(t, got.Operation.Key)
	r.Thin()
	require.NoError(t, r.Append(t.Context(), recorder.Taken, &recorder.Event{Session: "s", Payload: payload}))
	assert.Nil(t, r.Events()[1].Payload)
	assert.EqualValues(t, 14, r.PayloadBytes())
}

func TestCheckFindsWhatIsOutOfOrder(t *testing.T) {
	opened := recorder.Event{Kind: recorder.KindSessionOpened}
	closed := recorder.Event{Kind: recorder.KindSessionClosed}
	head := func(v protocol.Verdict) recorder.Event {
		return recorder.Event{Kind: recorder.KindOperation, Exchange: 1, Operation: &protocol.Operation{}, Decision: &protocol.Decision{Verdict: v}}
	}
	input := recorder.Event{Kind: recorder.KindInput, Exchange: 1}
	end := recorder.Event{Kind: recorder.KindEnd, Exchange: 1, Outcome: &protocol.Outcome{Result: protocol.OK}}
	for want, events := range map[string][]recorder.Event{
		"not open":             {input},
		"opened twice":         {opened, opened},
		"end of its session":   {opened, closed, input},
		"no open exchange":     {opened, input},
		"two operations":       {opened, head(protocol.Allow), head(protocol.Allow)},
		"has no end":           {opened, head(protocol.Allow), closed},
		"was not allowed":      {opened, head(protocol.Ask), input},
		"not open\n":           nil,
		"decides what is not":  {opened, {Kind: recorder.KindDecision, Decision: &protocol.Decision{}}},
		"belongs to no open e": {opened, head(protocol.Allow), end, input},
	} {
		if events == nil {
			events, want = []recorder.Event{closed}, "not open"
		}
		r := proxytest.NewRecord()
		for i := range events {
			e := events[i]
			e.Session = "s"
			require.NoError(t, r.Append(t.Context(), recorder.Taken, &e))
		}
		assert.ErrorContains(t, r.Check(), want)
	}
	r := proxytest.NewRecord()
	for _, e := range []recorder.Event{opened, head(protocol.Allow), input, {Kind: recorder.KindOutput}, end, closed} {
		require.NoError(t, r.Append(t.Context(), recorder.Taken, &e))
	}
	require.NoError(t, r.Check())
}

func TestMint(t *testing.T) {
	m := proxytest.NewMint()
	verify := func(token string) (identity.Proven, error) {
		v, err := m.Verifier(t.Context(), identity.SchemeToken, "")
		require.NoError(t, err)
		return v.(identity.TokenVerifier).VerifyToken(t.Context(), token)
	}
	token := m.Token("amy", "agents")
	who, err := verify(token)
	require.NoError(t, err)
	assert.Equal(t, "proxytest|amy", who.Principal.ID())
	assert.Equal(t, []string{"agents"}, who.Principal.Groups)
	assert.NotContains(t, who.Credential, token)
	_, err = verify("token-of-another")
	require.ErrorIs(t, err, identity.ErrRefused)
	m.Revoke(token)
	_, err = verify(token)
	require.ErrorIs(t, err, identity.ErrRefused)
	_, err = verify(m.For(identity.Principal{Subject: "old", Expires: time.Now().Add(-time.Second)}))
	require.ErrorIs(t, err, identity.ErrExpired)
	_, err = m.Verifier(t.Context(), "smoke signals", "")
	require.ErrorIs(t, err, identity.ErrSchemeUnsupported)
	for _, name := range []string{"old", "stranger"} {
		v, err := m.Verifier(t.Context(), identity.SchemeSCRAMSHA256, name)
		require.NoError(t, err)
		assert.Implements(t, (*identity.SCRAMVerifier)(nil), v)
	}
}

func TestPeopleAnswerInOrder(t *testing.T) {
	p := proxytest.NewPeople("ann").Approve().Deny("no").Next(func(context.Context, approve.Request) (approve.Answer, error) {
		return approve.Answer{}, errors.New("asleep")
	})
	ask := func(ctx context.Context) (approve.Answer, error) { return p.Ask(ctx, approve.Request{Digest: "d"}) }
	a, err := ask(t.Context())
	require.NoError(t, err)
	assert.Equal(t, approve.Answer{Digest: "d", Approved: true, By: "ann"}, a)
	a, err = ask(t.Context())
	require.NoError(t, err)
	assert.Equal(t, approve.Answer{Digest: "d", By: "ann", Reason: "no"}, a)
	_, err = ask(t.Context())
	require.EqualError(t, err, "asleep")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ask(ctx)
	require.ErrorIs(t, err, context.Canceled)
	p.WaitWithdrawn(t, 1)
	assert.Len(t, p.WaitAsked(t, 4), 4)
}

func TestPolicy(t *testing.T) {
	rules := []approve.Rule{
		{Name: "reads", Effects: protocol.Read, Verdict: protocol.Allow},
		{Name: "drops", Verbs: []string{"drop"}, Verdict: protocol.Deny},
	}
	amy := identity.Principal{Issuer: "x", Subject: "amy"}
	proxytest.Policy(t, rules, []proxytest.Case{
		{Principal: amy, Target: "db", Operation: protocol.Operation{Verb: "select", Effects: protocol.Read}, Want: protocol.Allow},
		{Name: "nobody drops", Principal: amy, Operation: protocol.Operation{Verb: "drop"}, Want: protocol.Deny, Rule: "drops"},
	})
}
