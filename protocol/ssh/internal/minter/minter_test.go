package minter_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net/netip"
	"os/user"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/internal/sshserver/sshservertest"
	"github.com/sallyport/sallyport/protocol/ssh/internal/minter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func authority(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	return signer(t, key, err)
}

func signer(t testing.TB, key crypto.Signer, err error) ssh.Signer {
	t.Helper()
	require.NoError(t, err)
	s, err := ssh.NewSignerFromSigner(key)
	require.NoError(t, err)
	return s
}

func mint(t testing.TB, ca ssh.Signer, r minter.CertRequest) (ssh.Signer, *ssh.Certificate) {
	t.Helper()
	s, err := minter.Mint(ca, r)
	require.NoError(t, err)
	return s, s.PublicKey().(*ssh.Certificate)
}

var request = minter.CertRequest{Session: "gw1-7-3", Principal: "static|coder", Users: []string{"deploy"}}

func TestWhatACertificateSays(t *testing.T) {
	ca := authority(t)
	synctest.Test(t, func(t *testing.T) {
		now := uint64(time.Now().Unix())
		key, cert := mint(t, ca, request)
		assert.Equal(t, uint32(ssh.UserCert), cert.CertType)
		assert.Equal(t, "session=gw1-7-3 principal=static|coder", cert.KeyId)
		assert.Equal(t, []string{"deploy"}, cert.ValidPrincipals)
		assert.Equal(t, now-60, cert.ValidAfter)
		assert.Equal(t, now+300, cert.ValidBefore)
		assert.Equal(t, map[string]string{"permit-pty": ""}, cert.Extensions)
		assert.Empty(t, cert.CriticalOptions)
		assert.Equal(t, ssh.KeyAlgoED25519, cert.Key.Type())
		assert.Equal(t, ca.PublicKey().Marshal(), cert.SignatureKey.Marshal())

		_, other := mint(t, ca, request)
		assert.NotEqual(t, cert.Key.Marshal(), other.Key.Marshal(), "a key for each session")
		assert.NotEqual(t, cert.Serial, other.Serial)
		signature, err := key.Sign(rand.Reader, []byte("x"))
		require.NoError(t, err)
		require.NoError(t, cert.Verify([]byte("x"), signature))

		r := request
		r.Users = []string{"deploy", "app"}
		r.TTL, r.Forward = 1500*time.Millisecond, true
		r.From = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::1/128")}
		_, cert = mint(t, ca, r)
		assert.Equal(t, now+2, cert.ValidBefore)
		assert.Equal(t, []string{"deploy", "app"}, cert.ValidPrincipals)
		assert.Equal(t, map[string]string{"permit-pty": "", "permit-port-forwarding": ""}, cert.Extensions)
		assert.Equal(t, map[string]string{"source-address": "10.1.0.0/16,2001:db8::1/128"}, cert.CriticalOptions)
		checker := ssh.CertChecker{SupportedCriticalOptions: []string{"source-address"}}
		require.NoError(t, checker.CheckCert("app", cert))
	})
}

func TestKeyIDsAreTame(t *testing.T) {
	ca := authority(t)
	id := func(session, principal string) string {
		r := request
		r.Session, r.Principal = session, principal
		_, cert := mint(t, ca, r)
		require.Regexp(t, `^session=[-\w.:/@|+,~%]{1,128} principal=[-\w.:/@|+,~%]{1,256}$`, cert.KeyId)
		return cert.KeyId
	}
	assert.Equal(t, "session=a principal=https://idp.example/x|alice@example.com", id("a", "https://idp.example/x|alice@example.com"))
	assert.Equal(t, "session=a%20principal%3Droot principal=b%0A%00%1B%5B31m%E2%80%AE%25", id("a principal=root", "b\n\x00\x1b[31m\u202e%"))
	assert.Equal(t, "session=a principal=x%20%28serial%201%29%20CA", id("a", "x (serial 1) CA"))
	long := strings.Repeat("é", 1<<20)
	assert.Less(t, len(id(long, long)), 420)
	assert.NotEqual(t, id("a", long), id("a", long+"x"), "the cut part counts too")
	seen := map[string]string{}
	for i := range 300 {
		p := strings.Repeat("x", i+1)
		got := id("a", p)
		require.Empty(t, seen[got])
		seen[got] = p
	}
}

type oldSigner struct{ ssh.Signer }

func (s oldSigner) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return s.Signer.(ssh.AlgorithmSigner).SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

