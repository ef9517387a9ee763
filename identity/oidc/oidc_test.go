package oidc

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func authenticator(t *testing.T, i *issuer, opts ...Option) *Authenticator {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	opts = append([]Option{Transport(transport), func(o *options) error { o.refetch = 0; return nil }}, opts...)
	a, err := New(i.URL, "gateway", opts...)
	require.NoError(t, err)
	return a
}

func prove(t *testing.T, a *Authenticator, name, token string) (identity.Proven, error) {
	t.Helper()
	v, err := a.Verifier(t.Context(), identity.SchemeToken, name)
	require.NoError(t, err)
	require.Equal(t, identity.SchemeToken, v.Scheme())
	p, err := v.(identity.TokenVerifier).VerifyToken(t.Context(), token)
	if err != nil {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 8 {
				assert.NotContains(t, err.Error(), part)
			}
		}
		assert.Zero(t, p)
	}
	return p, err
}

func TestGoodTokens(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i)
	for alg, kid := range map[string]string{"RS256": "r", "PS256": "r", "ES256": "e", "EdDSA": "d"} {
		c := i.claims(nil)
		p, err := prove(t, a, "anyone", i.token(t, alg, kid, c))
		require.NoError(t, err, alg)
		end := time.Unix(c["exp"].(int64), 0).Add(30 * time.Second)
		assert.WithinDuration(t, end, p.Principal.Expires, 0)
		p.Principal.Expires = time.Time{}
		assert.Equal(t, identity.Proven{
			Principal: identity.Principal{Issuer: i.URL, Subject: "u-1", Name: "ann", Groups: []string{"agents", "shop"}},
			Scheme:    identity.SchemeToken, Credential: "t-1",
		}, p)
	}
	p, err := prove(t, a, "", i.token(t, "RS256", "", i.claims(map[string]any{"aud": []string{"x", "gateway"}})))
	require.NoError(t, err, "without a key id, of several audiences")
	assert.Equal(t, "ann", p.Principal.String())
	assert.Less(t, i.fetched.Load(), int64(3))
	_, err = a.Verifier(t.Context(), identity.SchemeSCRAMSHA256, "x")
	assert.ErrorIs(t, err, identity.ErrSchemeUnsupported)
}

func TestBadTokens(t *testing.T) {
	i := newIssuer(t)
	other := newIssuer(t)
	a := authenticator(t, i)
	now := time.Now().Unix()
	good := i.token(t, "RS256", "r", i.claims(nil))
	parts := strings.Split(good, ".")
	tests := map[string]struct {
		token string
		want  error
	}{
		"empty":              {"", identity.ErrRefused},
		"garbage":            {"a.b.c", identity.ErrRefused},
		"static token":       {identity.NewToken(), identity.ErrRefused},
		"too long":           {good + strings.Repeat("A", maxToken), identity.ErrRefused},
		"alg none":           {i.token(t, "none", "r", i.claims(nil)), identity.ErrRefused},
		"no signature":       {parts[0] + "." + parts[1] + ".", identity.ErrRefused},
		"HS256 confusion":    {i.token(t, "HS256", "r", i.claims(nil)), identity.ErrRefused},
		"key of another":     {other.token(t, "RS256", "r", i.claims(nil)), identity.ErrRefused},
		"kid of another alg": {i.token(t, "RS256", "e", i.claims(nil)), identity.ErrRefused},
		"unknown kid":        {i.token(t, "RS256", "zz", i.claims(nil)), identity.ErrRefused},
		"key in the header":  {sign(t, other, map[string]any{"alg": "RS256", "jwk": other.rsaKey("r")}, i.claims(nil)), identity.ErrRefused},
		"other payload":      {parts[0] + "." + strings.Split(i.token(t, "RS256", "r", i.claims(map[string]any{"sub": "root"})), ".")[1] + "." + parts[2], identity.ErrRefused},
		"other issuer":       {i.token(t, "RS256", "r", i.claims(map[string]any{"iss": other.URL})), identity.ErrRefused},
		"other audience":     {i.token(t, "RS256", "r", i.claims(map[string]any{"aud": "elsewhere"})), identity.ErrRefused},
		"no audience":        {i.token(t, "RS256", "r", i.claims(map[string]any{"aud": nil})), identity.ErrRefused},
		"no subject":         {i.token(t, "RS256", "r", i.claims(map[string]any{"sub": ""})), identity.ErrRefused},
		"long subject":       {i.token(t, "RS256", "r", i.claims(map[string]any{"sub": strings.Repeat("x", 2000)})), identity.ErrRefused},
		"no expiry":          {i.token(t, "RS256", "r", i.claims(map[string]any{"exp": nil})), identity.ErrRefused},
		"expiry as text":     {i.token(t, "RS256", "r", i.claims(map[string]any{"exp": "never"})), identity.ErrRefused},
		"expired":            {i.token(t, "RS256", "r", i.claims(map[string]any{"exp": now - 31})), identity.ErrExpired},
		"not yet":            {i.token(t, "RS256", "r", i.claims(map[string]any{"nbf": now + 60})), identity.ErrRefused},
		"made in the future": {i.token(t, "RS256", "r", i.claims(map[string]any{"iat": now + 60})), identity.ErrRefused},
		"logout token":       {i.token(t, "RS256", "r", i.claims(map[string]any{"events": map[string]any{}})), identity.ErrRefused},
		"expired and forged": {other.token(t, "RS256", "r", i.claims(map[string]any{"exp": now - 31})), identity.ErrRefused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := prove(t, a, "ann", tt.token)
			require.ErrorIs(t, err, tt.want)
			if tt.want == identity.ErrRefused {
				require.NotErrorIs(t, err, identity.ErrExpired)
				require.NotErrorIs(t, err, identity.ErrUnavailable)
			}
		})
	}
}

