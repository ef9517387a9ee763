package postgres_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity/oidc"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// issuer is an OpenID Connect provider as far as a gateway sees one.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &issuer{key: key}
	mux := http.NewServeMux()
	answer := func(path string, body func() any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body()) })
	}
	answer("/.well-known/openid-configuration", func() any {
		return map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL, "token_endpoint": i.URL}
	})
	answer("/keys", func() any {
		n, e := b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())
		return map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": "k", "use": "sig", "n": n, "e": e}}}
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (i *issuer) token(t *testing.T, subject string, life time.Duration) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return b64(b)
	}
	now := time.Now()
	text := part(map[string]string{"alg": "RS256", "kid": "k"}) + "." + part(map[string]any{
		"iss": i.URL, "sub": subject, "aud": "gateway", "iat": now.Unix(), "exp": now.Add(life).Unix(), "groups": []string{"agents"},
	})
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	return text + "." + b64(sig)
}

// An agent gives psql its token of the identity provider as the password. It
// travels, so the wire must be private: through TLS here.
func TestTokenOfAnIdentityProvider(t *testing.T) {
	provider := newIssuer(t)
	auth, err := oidc.New(provider.URL, "gateway", oidc.ClockSkew(time.Second), oidc.Transport(&http.Transport{DisableKeepAlives: true}))
	require.NoError(t, err)
	cert, ca := certificate(t)
	g := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(auth).Certificate(cert).Limits(proxy.Limits{Drain: -1}).
			Approve([]approve.Rule{{Name: "agents", Groups: []string{"agents"}, Effects: protocol.Everything, Verdict: protocol.Allow}}).
			Listen("127.0.0.1:0", plugin, protocol.Target{
				Name: "shop", Address: server.Addr(), Database: newDatabase(t, ""), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable},
			})
	})
	_, port, err := net.SplitHostPort(g.Addr())
	require.NoError(t, err)
	psql := func(token string) (string, error) {
		cmd := exec.CommandContext(t.Context(), server.BinDir()+"/psql", "-X", "-A", "-t", "-c", "SELECT 41 + 1",
			"host=127.0.0.1 port="+port+" user=devin sslmode=verify-full sslrootcert="+ca)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+token)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	token := provider.token(t, "agent-7", time.Hour)
	out, err := psql(token)
	require.NoError(t, err, "%s\n%s", out, g.Log)
	assert.Equal(t, "42\n", out)
	for _, e := range g.Record.Events() {
		if e.Kind == recorder.KindSessionOpened && e.Opened.Protocol == "postgres" {
			assert.Equal(t, "agent-7", e.Opened.Principal.Subject)
			assert.Equal(t, provider.URL, e.Opened.Principal.Issuer)
			assert.Equal(t, "devin", e.Opened.User)
		}
	}
	assert.False(t, g.Record.Holds([]byte(token)))
	assert.NotContains(t, g.Log.String(), token)

	out, err = psql(provider.token(t, "agent-7", -time.Hour))
	require.Error(t, err)
	assert.Contains(t, out, "have expired")
	out, err = psql(newIssuer(t).token(t, "agent-7", time.Hour))
	require.Error(t, err)
	assert.Contains(t, out, "password authentication failed")
}
