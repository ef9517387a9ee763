package proxy_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

func TestAllowedOperationIsRecordedBeforeItRuns(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	x, err := begin(s, op("read", "read a"))
	require.NoError(t, err)
	require.Equal(t, []string{"session opened", "operation"}, r.kinds(s.ID()))
	require.NoError(t, x.Input(part("more")))
	require.NoError(t, x.Seal())
	require.NoError(t, x.Annotate(protocol.Annotation{Kind: "shape", Data: []byte("a")}))
	require.NoError(t, x.Emit(part("row")))
	require.NoError(t, x.Finish(part("done"), protocol.Outcome{Result: protocol.OK, Units: 1}))
	require.NoError(t, s.Note("remark", "that was it"))
	require.NoError(t, s.Emit(part("!")))
	assert.Equal(t, "rowdone!", v.out.String())
	require.NoError(t, s.Close("done"))
	assert.Equal(t, []string{"session opened", "operation", "input", "note", "annotation", "output", "end", "note", "output", "session closed"}, r.kinds(s.ID()))
	got := r.only("read a")
	assert.Equal(t, "more", string(got.Input))
	assert.Equal(t, "rowdone", string(got.Output))
	assert.Equal(t, protocol.OK, got.Outcome.Result)
	assert.Equal(t, "reads", got.Decision.Rule)
	assert.NotEmpty(t, got.Decision.Policy)
	assert.Empty(t, r.Sessions())
}

func TestDenialEndsTheBatchAndNotTheSession(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	_, err := s.Begin(context.Background(), nil, op("read", "first"), op("drop", "second"), op("what", "third"))
	var denied *protocol.Denied
	require.ErrorAs(t, err, &denied)
	assert.Equal(t, 1, denied.Index)
	assert.Equal(t, `denied by rule "no-drops": nobody drops here (operation `+s.ID()+`.2)`, denied.Error())
	assert.Equal(t, protocol.NotSent, r.only("first").Outcome.Result)
	assert.Equal(t, protocol.Refused, r.only("second").Outcome.Result)
	assert.Equal(t, protocol.NotSent, r.only("third").Outcome.Result)

	x, err := begin(s, op("read", "fourth"))
	require.NoError(t, err)
	require.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}))

	_, err = begin(s, op("what", "no rule"))
	require.ErrorContains(t, err, "no rule allows it")
	assert.True(t, r.Log.Contains("operation denied", "no-drops"))
}

func TestRefusedByThePluginWhateverThePolicySays(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll().Observe() })
	_, s := r.session()
	o := op("read", "odd")
	o.Refuse = "this gateway does not speak that"
	_, err := begin(s, o)
	var denied *protocol.Denied
	require.ErrorAs(t, err, &denied)
	assert.Equal(t, "hand", denied.Decision.Rule)
	assert.Contains(t, denied.Error(), "does not speak that")
}

func TestGatewayOriginIsRecordedAndNotJudged(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	o := op("catalog", "look up")
	o.Origin = protocol.OriginGateway
	x, err := begin(s, o)
	require.NoError(t, err)
	require.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}))
	assert.Equal(t, protocol.OriginGateway, r.only("look up").Origin)
}

func TestAllowAllIsSaidAloud(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
	_, s := r.session()
	_, err := begin(s, op("anything", "at all"))
	require.NoError(t, err)
	assert.Equal(t, "allow-all", r.only("at all").Decision.Rule)
	assert.True(t, r.Log.Contains("level=WARN", "AllowAll"))
}

func TestObserveRecordsWhatWouldHaveBeen(t *testing.T) {
	r := policed(t, (*proxy.Builder).Observe)
	_, s := r.session()
	for _, verb := range []string{"drop", "ask", "what"} {
		x, err := begin(s, op(verb, "the "+verb))
		require.NoError(t, err)
		require.NoError(t, x.Finish(part("."), protocol.Outcome{Result: protocol.OK}))
		d := r.only("the " + verb).Decision
		assert.True(t, d.Observed)
		assert.NotEqual(t, protocol.Allow, d.Verdict)
	}
	assert.Empty(t, r.people.Asked())
	assert.True(t, r.Log.Contains("level=WARN", "Observe"))
	for _, e := range r.Record.Events() {
		if e.Opened != nil {
			assert.True(t, e.Opened.Observe, e.Session)
		}
	}
}

func TestMiddlewareThatFailsEndsTheSession(t *testing.T) {
	for name, admit := range map[string]proxy.AdmitterFunc{
		"error": func(context.Context, proxy.Admission) (protocol.Decision, error) {
			return protocol.Decision{}, errors.New("boom")
		},
		"panic": func(context.Context, proxy.Admission) (protocol.Decision, error) { panic("boom") },
		"no verdict": func(context.Context, proxy.Admission) (protocol.Decision, error) {
			return protocol.Decision{Verdict: 9}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := policed(t, func(b *proxy.Builder) *proxy.Builder {
				return b.Use(func(proxy.Admitter) proxy.Admitter { return admit })
			})
			v, s := r.session()
			_, err := begin(s, op("read", "a"))
			var f *protocol.Failure
			require.ErrorAs(t, err, &f)
			assert.Equal(t, "the gateway could not judge the operation", f.Public)
			_, err = begin(s, op("read", "b"))
			require.Error(t, err, "the session is over")
			assert.Error(t, s.Emit(part("late")))
			<-v.served
			assert.Empty(t, r.Record.Operations())
		})
	}
}