func TestClockSkew(t *testing.T) {
	i := newIssuer(t)
	now := time.Now().Unix()
	early := i.token(t, "RS256", "r", i.claims(map[string]any{"nbf": now + 20, "iat": now + 20}))
	late := i.token(t, "RS256", "r", i.claims(map[string]any{"exp": now - 20}))
	for _, token := range []string{early, late} {
		p, err := prove(t, authenticator(t, i), "", token)
		require.NoError(t, err)
		assert.False(t, p.Principal.Expired(time.Now()), "who is let in is not expired at once")
		_, err = prove(t, authenticator(t, i, ClockSkew(0)), "", token)
		require.Error(t, err)
	}
}

func TestRotation(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i)
	old := i.token(t, "RS256", "r", i.claims(nil))
	_, err := prove(t, a, "", old)
	require.NoError(t, err)
	fresh := newIssuer(t)
	i.change(func() { i.rsa, i.keys = fresh.rsa, []map[string]string{fresh.rsaKey("new")} })
	_, err = prove(t, a, "", i.token(t, "RS256", "new", i.claims(nil)))
	require.NoError(t, err, "a key id that is not known makes it look again")
	_, err = prove(t, a, "", old)
	require.ErrorIs(t, err, identity.ErrRefused, "the old key is gone")
}

func TestStrangersCannotMakeItAskTheIssuer(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i, func(o *options) error { o.refetch = time.Hour; return nil })
	for range 20 {
		_, err := prove(t, a, "", i.token(t, "RS256", "made-up", i.claims(nil)))
		require.ErrorIs(t, err, identity.ErrRefused)
	}
	assert.Equal(t, int64(1), i.fetched.Load())
}

func TestIssuerDown(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i)
	good := i.token(t, "RS256", "r", i.claims(nil))
	unavailable := func(why string) {
		t.Helper()
		_, err := prove(t, a, "", good)
		require.ErrorIs(t, err, identity.ErrUnavailable, why)
		require.NotErrorIs(t, err, identity.ErrRefused)
	}
	i.change(func() { i.status = 503 })
	unavailable("discovery")
	require.ErrorIs(t, a.Ready(t.Context()), identity.ErrUnavailable)
	_, err := prove(t, a, "", "a.b.c")
	require.ErrorIs(t, err, identity.ErrRefused, "for garbage nobody is asked")
	i.change(func() { i.status = 0; i.metadata["issuer"] = "https://other.example" })
	unavailable("another issuer answers")
	i.change(func() { i.metadata["issuer"] = i.URL; i.metadata["jwks_uri"] = "http://example.com/keys" })
	b := authenticator(t, i)
	_, err = prove(t, b, "", good)
	require.ErrorIs(t, err, identity.ErrUnavailable, "keys come by https or loopback only")
	i.change(func() { i.metadata["jwks_uri"] = i.URL + "/keys"; i.padding = make([]byte, maxResponse+1) })
	require.NoError(t, a.Ready(t.Context()))
	unavailable("an endless answer")
	i.change(func() { i.padding = []byte("not JSON"); i.status = 500 })
	unavailable("keys")
	i.change(func() { i.padding = nil; i.status = 0 })
	require.Eventually(t, func() bool { // the failed fetch may still be on its way out
		_, err = prove(t, a, "", good)
		return err == nil
	}, 5*time.Second, time.Millisecond, "it is back")
	i.change(func() { i.status = 503 })
	_, err = prove(t, a, "", good)
	require.NoError(t, err, "known keys serve on")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := authenticator(t, i)
	require.ErrorIs(t, c.Ready(ctx), identity.ErrUnavailable)
}

func TestTokensThatWaitForOneFetchLearnThatItFailed(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i)
	good := i.token(t, "RS256", "r", i.claims(nil))
	require.NoError(t, a.Ready(t.Context()))
	i.change(func() { i.status = 500 })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				_, err := prove(t, a, "", good)
				assert.ErrorIs(t, err, identity.ErrUnavailable)
			}
		})
	}
	all.Wait()
}

