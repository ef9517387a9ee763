package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// issuer is an OpenID Connect provider that can be told to misbehave.
type issuer struct {
	*httptest.Server
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	ed      ed25519.PrivateKey
	fetched atomic.Int64 // of the keys

	mu       sync.Mutex
	keys     []map[string]string
	metadata map[string]any
	status   int    // of every answer; zero for 200
	padding  []byte // in front of the keys
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	var err error
	i.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, i.ed, err = ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	point, err := i.ec.PublicKey.Bytes()
	require.NoError(t, err)
	i.keys = []map[string]string{
		i.rsaKey("r"),
		{"kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "OKP", "crv": "Ed25519", "kid": "d", "use": "sig", "x": b64(i.ed.Public().(ed25519.PublicKey))},
	}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	i.metadata = map[string]any{
		"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL, "token_endpoint": i.URL,
		"id_token_signing_alg_values_supported": []string{"HS256", "none", "RS256"},
	}
	return i
}

func (i *issuer) rsaKey(kid string) map[string]string {
	return map[string]string{"kty": "RSA", "kid": kid, "use": "sig", "n": b64(i.rsa.N.Bytes()), "e": b64(big.NewInt(int64(i.rsa.E)).Bytes())}
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.status != 0 {
		w.WriteHeader(i.status)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(i.metadata)
	case "/keys":
		i.fetched.Add(1)
		w.Write(i.padding)
		json.NewEncoder(w).Encode(map[string]any{"keys": i.keys})
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) change(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// claims are those of a good token, with changes; nil takes a claim out.
func (i *issuer) claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{
		"iss": i.URL, "sub": "u-1", "aud": "gateway", "iat": now, "exp": now + 300, "jti": "t-1",
		"preferred_username": "ann", "groups": []string{"agents", "shop"},
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// token signs claims by alg with the key that fits.
func (i *issuer) token(t *testing.T, alg, kid string, claims map[string]any) string {
	t.Helper()
	return sign(t, i, map[string]any{"alg": alg, "kid": kid, "typ": "JWT"}, claims)
}

func sign(t *testing.T, i *issuer, header, claims map[string]any) string {
	t.Helper()
	h, err := json.Marshal(header)
	require.NoError(t, err)
	c, err := json.Marshal(claims)
	require.NoError(t, err)
	text := b64(h) + "." + b64(c)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	switch header["alg"] {
	case "RS256":
		sig, err = rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, sum[:])
	case "PS256":
		sig, err = rsa.SignPSS(rand.Reader, i.rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, e := ecdsa.Sign(rand.Reader, i.ec, sum[:])
		require.NoError(t, e)
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		sig = ed25519.Sign(i.ed, []byte(text))
	case "HS256":
		// The confusion: the public key, which everybody has, as a shared one.
		mac := hmac.New(sha256.New, i.rsa.N.Bytes())
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	}
	require.NoError(t, err)
	return text + "." + b64(sig)
}
