package awskeys

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB) Key {
	t.Helper()
	random := make([]byte, 32)
	rand.Read(random)
	k, err := NewKey(random)
	require.NoError(t, err)
	return k
}

func issuer(t testing.TB, keys ...Key) *Issuer {
	t.Helper()
	i, err := New(keys...)
	require.NoError(t, err)
	return i
}

// coder is who asks in most tests.
func coder() identity.Proven {
	return identity.Proven{
		Principal: identity.Principal{
			Issuer: "https://id.example.com", Subject: "7", Name: "coder", Groups: []string{"agents", "build"},
			Attributes: map[string]string{"team": "shop <&>"}, OnBehalfOf: "ann@example.com",
		},
		Scheme: identity.SchemeToken, Credential: "t-1",
	}
}

func issue(t testing.TB, i *Issuer, who identity.Proven) Credentials {
	t.Helper()
	c, err := i.Issue(who, 0)
	require.NoError(t, err)
	return c
}

// ask asks for the secret as a plugin does.
func ask(t testing.TB, i *Issuer, accessKeyID, token string) (string, identity.Proven, error) {
	t.Helper()
	v, err := i.Verifier(t.Context(), identity.SchemeSigV4, accessKeyID)
	require.NoError(t, err)
	require.Equal(t, identity.SchemeSigV4, v.Scheme())
	secret, who, err := v.(identity.SigningVerifier).Secret(t.Context(), token)
	if err != nil {
		require.Empty(t, secret)
		require.Equal(t, identity.Proven{}, who)
	}
	return secret, who, err
}
