package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestEffectsAsText(t *testing.T) {
	for e := range protocol.Everything + 1 {
		back, err := protocol.ParseEffects(e.String())
		require.NoError(t, err)
		require.Equal(t, e, back, e.String())
	}
	assert.Equal(t, "none", protocol.Effects(0).String())
	assert.Equal(t, "everything", protocol.Everything.String())
	assert.Equal(t, "read+opaque", (protocol.Opaque | protocol.Read).String())
	for text, want := range map[string]protocol.Effects{
		"":                   0,
		"read, write":        protocol.Read | protocol.Write,
		"read+read":          protocol.Read,
		"destroy schema":     protocol.Destroy | protocol.Schema,
		"credential+access,": protocol.Credential | protocol.Access,
	} {
		got, err := protocol.ParseEffects(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, bad := range []string{"reed", "Read", "read+everything", " ", "+,+", "none+read"} {
		_, err := protocol.ParseEffects(bad)
		assert.Error(t, err, bad)
	}
}

func TestEffectsAsSets(t *testing.T) {
	e := protocol.Read | protocol.Code
	assert.True(t, e.Has(protocol.Read))
	assert.False(t, e.Has(protocol.Read|protocol.Write))
	assert.True(t, e.Any(protocol.Read|protocol.Write))
	assert.False(t, e.Any(protocol.Write))
	assert.True(t, e.Has(0))
	assert.False(t, e.Any(0))
}

func TestTextFormsSurviveJSON(t *testing.T) {
	type all struct {
		E protocol.Effects
		V protocol.Verdict
		O protocol.Origin
		R protocol.Result
	}
	for i := range 6 {
		in := all{protocol.Effects(1 << i), protocol.Verdict(i % 3), protocol.Origin(i % 3), protocol.Result(i)}
		b, err := json.Marshal(in)
		require.NoError(t, err)
		var out all
		require.NoError(t, json.Unmarshal(b, &out))
		assert.Equal(t, in, out, string(b))
	}
	var a all
	require.ErrorContains(t, json.Unmarshal([]byte(`{"V":"maybe"}`), &a), "the verdicts are allow, ask, deny")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"E":"magic"}`), &a), `unknown effect "magic"`)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"R":"fine"}`), &a), `unknown outcome "fine"`)
	require.NoError(t, json.Unmarshal([]byte(`{"O":"moon"}`), &a))
	assert.Equal(t, protocol.OriginGateway, a.O, "what is not known was not the client")
}