// A client that leaves while a middleware decides withdraws its operation, and
// does not end the session, which others may share.
func TestClientLeavesTheMiddleware(t *testing.T) {
	asked := make(chan struct{}, 1)
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder {
		return b.AllowAll().Use(func(next proxy.Admitter) proxy.Admitter {
			return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
				if a.Operation.Text != "slow" {
					return next.Admit(ctx, a)
				}
				asked <- struct{}{}
				<-ctx.Done()
				return protocol.Decision{}, ctx.Err()
			})
		})
	})
	_, s := r.session()
	ctx, leave := context.WithCancel(context.Background())
	go func() { <-asked; leave() }()
	_, err := s.Begin(ctx, nil, op("read", "slow"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "the operation was withdrawn", protocol.Public(err))
	x, err := begin(s, op("read", "quick"))
	require.NoError(t, err)
	require.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}))
	require.Equal(t, []string{"session opened", "operation", "end"}, r.kinds(s.ID()), "what was withdrawn was nothing yet")
}

// explosive is the handler of a log that panics when an operation is denied.
type explosive struct{ slog.Handler }

func (explosive) Enabled(context.Context, slog.Level) bool { return true }

func (e explosive) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "operation denied" {
		panic("the log is broken")
	}
	return nil
}

func (e explosive) WithAttrs([]slog.Attr) slog.Handler { return e }
func (e explosive) WithGroup(string) slog.Handler      { return e }

// A panic in what was plugged in, while an operation is admitted, ends the
// session: it is not known what of the operation was done.
func TestPanicWhileAdmitting(t *testing.T) {
	r := policed(t, func(b *proxy.Builder) *proxy.Builder { return b.Logger(slog.New(explosive{slog.DiscardHandler})) })
	_, s := r.session()
	_, err := begin(s, op("drop", "it"))
	var failed *protocol.Failure
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "the gateway could not judge the operation", failed.Public)
	require.ErrorContains(t, failed.Err, "the log is broken")
	_, err = begin(s, op("read", "another"))
	require.Error(t, err)
	require.NotContains(t, r.kinds(s.ID())[1:], "session opened")
	require.Equal(t, protocol.Refused, r.only("it").Outcome.Result)
}

func TestMiddlewareMustPassTheAdmissionOn(t *testing.T) {
	r := policed(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Use(func(next proxy.Admitter) proxy.Admitter {
			return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
				return next.Admit(ctx, proxy.Admission{Operation: a.Operation})
			})
		})
	})
	_, s := r.session()
	_, err := begin(s, op("read", "a"))
	require.ErrorContains(t, err, "Admission of its own")
}

func TestMiddlewareLivesAsLongAsTheGateway(t *testing.T) {
	made, seen := 0, 0
	r := policed(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Use(func(next proxy.Admitter) proxy.Admitter {
			made++
			return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
				seen++
				return next.Admit(ctx, a)
			})
		})
	})
	_, s := r.session()
	_, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	require.NoError(t, r.Update(context.Background(), proxy.Change{Policy: rules()[1:]}))
	_, err = begin(s, op("read", "b"))
	require.ErrorContains(t, err, "no rule allows it")
	assert.Equal(t, 1, made)
	assert.Equal(t, 2, seen)
}

func TestPreparedOperationIsAskedLater(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	o := op("ask", "parse only")
	o.Prepare = true
	_, err := begin(s, o)
	require.NoError(t, err)
	assert.Empty(t, r.people.Asked())
	o = op("drop", "parse a drop")
	o.Prepare = true
	_, err = begin(s, o)
	require.Error(t, err)
}

func TestOperationKeysJoinEqualOperations(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	one, two := op("read", "select *"), op("read", "select *")
	one.Key, two.Key = protocol.OperationKey([]byte("select 1")), protocol.OperationKey([]byte("select 2"))
	for _, o := range []protocol.Operation{one, one, two} {
		_, err := begin(s, o)
		require.NoError(t, err)
	}
	var keys []string
	for _, e := range r.Record.Events() {
		if e.OpKey != "" {
			keys = append(keys, e.OpKey)
		}
	}
	require.Len(t, keys, 3)
	assert.Equal(t, keys[0], keys[1])
	assert.NotEqual(t, keys[0], keys[2])
}

func TestWithheldPartsLeaveADigest(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	p := part("the secret files")
	p.Withheld = true
	require.NoError(t, x.Emit(p))
	require.NoError(t, x.Input(p))
	short := part("one key stroke")
	short.Withheld = true
	require.NoError(t, x.Input(short))
	assert.Equal(t, "the secret files", v.out.String())
	assert.False(t, r.Record.Holds([]byte("secret file")))
	var digests []string
	for _, e := range r.Record.Events() {
		if e.Part != nil && e.Part.Length == 14 {
			assert.True(t, e.Part.Withheld)
			assert.Empty(t, e.Part.Digest, "digests of so little could be told from each other by how often they come")
		} else if e.Part != nil {
			assert.EqualValues(t, 16, e.Part.Length)
			digests = append(digests, e.Part.Digest)
		}
	}
	require.Len(t, digests, 2)
	assert.Equal(t, digests[0], digests[1])
}

func TestOpeningNeedsAPrincipal(t *testing.T) {
	r := policed(t)
	v := r.connect()
	_, err := v.open(identityWithout())
	require.ErrorContains(t, err, "no principal")
	p := agent()
	_, err = v.gate.Open(v.ctx, proven(p), protocol.Route{Target: "elsewhere", Client: v.out})
	require.ErrorContains(t, err, `no target "elsewhere"`)
	assert.True(t, v.gate.Private(), "in memory")
	assert.Nil(t, v.gate.TLS())
	v.gate.Refused("mallory\x1b]52;c;AAAA\a", errors.New("wrong password for \u202eyrollam"))
	r.Record.WaitForKind(t, "refused", 1)
	assert.False(t, r.Record.Holds([]byte("\u202e")))
	assert.False(t, r.Record.Holds([]byte("\x1b")))
	assert.True(t, r.Log.Contains("client refused", "mallory"))
}
