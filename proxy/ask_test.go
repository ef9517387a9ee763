package proxy_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

func proven(p identity.Principal) identity.Proven {
	return identity.Proven{Principal: p, Scheme: "test", Credential: "test-1"}
}

func identityWithout() identity.Principal { return identity.Principal{Subject: "agent"} }

func TestApprovalLetsTheOperationRunOnce(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	r.people.Approve().Approve()
	o := op("ask", "delete it")
	o.Key = []byte("unmasked digest")
	o.Params = []protocol.Param{{Name: "$1", Raw: []byte("x")}}
	for range 2 {
		x, err := begin(s, o)
		require.NoError(t, err)
		require.NoError(t, x.Finish(part("gone"), protocol.Outcome{Result: protocol.OK}))
	}
	asked := r.people.Asked()
	require.Len(t, asked, 2, "an approval is for one operation")
	assert.NotEqual(t, asked[0].Digest, asked[1].Digest)
	assert.Nil(t, asked[0].Operation.Key)
	assert.Equal(t, "agent", asked[0].Principal.Subject)
	ops := r.Record.Operations()
	require.Len(t, ops[0].Decisions, 2)
	assert.Equal(t, protocol.Ask, ops[0].Decisions[0].Verdict)
	assert.Equal(t, protocol.Allow, ops[0].Decision.Verdict)
	assert.Equal(t, "people", ops[0].Decision.By)
}

// A client that leaves while an approved operation, or one beside it, is judged
// once more has withdrawn it: the record ends it, and the session goes on.
func TestClientLeavesWhileItIsJudgedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		ops    []protocol.Operation
		update bool
	}{
		"what was approved": {[]protocol.Operation{op("ask", "a")}, false},
		"what is beside it": {[]protocol.Operation{op("read", "n"), op("ask", "a")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			var seen atomic.Int32
			slow := int32(len(c.ops)) // judgements before the one in which the client leaves
			if c.update {
				slow++ // of what was approved
			}
			r := policed(t, func(b *proxy.Builder) *proxy.Builder {
				return b.Use(func(next proxy.Admitter) proxy.Admitter {
					return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
						if seen.Add(1) != slow+1 {
							return next.Admit(ctx, a)
						}
						leave()
						return protocol.Decision{}, ctx.Err()
					})
				})
			})
			_, s := r.session()
			r.people.Next(func(ctx context.Context, q approve.Request) (approve.Answer, error) {
				if c.update {
					assert.NoError(t, r.Update(ctx, proxy.Change{Policy: rules()}))
				}
				return approve.Answer{Digest: q.Digest, Approved: true, By: "ann"}, nil
			})
			_, err := s.Begin(ctx, nil, c.ops...)
			require.ErrorContains(t, err, "the client left")
			require.Equal(t, slow+1, seen.Load())
			for _, o := range r.Record.Operations() {
				require.NotNil(t, o.Outcome, o.Text)
				assert.Contains(t, []protocol.Result{protocol.NotSent, protocol.Refused}, o.Outcome.Result, o.Text)
			}
			_, err = begin(s, op("read", "another"))
			require.NoError(t, err, "the session goes on")
		})
	}
}

func TestAnswersOfOthersDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		_, s := r.session()
		r.people.Approve().Next(func(context.Context, approve.Request) (approve.Answer, error) {
			return approve.Answer{Digest: r.people.Asked()[0].Digest, Approved: true}, nil
		})
		_, err := begin(s, op("ask", "one"))
		require.NoError(t, err)
		_, err = begin(s, op("ask", "two"))
		require.ErrorContains(t, err, "no approver could be asked")
		assert.Equal(t, protocol.Refused, r.only("two").Outcome.Result)
	})
}

func TestDenialByAPersonHasTheirWords(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	r.people.Deny("not\r\ntoday \x1b[31m\u202e " + strings.Repeat("x", 10_000))
	_, err := begin(s, op("ask", "a"))
	var denied *protocol.Denied
	require.ErrorAs(t, err, &denied)
	assert.Contains(t, denied.Error(), `not today \x1b[31m\u202e xxx`)
	assert.Less(t, len(denied.Error()), 1000)
	assert.Equal(t, "people", denied.Decision.By)
}

func TestSilenceDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		_, s := r.session()
		var told []protocol.Pending
		start := time.Now()
		_, err := s.Begin(context.Background(), func(p protocol.Pending) { told = append(told, p) }, op("ask", "a"))
		require.ErrorContains(t, err, "nobody approved it within 1m0s")
		assert.Equal(t, time.Minute, time.Since(start))
		require.GreaterOrEqual(t, len(told), 12)
		assert.Zero(t, told[0].Waited)
		assert.Equal(t, 5*time.Second, told[1].Waited)
		assert.Equal(t, []string{"people"}, told[0].Asked)
		assert.Equal(t, s.ID()+".1", told[0].ID)
		r.people.WaitWithdrawn(t, 1)
		_, err = begin(s, op("read", "still usable"))
		require.NoError(t, err)
	})
}

func TestApproverThatDoesNotListenIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		_, s := r.session()
		deaf := make(chan struct{})
		defer close(deaf)
		r.people.Next(func(context.Context, approve.Request) (approve.Answer, error) {
			<-deaf
			return approve.Answer{}, errors.New("late")
		})
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := s.Begin(ctx, nil, op("ask", "a"))
		require.ErrorContains(t, err, "the client left")
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestClientThatLeavesWithdrawsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		_, s := r.session()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err := s.Begin(ctx, nil, op("ask", "a"))
		require.ErrorContains(t, err, "the client left")
		r.people.WaitWithdrawn(t, 1)
		got := r.only("a")
		assert.Equal(t, protocol.Refused, got.Outcome.Result)
		assert.Contains(t, got.Decision.Reason, "the client left")
	})
}

func TestSessionThatEndsWithdrawsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		_, s := r.session()
		time.AfterFunc(time.Second, func() { r.End(s.ID(), "enough") })
		waiting := []string{}
		_, err := s.Begin(context.Background(), func(protocol.Pending) { waiting = r.Sessions()[0].Waiting }, op("ask", "a"))
		require.ErrorContains(t, err, "ended by the operator: enough")
		assert.Equal(t, []string{s.ID() + ".1"}, waiting)
		got := r.Record.Operation(t, "a")
		assert.Equal(t, protocol.Refused, got.Outcome.Result)
		assert.Contains(t, got.Decision.Reason, "the session ended")
	})
}

func TestTokenThatExpiresWhileAPersonThinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		v := r.connect()
		p := agent()
		p.Expires = time.Now().Add(30 * time.Second)
		s, err := v.open(p)
		require.NoError(t, err)
		r.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
			time.Sleep(30 * time.Second)
			return approve.Answer{Digest: q.Digest, Approved: true}, nil
		})
		_, err = begin(s, op("ask", "a"))
		require.ErrorIs(t, err, protocol.ErrExpired)
		r.Record.WaitForKind(t, "session closed", 1)
		assert.Equal(t, protocol.Deny, r.only("a").Decision.Verdict)
		assert.Equal(t, protocol.Refused, r.only("a").Outcome.Result)
	})
}

func TestPolicyThatChangesWhileAPersonThinks(t *testing.T) {
	deny := approve.Rule{Name: "frozen", Verdict: protocol.Deny, Reason: "change freeze"}
	other := approve.Rule{Name: "asks-others", Verbs: []string{"ask"}, Verdict: protocol.Ask, Approvers: []string{"people"}}
	for name, c := range map[string]struct {
		policy []approve.Rule
		ops    []protocol.Operation
		want   string
	}{
		"it denies":          {append(rules(), deny), []protocol.Operation{op("ask", "a")}, "change freeze"},
		"another rule asks":  {append([]approve.Rule{other}, rules()...), []protocol.Operation{op("ask", "a")}, "the policy changed while it waited"},
		"it allows":          {append(rules()[:1:1], approve.Rule{Name: "all", Verdict: protocol.Allow}), []protocol.Operation{op("ask", "a")}, ""},
		"it is the same":     {rules(), []protocol.Operation{op("ask", "a")}, ""},
		"a neighbour denied": {rules()[1:], []protocol.Operation{op("read", "n"), op("ask", "a")}, "no rule allows it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := policed(t)
			_, s := r.session()
			r.people.Next(func(ctx context.Context, q approve.Request) (approve.Answer, error) {
				assert.NoError(t, r.Update(ctx, proxy.Change{Policy: c.policy}))
				return approve.Answer{Digest: q.Digest, Approved: true, By: "ann"}, nil
			})
			_, err := s.Begin(context.Background(), nil, c.ops...)
			if c.want == "" {
				require.NoError(t, err)
				assert.Equal(t, protocol.Allow, r.only("a").Decision.Verdict)
				return
			}
			require.ErrorContains(t, err, c.want)
			for _, o := range r.Record.Operations() {
				require.NotNil(t, o.Outcome, o.Text)
				assert.NotEqual(t, protocol.Unknown, o.Outcome.Result)
			}
		})
	}
}

func TestBuffersMayBeUsedAgainWhilePeopleThink(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	raw := []byte("harmless")
	o := op("ask", "a")
	o.Params = []protocol.Param{{Name: "$1", Raw: raw}}
	var shown string
	r.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
		copy(raw, "malign!!")
		shown = string(q.Operation.Params[0].Raw)
		return approve.Answer{Digest: q.Digest, Approved: true}, nil
	})
	_, err := begin(s, o)
	require.NoError(t, err)
	assert.Equal(t, "harmless", shown)
}

func TestWithdrawnBeforeItBegan(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Begin(ctx, nil, op("read", "a"))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, r.Record.Operations())
}
