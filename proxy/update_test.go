package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

func TestUpdateHoldsFromTheNextOperationOn(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	x, err := begin(s, op("read", "before"))
	require.NoError(t, err)
	require.NoError(t, r.Update(t.Context(), proxy.Change{Policy: []approve.Rule{}}))
	require.NoError(t, x.Finish(part("goes on"), protocol.Outcome{Result: protocol.OK}))
	_, err = begin(s, op("read", "after"))
	require.ErrorContains(t, err, "no rule allows it")
	before, after := r.only("before").Decision.Policy, r.only("after").Decision.Policy
	assert.NotEqual(t, before, after)
	changed := 0
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindPolicyChanged {
			changed++
			assert.Equal(t, "from "+before+" to "+after, e.Note.Text)
		}
	}
	assert.Equal(t, 1, changed)
}

func TestBadUpdateChangesNothing(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	masks := s.Masks()
	twice := []approve.Rule{{Name: "a", Verdict: protocol.Allow}, {Name: "a", Verdict: protocol.Allow}}
	for name, change := range map[string]proxy.Change{
		"Policy: rule":    {Policy: twice, Masks: []mask.Rule{}},
		"Masks: ":         {Masks: []mask.Rule{{}}, Policy: []approve.Rule{}},
		"no approver":     {Policy: []approve.Rule{{Name: "a", Verdict: protocol.Ask, Approvers: []string{"nobody"}}}},
		"Identity: needs": {Identity: []identity.Authenticator{nil}, Policy: []approve.Rule{}},
		"Certificate":     {Certificate: &tls.Certificate{}, Policy: []approve.Rule{}},
		"authenticators":  {Identity: []identity.Authenticator{}, Policy: []approve.Rule{}},
	} {
		err := r.Update(t.Context(), change)
		require.ErrorContains(t, err, "nothing was changed", name)
		require.ErrorContains(t, err, name)
	}
	_, err := begin(s, op("read", "still allowed"))
	require.NoError(t, err)
	assert.Same(t, masks, s.Masks())
}

func TestUpdateThatCannotBeRecordedChangesNothing(t *testing.T) {
	r := policed(t)
	v := r.connect()
	r.Record.FailAfter(0)
	other := identity.Authenticator(refuser{})
	require.ErrorIs(t, r.Update(t.Context(), proxy.Change{Identity: []identity.Authenticator{other}}), proxytest.ErrFull)
	_, err := v.gate.Verifier(t.Context(), identity.SchemeToken, "x")
	require.NoError(t, err)
}

type refuser struct{}

func (refuser) Verifier(context.Context, identity.Scheme, string) (identity.Verifier, error) {
	return nil, errors.New("closed")
}

func TestUpdateOfIdentity(t *testing.T) {
	r := policed(t)
	v := r.connect()
	_, err := v.gate.Verifier(t.Context(), identity.SchemeToken, "x")
	require.NoError(t, err)
	require.NoError(t, r.Update(t.Context(), proxy.Change{Identity: []identity.Authenticator{refuser{}}}))
	_, err = v.gate.Verifier(t.Context(), identity.SchemeToken, "x")
	require.ErrorContains(t, err, "closed")
}

func TestUpdateOfAllowAllTakesNoPolicy(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
	require.ErrorContains(t, r.Update(t.Context(), proxy.Change{Policy: rules()}), "AllowAll")
}
