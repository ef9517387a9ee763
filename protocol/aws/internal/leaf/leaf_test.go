package leaf

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func authority(t testing.TB, life time.Duration, domains ...string) tls.Certificate {
	t.Helper()
	cert, key, err := NewCA("gateway", life, domains...)
	require.NoError(t, err)
	ca, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	return ca
}

func maker(t testing.TB, ca tls.Certificate) *Maker {
	t.Helper()
	m, err := New(ca)
	require.NoError(t, err)
	return m
}

func trust(t testing.TB, ca tls.Certificate) *x509.CertPool {
	t.Helper()
	c, err := x509.ParseCertificate(ca.Certificate[0])
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool
}

// shake does a handshake, and returns what the client says.
func shake(t testing.TB, server *tls.Certificate, roots *x509.CertPool, name string) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a pipe would block where both sides write
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*server}}).Handshake()
			_ = c.Close()
		}
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
	if err == nil {
		err = c.Close()
	}
	_ = l.Close()
	<-done
	return err
}

func TestHandshake(t *testing.T) {
	ca := authority(t, 240*time.Hour)
	m, roots := maker(t, ca), trust(t, ca)
	for _, host := range []string{"s3.amazonaws.com", "my_bucket.with.dots.s3.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "iam.us-gov.api.aws", "X.On.AWS"} {
		c, err := m.Certificate(host)
		require.NoError(t, err, host)
		require.NoError(t, shake(t, c, roots, host), host)
		require.Error(t, shake(t, c, roots, "ec2.amazonaws.com"), "for this name only")
		require.Error(t, shake(t, c, roots, "x."+host), "for this name only")
		require.Error(t, shake(t, c, x509.NewCertPool(), host), "for those only who trust the authority")
	}
}

func TestWhatACertificateIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := authority(t, 240*time.Hour)
		m, now := maker(t, ca), time.Now()
		c, err := m.Certificate("S3.AmazonAWS.com")
		require.NoError(t, err)
		assert.Equal(t, []string{"s3.amazonaws.com"}, c.Leaf.DNSNames)
		assert.Empty(t, c.Leaf.IPAddresses)
		assert.Equal(t, now.Add(-5*time.Minute).UTC(), c.Leaf.NotBefore)
		assert.Equal(t, now.Add(24*time.Hour).UTC(), c.Leaf.NotAfter)
		assert.False(t, c.Leaf.IsCA)
		assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, c.Leaf.ExtKeyUsage)
		assert.Equal(t, x509.KeyUsageDigitalSignature, c.Leaf.KeyUsage)
		assert.GreaterOrEqual(t, c.Leaf.SerialNumber.BitLen(), 64)
		assert.Len(t, c.Certificate, 1, "clients have the root")
		other, err := m.Certificate("sts.amazonaws.com")
		require.NoError(t, err)
		assert.NotEqual(t, c.Leaf.SerialNumber, other.Leaf.SerialNumber)
		assert.NotEqual(t, c.Leaf.PublicKey, other.Leaf.PublicKey)
	})
}

func TestKeptForHalfOfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := authority(t, 30*time.Hour)
		m := maker(t, ca)
		get := func() *tls.Certificate {
			c, err := m.Certificate("s3.amazonaws.com")
			require.NoError(t, err)
			return c
		}
		first := get()
		time.Sleep(12*time.Hour - 1)
		assert.Same(t, first, get())
		time.Sleep(time.Nanosecond)
		second := get() // of 18 hours, as the authority ends then
		assert.NotSame(t, first, second)
		assert.Equal(t, maker(t, ca).ca.NotAfter, second.Leaf.NotAfter)
		time.Sleep(9 * time.Hour)
		assert.NotSame(t, second, get())
		time.Sleep(9*time.Hour - time.Second)
		get()
		time.Sleep(time.Second)
		_, err := m.Certificate("s3.amazonaws.com")
		require.ErrorContains(t, err, "has expired")
		assert.Empty(t, m.byHost, "what could not be made is not kept")
		_, err = New(ca)
		require.ErrorContains(t, err, "has expired")
	})
}

func TestOnlyTheLatestAreKept(t *testing.T) {
	m := maker(t, authority(t, time.Hour))
	first, err := m.Certificate("first.amazonaws.com")
	require.NoError(t, err)
	for i := range maxCached {
		_, err := m.Certificate(fmt.Sprintf("h%d.amazonaws.com", i))
		require.NoError(t, err)
		if i == maxCached/2 {
			again, err := m.Certificate("first.amazonaws.com")
			require.NoError(t, err)
			require.Same(t, first, again)
		}
	}
	assert.Len(t, m.byHost, maxCached)
	assert.Equal(t, maxCached, m.recent.Len())
	assert.Contains(t, m.byHost, "first.amazonaws.com", "it was used since")
	assert.NotContains(t, m.byHost, "h0.amazonaws.com")
}

