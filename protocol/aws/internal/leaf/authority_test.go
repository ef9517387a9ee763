package leaf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signed makes a certificate for a new key; change makes it what it shall be.
func signed(t testing.TB, parent *x509.Certificate, by crypto.PrivateKey, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return with(t, key, parent, by, change)
}

func with(t testing.TB, key crypto.Signer, parent *x509.Certificate, by crypto.PrivateKey, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Minute),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	change(c)
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func isCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func TestAuthorities(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	good := with(t, ec, nil, nil, isCA)
	for name, tt := range map[string]struct {
		ca   tls.Certificate
		says string
	}{
		"ECDSA":          {good, ""},
		"Ed25519":        {with(t, ed, nil, nil, isCA), ""},
		"RSA":            {with(t, rsa2048, nil, nil, isCA), ""},
		"any usage":      {with(t, ec, nil, nil, func(c *x509.Certificate) { isCA(c); c.ExtKeyUsage = nil }), ""},
		"short RSA":      {with(t, rsa1024, nil, nil, isCA), "1024 bits"},
		"P-224":          {with(t, weak, nil, nil, isCA), "P-224"},
		"nothing":        {tls.Certificate{}, "no certificate"},
		"noise":          {tls.Certificate{Certificate: [][]byte{{1}}, PrivateKey: ec}, "cannot be read"},
		"noise behind":   {tls.Certificate{Certificate: [][]byte{good.Certificate[0], {1}}, PrivateKey: ec}, "chain cannot be read"},
		"no key":         {tls.Certificate{Certificate: good.Certificate}, "no private key"},
		"odd key":        {tls.Certificate{Certificate: good.Certificate, PrivateKey: "a password"}, "no private key"},
		"another's key":  {tls.Certificate{Certificate: good.Certificate, PrivateKey: ed}, "does not belong"},
		"a server":       {with(t, ec, nil, nil, func(*x509.Certificate) {}), "CA:TRUE"},
		"may not sign":   {with(t, ec, nil, nil, func(c *x509.Certificate) { isCA(c); c.KeyUsage = x509.KeyUsageCRLSign }), "keyCertSign"},
		"not a server's": {with(t, ec, nil, nil, func(c *x509.Certificate) { isCA(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "serverAuth"},
		"too early":      {with(t, ec, nil, nil, func(c *x509.Certificate) { isCA(c); c.NotBefore = time.Now().Add(30 * time.Second) }), "not valid before"},
		"too late":       {with(t, ec, nil, nil, func(c *x509.Certificate) { isCA(c); c.NotAfter = time.Now().Add(-time.Second) }), "has expired"},
	} {
		m, err := New(tt.ca)
		if tt.says != "" {
			require.ErrorContains(t, err, tt.says, name)
			continue
		}
		require.NoError(t, err, name)
		c, err := m.Certificate("s3.amazonaws.com")
		require.NoError(t, err, name)
		require.NoError(t, shake(t, c, trust(t, tt.ca), "s3.amazonaws.com"), name)
	}
}

// A gateway's authority may itself be signed by one that clients trust.
func TestIntermediate(t *testing.T) {
	root := signed(t, nil, nil, isCA)
	parent, err := x509.ParseCertificate(root.Certificate[0])
	require.NoError(t, err)
	ca := signed(t, parent, root.PrivateKey, func(c *x509.Certificate) { isCA(c); c.Subject.CommonName = "gateway" })
	ca.Certificate = append(ca.Certificate, root.Certificate[0])
	c, err := maker(t, ca).Certificate("s3.amazonaws.com")
	require.NoError(t, err)
	assert.Len(t, c.Certificate, 2)
	require.NoError(t, shake(t, c, trust(t, root), "s3.amazonaws.com"))
}

func TestKeysDoNotPrint(t *testing.T) {
	ca := authority(t, time.Hour)
	m := maker(t, ca)
	c, err := m.Certificate("s3.amazonaws.com")
	require.NoError(t, err)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, m)
		fmt.Fprintf(&out, verb, struct{ m *Maker }{m})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "maker", m)
	b, err := json.Marshal([]any{m})
	require.NoError(t, err)
	out.Write(b)
	for _, key := range []crypto.PrivateKey{ca.PrivateKey, c.PrivateKey} {
		d, err := key.(*ecdsa.PrivateKey).Bytes()
		require.NoError(t, err)
		for _, s := range []string{new(big.Int).SetBytes(d).String(), fmt.Sprintf("%x", d), fmt.Sprint(d)[1:40]} {
			assert.False(t, strings.Contains(out.String(), s))
		}
	}
}
