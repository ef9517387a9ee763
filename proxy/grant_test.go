package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// bounded is a rig whose operations may stream ten bytes in each direction.
func bounded(t *testing.T, observe bool) *rig {
	people := proxytest.NewPeople("people")
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder {
		if observe {
			b.Observe()
		}
		return b.Approve([]approve.Rule{
			{Name: "small", Verbs: []string{"read"}, Verdict: protocol.Allow, MaxBytes: 10},
			{Name: "asked", Verbs: []string{"ask"}, Verdict: protocol.Ask, MaxBytes: 10, Timeout: time.Minute},
			{Name: "reads", Verbs: []string{"free"}, Verdict: protocol.Allow},
		}, people)
	})
	r.people = people
	return r
}

func TestNoMoreBytesThanTheRuleAllows(t *testing.T) {
	for _, verb := range []string{"read", "ask"} {
		t.Run(verb, func(t *testing.T) {
			r := bounded(t, false)
			v, s := r.session()
			r.people.Approve()
			list, err := s.Begin(t.Context(), nil, op(verb, "one"))
			require.NoError(t, err)
			x := list[0]
			require.NoError(t, x.Input(part("0123456789")))
			require.NoError(t, x.Emit(part("01234")), "each direction has its own count")
			for range 2 { // what comes behind the refused part is refused too, however small
				var denied *protocol.Denied
				require.ErrorAs(t, x.Input(part("x")), &denied)
				assert.Contains(t, denied.Error(), "more than the 10 bytes")
				assert.Equal(t, x.Name(), denied.ID)
				require.ErrorAs(t, x.Emit(part("567890")), &denied)
			}
			require.ErrorAs(t, x.Emit(part("5")), new(*protocol.Denied), "no hole is left in what the client gets")
			require.NoError(t, s.Context().Err(), "the session goes on")
			require.NoError(t, x.End(protocol.Outcome{Result: protocol.Aborted}))
			assert.Equal(t, "01234", v.out.String())
			got := r.Record.Operation(t, "one")
			assert.Equal(t, "0123456789", string(got.Input))
			assert.Equal(t, "01234", string(got.Output))
			assert.Equal(t, protocol.Aborted, got.Outcome.Result)
			refusals := 0
			for _, e := range r.Record.Events() {
				if e.Note != nil && e.Note.Kind == "limit" {
					refusals++
					assert.Equal(t, "it has more than the 10 bytes that are allowed", e.Note.Text)
				}
			}
			assert.Equal(t, 2, refusals, "one for each direction, however often it is tried")
			v.hang(nil)
		})
	}
}

func TestBytesThatCannotBeRefusedInTheRecordEndTheSession(t *testing.T) {
	r := bounded(t, false)
	v, s := r.session()
	list, err := s.Begin(t.Context(), nil, op("read", "one"))
	require.NoError(t, err)
	r.Record.FailAfter(0)
	require.ErrorIs(t, list[0].Input(part(strings.Repeat("x", 11))), protocol.ErrRecord)
	require.Error(t, s.Context().Err())
	v.hang(nil)
}

func TestNoBoundAndOnlyObserved(t *testing.T) {
	for verb, observe := range map[string]bool{"free": false, "ask": true} {
		r := bounded(t, observe)
		v, s := r.session()
		list, err := s.Begin(t.Context(), nil, op(verb, "one"))
		require.NoError(t, err)
		require.NoError(t, list[0].Input(part(strings.Repeat("x", 100))))
		require.NoError(t, list[0].Emit(part(strings.Repeat("x", 100))))
		v.hang(nil)
	}
}

// The bytes of a protocol's own do not count, and what a plugin digests over the
// whole exchange has no digest for each part.
func TestContentCountsAlone(t *testing.T) {
	r := bounded(t, false)
	v, s := r.session()
	list, err := s.Begin(t.Context(), nil, op("read", "one"))
	require.NoError(t, err)
	framed := part("head 0123456789")
	framed.Content, framed.Withheld, framed.Digested = 10, true, true
	require.NoError(t, list[0].Input(framed))
	none := part("only a head")
	none.Content = -1
	require.NoError(t, list[0].Input(none))
	framed.Content = 1
	require.ErrorAs(t, list[0].Input(framed), new(*protocol.Denied))
	for _, e := range r.Record.Events() {
		if e.Part != nil && e.Part.Withheld {
			assert.EqualValues(t, 15, e.Part.Length)
			assert.Empty(t, e.Part.Digest)
		}
	}
	v.hang(nil)
}

func TestEmitToAnotherWriter(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	list, err := s.Begin(t.Context(), nil, op("read", "one"))
	require.NoError(t, err)
	var stderr buffer
	require.NoError(t, list[0].Emit(part("a")))
	require.NoError(t, list[0].EmitTo(&stderr, part("b")))
	require.NoError(t, s.EmitTo(&stderr, part("c")))
	require.NoError(t, list[0].Finish(part("d"), protocol.Outcome{Result: protocol.OK}))
	assert.Equal(t, "ad", v.out.String())
	assert.Equal(t, "bc", stderr.String())
	assert.Equal(t, "abd", string(r.Record.Operation(t, "one").Output))
	require.Error(t, list[0].EmitTo(&stderr, part("late")))
	v.hang(nil)
}
