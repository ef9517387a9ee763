package awskeys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
)

// TestNothingPrintsSecrets prints all there is in every way there is.
func TestNothingPrintsSecrets(t *testing.T) {
	random := make([]byte, 32)
	rand.Read(random)
	key, err := NewKey(random)
	require.NoError(t, err)
	i := issuer(t, key)
	c := issue(t, i, coder())
	v, err := i.Verifier(t.Context(), identity.SchemeSigV4, c.AccessKeyID)
	require.NoError(t, err)
	type inside struct {
		key         Key
		credentials Credentials
		Key         Key
		Credentials *Credentials
	}
	var out bytes.Buffer
	for _, x := range []any{key, &key, i, c, &c, v, inside{key, c, key, &c}, &inside{key, c, key, &c}, []Key{key}, map[string]Credentials{"x": c}, i.keys[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%08b", "%o", "%c", "%e", "%U"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
		if b, err := json.Marshal(x); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "x", x)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "x", x)
	}
	for name, s := range map[string]string{
		"key": string(random), "key in base64": base64.StdEncoding.EncodeToString(random), "key in hex": fmt.Sprintf("%x", random),
		"key in numbers": fmt.Sprint(random)[1:40],
		"secret":         c.SecretAccessKey(), "secret in hex": fmt.Sprintf("%x", c.SecretAccessKey()),
		"secret in numbers": fmt.Sprint([]byte(c.SecretAccessKey()))[1:40],
		"token":             c.SessionToken()[:40], "token in hex": fmt.Sprintf("%x", c.SessionToken()[:40]),
		"derived secret": fmt.Sprint(i.keys[0].secrets())[1:40],
	} {
		assert.False(t, strings.Contains(out.String(), s), name) // a failure prints nothing either
	}
	assert.Contains(t, out.String(), "AWS credentials "+c.AccessKeyID)
	assert.Contains(t, out.String(), "[secret]")
}

func TestDocument(t *testing.T) {
	c := issue(t, issuer(t, newKey(t)), coder())
	var got map[string]any
	require.NoError(t, json.Unmarshal(c.Document(), &got))
	assert.Equal(t, map[string]any{
		"Version": 1.0, "AccessKeyId": c.AccessKeyID, "SecretAccessKey": c.SecretAccessKey(), "SessionToken": c.SessionToken(),
		"Token": c.SessionToken(), "Expiration": c.Expires.Format("2006-01-02T15:04:05Z"),
	}, got)
}

func TestKeys(t *testing.T) {
	random := make([]byte, 48)
	rand.Read(random)
	text := base64.StdEncoding.EncodeToString(random)
	one, err := NewKey(random)
	require.NoError(t, err)
	two, err := ParseKey(" " + text + "\n")
	require.NoError(t, err)
	c := issue(t, issuer(t, one), coder())
	clear(random)
	secret, _, err := ask(t, issuer(t, two), c.AccessKeyID, c.SessionToken())
	require.NoError(t, err, "the same key, read in two ways")
	assert.Equal(t, c.SecretAccessKey(), secret)

	for _, bad := range []string{"", "short", text[:40], text + "!", "correct horse battery staple", base64.StdEncoding.EncodeToString(make([]byte, 32)), base64.StdEncoding.EncodeToString(make([]byte, 1025))} {
		k, err := ParseKey(bad)
		require.Error(t, err)
		assert.Equal(t, Key{}, k)
		if bad != "" {
			assert.NotContains(t, err.Error(), bad)
		}
	}
	_, err = New()
	require.ErrorContains(t, err, "no key")
	_, err = New(one, Key{}, two)
	require.ErrorContains(t, err, "AWS key 2: it is empty")
	require.ErrorContains(t, err, "AWS key 3: it is in the list already")
}