func TestWhatIsNotMinted(t *testing.T) {
	ca := authority(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	weak := signer(t, small, err)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	old := signer(t, big, err)
	certified, _ := mint(t, ca, request)
	with := func(edit func(*minter.CertRequest)) minter.CertRequest {
		r := request
		edit(&r)
		return r
	}
	sha1, err := ssh.NewSignerWithAlgorithms(old.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	require.NoError(t, err)
	for want, tt := range map[string]struct {
		ca ssh.Signer
		r  minter.CertRequest
	}{
		"no session":       {ca, with(func(r *minter.CertRequest) { r.Session = "" })},
		"no principal":     {ca, with(func(r *minter.CertRequest) { r.Principal = "" })},
		"no user":          {ca, with(func(r *minter.CertRequest) { r.Users = nil })},
		`user ""`:          {ca, with(func(r *minter.CertRequest) { r.Users = []string{"a", ""} })},
		`user "a\nb"`:      {ca, with(func(r *minter.CertRequest) { r.Users = []string{"a\nb"} })},
		`user "xxxx`:       {ca, with(func(r *minter.CertRequest) { r.Users = []string{strings.Repeat("x", 257)} })},
		"-1ns":             {ca, with(func(r *minter.CertRequest) { r.TTL = -1 })},
		"1h0m0.000000001s": {ca, with(func(r *minter.CertRequest) { r.TTL = time.Hour + 1 })},
		"10.0.0.1/8":       {ca, with(func(r *minter.CertRequest) { r.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")} })},
		"no authority":     {nil, request},
		"2048":             {weak, request},
		"is a certificate": {certified, request},
		"SHA-1":            {sha1, request},
		"with SHA-1":       {oldSigner{old}, request},
	} {
		_, err := minter.Mint(tt.ca, tt.r)
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 200)
	}
	_, cert := mint(t, old, request)
	require.NotEqual(t, ssh.KeyAlgoRSA, cert.Signature.Format, "an RSA key signs with SHA-2")
}

func login(t *testing.T, s *sshserver.Server, key ssh.Signer) (*ssh.Client, error) {
	t.Helper()
	c, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{User: s.User(), Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(s.HostKey())})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func TestSSHDTakesIt(t *testing.T) {
	ca := authority(t)
	s := sshservertest.Run(t, sshserver.Options{UserCAs: []ssh.PublicKey{ca.PublicKey()}})
	u, err := user.Current()
	require.NoError(t, err)
	r := minter.CertRequest{Session: "gw1-7-3", Principal: "https://idp.example|al ice\n", Users: []string{u.Username}}
	key, cert := mint(t, ca, r)
	c, err := login(t, s, key)
	require.NoError(t, err)
	session, err := c.NewSession()
	require.NoError(t, err)
	require.NoError(t, session.RequestPty("xterm", 24, 80, nil))
	require.NoError(t, session.Run("true"))
	_, err = c.Dial("tcp", s.Addr())
	require.ErrorContains(t, err, "administratively prohibited", "forwarding was not asked for")
	require.Contains(t, s.Log(), fmt.Sprintf("ID session=gw1-7-3 principal=https://idp.example|al%%20ice%%0A (serial %d) CA", cert.Serial))

	with := func(edit func(*minter.CertRequest)) ssh.Signer {
		r := r
		edit(&r)
		key, _ := mint(t, ca, r)
		return key
	}
	c, err = login(t, s, with(func(r *minter.CertRequest) { r.Forward = true }))
	require.NoError(t, err)
	conn, err := c.Dial("tcp", s.Addr())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = login(t, s, with(func(r *minter.CertRequest) { r.From = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }))
	require.NoError(t, err)
	for name, bad := range map[string]ssh.Signer{
		"other user":    with(func(r *minter.CertRequest) { r.Users = []string{"somebody", "else"} }),
		"other address": with(func(r *minter.CertRequest) { r.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }),
	} {
		_, err := login(t, s, bad)
		require.ErrorContains(t, err, "unable to authenticate", name)
	}
	stranger, _ := mint(t, authority(t), r)
	_, err = login(t, s, stranger)
	require.ErrorContains(t, err, "unable to authenticate")

	short := with(func(r *minter.CertRequest) { r.TTL = time.Millisecond })
	_, err = login(t, s, short)
	if err != nil { // the second was over at once
		require.ErrorContains(t, err, "unable to authenticate")
	}
	ends := time.Unix(int64(short.PublicKey().(*ssh.Certificate).ValidBefore), 0)
	time.Sleep(time.Until(ends) + 10*time.Millisecond)
	_, err = login(t, s, short)
	require.ErrorContains(t, err, "unable to authenticate")
	require.Contains(t, s.Log(), "Certificate invalid: expired")
}

func ExampleMint() {
	_, private, _ := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	ca, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		panic(err)
	}
	key, err := minter.Mint(ca, minter.CertRequest{Session: "gw1-7-3", Principal: "static|coder", Users: []string{"deploy"}})
	if err != nil {
		panic(err)
	}
	cert := key.PublicKey().(*ssh.Certificate)
	fmt.Println(cert.KeyId, "as", cert.ValidPrincipals)
	// Output: session=gw1-7-3 principal=static|coder as [deploy]
}