// silent is an issuer that takes requests and says nothing.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestSilentIssuerHoldsUpOneRequestOnly(t *testing.T) {
	i := newIssuer(t)
	good := i.token(t, "RS256", "r", i.claims(nil))
	synctest.Test(t, func(t *testing.T) {
		a, err := New(i.URL, "gateway", Transport(silent{}), Timeout(5*time.Second))
		require.NoError(t, err)
		start := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := prove(t, a, "", good)
				assert.ErrorIs(t, err, identity.ErrUnavailable)
			})
		}
		all.Wait()
		assert.Equal(t, 5*time.Second, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(3 * time.Second)
		require.ErrorIs(t, a.Ready(ctx), identity.ErrUnavailable)
	})
}

func TestClaims(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i,
		GroupsClaim("realm_access.roles"), NameClaim("email"), OnBehalfOfClaim("on_behalf_of"), Attributes("team", "level", "https://x.example/flag", "missing", "nested.deep"))
	token := i.token(t, "RS256", "r", i.claims(map[string]any{
		"realm_access": map[string]any{"roles": []any{"a", 7, "", "b"}}, "email": "ann@example.com", "on_behalf_of": "boss",
		"team": "shop", "level": 3, "https://x.example/flag": true, "nested": map[string]any{"deep": "x"}, "act": map[string]any{"sub": "agent-7"},
	}))
	p, err := prove(t, a, "", token)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, p.Principal.Groups)
	assert.Equal(t, "ann@example.com", p.Principal.Name)
	assert.Equal(t, "boss", p.Principal.OnBehalfOf)
	want := map[string]string{"team": "shop", "level": "3", "https://x.example/flag": "true", "nested.deep": "x", "act": "agent-7"}
	assert.True(t, maps.Equal(want, p.Principal.Attributes), p.Principal.Attributes)
}

func TestRequireUser(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i, RequireUser("db_users"))
	token := i.token(t, "RS256", "r", i.claims(map[string]any{"db_users": []string{"app", "report"}}))
	for name, ok := range map[string]bool{"app": true, "report": true, "root": false, "": false} {
		_, err := prove(t, a, name, token)
		assert.Equal(t, ok, err == nil, name)
	}
	_, err := prove(t, a, "", i.token(t, "RS256", "r", i.claims(nil)))
	require.ErrorIs(t, err, identity.ErrRefused, "a token without the claim is nobody's")
}

func TestAuthorizedParties(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, i, AuthorizedParties("agent-cli"))
	for _, tt := range []struct {
		claims map[string]any
		ok     bool
	}{
		{map[string]any{"azp": "agent-cli"}, true}, {map[string]any{"client_id": "agent-cli"}, true},
		{map[string]any{"azp": "other", "client_id": "agent-cli"}, false}, {nil, false},
	} {
		_, err := prove(t, a, "", i.token(t, "RS256", "r", i.claims(tt.claims)))
		assert.Equal(t, tt.ok, err == nil, tt.claims)
	}
}

func TestMistakesAreJoined(t *testing.T) {
	_, err := New("ftp://x", "", ClockSkew(-1), Algorithms("HS256"), Algorithms(), AuthorizedParties(), GroupsClaim(""), NameClaim(""), RequireUser(""), OnBehalfOfClaim(""), Attributes(""), Timeout(0))
	for _, part := range []string{"not https", "audience is empty", "ClockSkew(-1ns)", `Algorithms: "HS256"`, "Algorithms names none", "AuthorizedParties", "GroupsClaim", "NameClaim", "RequireUser", "OnBehalfOfClaim", "Attributes", "Timeout"} {
		assert.ErrorContains(t, err, part)
	}
	for _, bad := range []string{"", "issuer", "http://example.com", "://"} {
		_, err := New(bad, "gateway")
		assert.Error(t, err, bad)
	}
	for _, good := range []string{"https://id.example", "http://localhost:8080/realm", "http://127.0.0.1:1", "http://[::1]:1"} {
		_, err := New(good, "gateway", Algorithms("ES256"))
		assert.NoError(t, err, good)
	}
}

func FuzzVerifyToken(f *testing.F) {
	a, err := New("http://127.0.0.1:1", "gateway", func(o *options) error { o.refetch = time.Hour; return nil }, Timeout(time.Second))
	require.NoError(f, err)
	f.Add("a.b.c")
	f.Add(b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"iss":"http://127.0.0.1:1"}`)) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		v, err := a.Verifier(t.Context(), identity.SchemeToken, "x")
		require.NoError(t, err)
		_, err = v.(identity.TokenVerifier).VerifyToken(t.Context(), token)
		require.Error(t, err)
	})
}
