package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/secret"
)

func TestSecretDoesNotShow(t *testing.T) {
	s := secret.New("canary")
	inside := struct{ s secret.Secret }{s}
	var out bytes.Buffer
	for _, v := range []any{s, &s, inside, []secret.Secret{s}, map[string]secret.Secret{"k": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		require.NoError(t, json.NewEncoder(&out).Encode(v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary"), "[99 97 110", "Y2FuYXJ5"} {
		assert.NotContains(t, out.String(), form)
	}
	assert.Contains(t, out.String(), secret.Hidden)
	assert.Equal(t, "canary", s.Reveal())
	assert.True(t, s.Equal(secret.New("canary")))
	assert.False(t, s.Equal(secret.Secret{}))
	assert.True(t, secret.New("").Empty())
	var read secret.Secret
	require.NoError(t, json.Unmarshal([]byte(`"canary"`), &read))
	assert.Equal(t, "canary", read.Reveal())
}
