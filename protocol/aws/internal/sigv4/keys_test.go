package sigv4_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// use is what a signing key is made of.
type use struct {
	secret, region, service string
	at                      time.Time
}

// uses differ from the first in one thing each, or have the same letters in other places.
var uses = []use{
	{"secret", "eu-west-1", "lambda", signedAt},
	{"secreT", "eu-west-1", "lambda", signedAt},
	{"secret2", "eu-west-1", "lambda", signedAt},
	{"s", "eu-west-1", "lambda", signedAt},
	{"secret", "eu-west-2", "lambda", signedAt},
	{"secret", "eu-west-1", "sts", signedAt},
	{"secret", "lambda", "eu-west-1", signedAt},
	{"secret", "eu-west-1", "lambda", signedAt.Add(24 * time.Hour)},
}

// agree signs and verifies with kept keys, and holds both against derived ones.
func (u use) agree(t testing.TB, ours, theirs *sigv4.Keys) {
	cred := sigv4.Credentials{AccessKeyID: "AKIA", SecretAccessKey: u.secret}
	r, plain := httptest.NewRequest("GET", "http://h.example/a?b=c", nil), httptest.NewRequest("GET", "http://h.example/a?b=c", nil)
	got, err := ours.Sign(r, cred, u.service, u.region, emptyHash, u.at)
	require.NoError(t, err)
	want, err := sigv4.Sign(plain, cred, u.service, u.region, emptyHash, u.at)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, plain.Header, r.Header)

	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	require.NoError(t, c.Verify(r, u.secret, u.at, nil, sigv4.Options{Keys: theirs}))
	for _, other := range uses {
		if other.secret != u.secret {
			require.ErrorIs(t, c.Verify(r, other.secret, u.at, nil, sigv4.Options{Keys: theirs}), sigv4.ErrMismatch)
			break
		}
	}
	r.Method = "PUT"
	require.ErrorIs(t, c.Verify(r, u.secret, u.at, nil, sigv4.Options{Keys: theirs}), sigv4.ErrMismatch)
}

// A key is for what it was derived from, whatever was asked for before.
func TestKeys(t *testing.T) {
	for _, first := range uses {
		for _, then := range uses {
			ours, theirs := new(sigv4.Keys), new(sigv4.Keys)
			first.agree(t, ours, theirs)
			then.agree(t, ours, theirs)
			then.agree(t, theirs, ours)
			first.agree(t, ours, theirs)
		}
	}
	uses[0].agree(t, nil, nil)
}

// A wrong secret that was kept does not make the right one wrong, nor the other way round.
func TestKeysOfAnotherSecret(t *testing.T) {
	r := signed(t, "s3", "UNSIGNED-PAYLOAD")
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	opt := sigv4.Options{Keys: new(sigv4.Keys)}
	for range 3 {
		require.ErrorIs(t, c.Verify(r, "wrong", signedAt, nil, opt), sigv4.ErrMismatch)
		require.ErrorIs(t, c.Verify(r, "", signedAt, nil, opt), sigv4.ErrMismatch)
		require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, opt))
		require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, opt))
		require.ErrorIs(t, c.Verify(r, clientSecret+"x", signedAt, nil, opt), sigv4.ErrMismatch)
		require.ErrorIs(t, c.Verify(r, clientSecret[1:], signedAt, nil, opt), sigv4.ErrMismatch)
	}
}

func TestKeysTogether(t *testing.T) {
	ours, theirs := new(sigv4.Keys), new(sigv4.Keys)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				uses[(i+n/3)%len(uses)].agree(t, ours, theirs)
			}
		})
	}
	all.Wait()
}

func TestKeysHideSecrets(t *testing.T) {
	k := new(sigv4.Keys)
	_, err := k.Sign(httptest.NewRequest("GET", "http://h/", nil), sigv4.Credentials{AccessKeyID: "A", SecretAccessKey: "very secret"},
		"sts", "region", emptyHash, signedAt)
	require.NoError(t, err)
	type around struct {
		Keys  *sigv4.Keys
		inner *sigv4.Keys
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{k, around{k, k}, &around{k, k}, sigv4.Options{Keys: k}, []any{k}, (*sigv4.Keys)(nil)} {
			_, _ = fmt.Fprintf(&b, verb+"\n", value)
		}
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "keys", k, "around", around{k, k}, "options", sigv4.Options{Keys: k})
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "keys", k, "around", around{k, k}, "options", sigv4.Options{Keys: k})
	text, err := json.Marshal([]any{k, around{k, k}})
	require.NoError(t, err)
	b.Write(text)
	// A struct that holds one by value shows its parts, not the methods of its pointer.
	held := &struct{ Keys sigv4.Keys }{}
	_, err = held.Keys.Sign(httptest.NewRequest("GET", "http://h/", nil), sigv4.Credentials{AccessKeyID: "A", SecretAccessKey: "very secret"},
		"sts", "region", emptyHash, signedAt)
	require.NoError(t, err)
	_, _ = fmt.Fprintf(&b, "%v %+v %#v", held, held, held)
	for _, hidden := range []string{"very secret", fmt.Sprintf("%x", "very secret"), fmt.Sprint([]byte("very secret"))} {
		assert.NotContains(t, b.String(), hidden)
	}
	assert.Contains(t, b.String(), "a signing key")
}