func TestAtTheSameTime(t *testing.T) {
	m := maker(t, authority(t, time.Hour))
	var wg sync.WaitGroup
	got := make([]*tls.Certificate, 40)
	for i := range got {
		wg.Go(func() {
			c, err := m.Certificate(fmt.Sprintf("h%d.amazonaws.com", i%2))
			if assert.NoError(t, err) {
				got[i] = c
			}
		})
	}
	wg.Wait()
	for i, c := range got {
		assert.Same(t, got[i%2], c)
	}
}

func TestNames(t *testing.T) {
	m := maker(t, authority(t, time.Hour))
	for _, bad := range []string{
		"", ".", "localhost", "s3.amazonaws.com.", ".amazonaws.com", "a..amazonaws.com", "*.amazonaws.com", "a b.amazonaws.com", "a\x00.amazonaws.com",
		"-a.amazonaws.com", "a-.amazonaws.com", "10.0.0.1", "[::1]", "::1", "s3.amazonaws.com:443", "bücher.amazonaws.com", "\u212a.amazonaws.com", "a/b.amazonaws.com",
		strings.Repeat("a", 64) + ".amazonaws.com", strings.Repeat("a.", 130) + "amazonaws.com", "s3.amazonaws.com\n", "aéb.amazonaws.com",
	} {
		_, err := m.Certificate(bad)
		require.ErrorContains(t, err, "no certificate for", bad)
		require.Less(t, len(err.Error()), 500)
	}
	for _, foreign := range []string{"example.com", "amazonaws.com.example.com", "notamazonaws.com", "api.github.com", "aws.amazon.com"} {
		_, err := m.Certificate(foreign)
		require.ErrorContains(t, err, "does not vouch for", foreign)
	}
	assert.Empty(t, m.byHost)
}

func TestOwnDomains(t *testing.T) {
	m := maker(t, authority(t, time.Hour, "Storage.Example.com"))
	_, err := m.Certificate("bucket.storage.example.com")
	require.NoError(t, err)
	_, err = m.Certificate("s3.amazonaws.com")
	require.ErrorContains(t, err, "does not vouch for")
}

func TestMistakesInNewCA(t *testing.T) {
	_, _, err := NewCA(" ", 0, "10.0.0.1", "*.x.com")
	for _, part := range []string{"needs a name", "a minute to ten years", "domain 1", "domain 2"} {
		require.ErrorContains(t, err, part)
	}
	_, _, err = NewCA(strings.Repeat("x", 65), 20*366*24*time.Hour)
	require.ErrorContains(t, err, "needs a name")
	require.ErrorContains(t, err, "a minute to ten years")
	cert, key, err := NewCA("gateway", time.Hour)
	require.NoError(t, err)
	for want, text := range map[string][]byte{"CERTIFICATE": cert, "PRIVATE KEY": key} {
		block, rest := pem.Decode(text)
		require.NotNil(t, block)
		assert.Equal(t, want, block.Type)
		assert.Empty(t, rest)
	}
}

// A thief who has the key cannot use it for what is not AWS's.
func TestStolenKey(t *testing.T) {
	ca := authority(t, time.Hour)
	parent, err := x509.ParseCertificate(ca.Certificate[0])
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		change func(*x509.Certificate)
		host   string
		good   bool
	}{
		"AWS":        {func(c *x509.Certificate) { c.DNSNames = []string{"s3.amazonaws.com"} }, "s3.amazonaws.com", true},
		"a bank":     {func(c *x509.Certificate) { c.DNSNames = []string{"bank.example.com"} }, "bank.example.com", false},
		"both":       {func(c *x509.Certificate) { c.DNSNames = []string{"s3.amazonaws.com", "bank.example.com"} }, "s3.amazonaws.com", false},
		"an address": {func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }, "192.0.2.1", false},
		"IPv6":       {func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("2001:db8::1")} }, "2001:db8::1", false},
	} {
		made := signed(t, parent, ca.PrivateKey, tt.change)
		err := shake(t, &made, trust(t, ca), tt.host)
		assert.Equal(t, tt.good, err == nil, "%s: %v", name, err)
	}
}

// Nor can a thief make another authority with it.
func TestNoAuthorityBelow(t *testing.T) {
	ca := authority(t, time.Hour)
	parent, err := x509.ParseCertificate(ca.Certificate[0])
	require.NoError(t, err)
	below := signed(t, parent, ca.PrivateKey, isCA)
	belowCert, err := x509.ParseCertificate(below.Certificate[0])
	require.NoError(t, err)
	made := signed(t, belowCert, below.PrivateKey, func(c *x509.Certificate) { c.DNSNames = []string{"s3.amazonaws.com"} })
	made.Certificate = append(made.Certificate, below.Certificate[0])
	require.Error(t, shake(t, &made, trust(t, ca), "s3.amazonaws.com"))
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"s3.amazonaws.com", "A.b", "*.x", "1.2.3.4", "\xff.com", "x-.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := normal(s)
		if err != nil {
			return
		}
		again, err := normal(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
		require.True(t, strings.EqualFold(got, s))
		require.Nil(t, net.ParseIP(got))
		require.NotContains(t, got, "*")
	})
}
