package sshkeys_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
)

// certify makes a good certificate for coder, changed by edit, and signs it.
func certify(t testing.TB, ca ssh.Signer, edit func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	c := &ssh.Certificate{
		Key: newEd25519(t).PublicKey(), Serial: 7, CertType: ssh.UserCert, KeyId: "coder@laptop",
		ValidPrincipals: []string{"ops", "coder"}, ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": "", "permit-port-forwarding": ""}},
	}
	if edit != nil {
		edit(c)
	}
	require.NoError(t, c.SignCert(rand.Reader, ca))
	return c
}

func authority(t testing.TB, config sshkeys.CAConfig, keys ...ssh.Signer) *sshkeys.CA {
	t.Helper()
	for _, k := range keys {
		config.Authorities = append(config.Authorities, line(k.PublicKey()))
	}
	ca, err := sshkeys.NewCA("ssh-ca", config)
	require.NoError(t, err)
	return ca
}

func TestCertificateProvesItsPrincipal(t *testing.T) {
	key := newEd25519(t)
	ca := authority(t, sshkeys.CAConfig{}, newEd25519(t), key)
	cert := certify(t, key, nil)
	got, err := holder(t, ca, "coder", cert.Marshal(), netip.Addr{})
	require.NoError(t, err)
	assert.Equal(t, identity.Proven{
		Principal: identity.Principal{
			Issuer: "ssh-ca", Subject: "coder", Name: "coder", Expires: time.Unix(int64(cert.ValidBefore), 0),
			Attributes: map[string]string{"ssh.extensions": "permit-port-forwarding,permit-pty"},
		},
		Scheme:     identity.SchemeSSHKey,
		Credential: ssh.FingerprintSHA256(cert.Key) + ` ID "coder@laptop" (serial 7) CA ` + ssh.FingerprintSHA256(key.PublicKey()),
	}, got)
	_, err = holder(t, ca, "ops", cert.Marshal(), home)
	require.NoError(t, err)
	_, err = ca.Verifier(t.Context(), identity.SchemeToken, "coder")
	assert.ErrorIs(t, err, identity.ErrSchemeUnsupported)
}

func TestCertificatesThatAreRefused(t *testing.T) {
	key := newEd25519(t)
	rsaKey, rsa512 := newRSA(t, 2048), newRSA(t, 2048)
	weak := newRSA(t, 1024)
	ca := authority(t, sshkeys.CAConfig{}, key, rsaKey, rsa512)
	sha1, err := ssh.NewSignerWithAlgorithms(rsaKey.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	require.NoError(t, err)
	sha256, err := ssh.NewSignerWithAlgorithms(rsaKey.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSASHA256})
	require.NoError(t, err)
	option := func(name, value string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{name: value} }
	}
	source := func(value string) func(*ssh.Certificate) { return option("source-address", value) }
	now := uint64(time.Now().Unix())
	for name, tt := range map[string]struct {
		ca   ssh.Signer
		edit func(*ssh.Certificate)
		want string // in the error; empty: taken
	}{
		"as it should be":          {key, nil, ""},
		"RSA authority":            {rsa512, nil, ""},
		"RSA authority, SHA-256":   {sha256, nil, ""},
		"RSA authority, SHA-1":     {sha1, nil, "too weak"},
		"RSA key":                  {key, func(c *ssh.Certificate) { c.Key = rsaKey.PublicKey() }, ""},
		"P-384 key":                {key, func(c *ssh.Certificate) { c.Key = newECDSA(t, elliptic.P384()).PublicKey() }, ""},
		"weak key":                 {key, func(c *ssh.Certificate) { c.Key = weak.PublicKey() }, "2048"},
		"unknown authority":        {newEd25519(t), nil, "no trusted authority"},
		"weak authority":           {weak, nil, "no trusted authority"},
		"host certificate":         {key, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, "not a user's"},
		"no type":                  {key, func(c *ssh.Certificate) { c.CertType = 0 }, "not a user's"},
		"no principals":            {key, func(c *ssh.Certificate) { c.ValidPrincipals = nil }, "not for this name"},
		"other principals":         {key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"Coder", "coder ", "code", "*", ""} }, "not for this name"},
		"not yet":                  {key, func(c *ssh.Certificate) { c.ValidAfter = now + 60 }, "time has not come"},
		"never":                    {key, func(c *ssh.Certificate) { c.ValidAfter, c.ValidBefore = now+60, now-60 }, "time has not come"},
		"not before infinity":      {key, func(c *ssh.Certificate) { c.ValidAfter = math.MaxUint64 }, "time has not come"},
		"for ever":                 {key, func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity }, ""},
		"beyond int64":             {key, func(c *ssh.Certificate) { c.ValidBefore = 1 << 63 }, "time has not come"},
		"forced command":           {key, option("force-command", "id"), "critical option"},
		"empty forced command":     {key, option("force-command", ""), "critical option"},
		"unknown option":           {key, option("verify-required", ""), "critical option"},
		"from here":                {key, source("10.0.0.0/8,192.0.2.7"), ""},
		"from this network":        {key, source("192.0.2.0/24"), ""},
		"from elsewhere":           {key, source("10.0.0.0/8,192.0.2.8,2001:db8::/32"), "client's address"},
		"from nowhere":             {key, source(""), "cannot be read"},
		"from here and garbage":    {key, source("192.0.2.7,garbage"), "cannot be read"},
		"from garbage and here":    {key, source("*,192.0.2.7"), "cannot be read"},
		"from a name":              {key, source("localhost"), "cannot be read"},
		"with a space":             {key, source("10.0.0.1, 192.0.2.7"), "cannot be read"},
		"trailing comma":           {key, source("192.0.2.7,"), "cannot be read"},
		"negated":                  {key, source("!192.0.2.8,192.0.2.0/24"), "cannot be read"},
		"host bits in the network": {key, source("192.0.2.1/24"), "cannot be read"},
		"IPv4 in IPv6":             {key, source("::ffff:192.0.2.7"), "cannot be read"},
		"source and forced command": {key, func(c *ssh.Certificate) {
			c.CriticalOptions = map[string]string{"source-address": "192.0.2.7", "force-command": "id"}
		}, "critical option"},
		"more than 32 KiB":          {key, func(c *ssh.Certificate) { c.KeyId = strings.Repeat("x", 33<<10) }, "32 KiB"},
		"zero byte behind the name": {key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"coder\x00"} }, "not for this name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := holder(t, ca, "coder", certify(t, tt.ca, tt.edit).Marshal(), home)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, identity.ErrRefused)
			require.NotErrorIs(t, err, identity.ErrExpired)
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		_, err := holder(t, ca, "coder", key.PublicKey().Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused, "an authority's own key proves nobody")
	})
	t.Run("empty name", func(t *testing.T) {
		cert := certify(t, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{""} })
		_, err := holder(t, ca, "", cert.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused)
	})
	t.Run("no address", func(t *testing.T) {
		_, err := holder(t, ca, "coder", certify(t, key, source("0.0.0.0/0,::/0")).Marshal(), netip.Addr{})
		require.ErrorIs(t, err, identity.ErrRefused)
	})
	t.Run("another's signature", func(t *testing.T) {
		cert, other := certify(t, key, nil), certify(t, key, nil)
		cert.Signature = other.Signature
		_, err := holder(t, ca, "coder", cert.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused)
	})
	t.Run("changed after signing", func(t *testing.T) {
		cert := certify(t, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"coder"} })
		cert.ValidPrincipals[0] = "admin"
		_, err := holder(t, ca, "admin", cert.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused)
	})
	t.Run("expired and forged", func(t *testing.T) {
		cert := certify(t, key, nil)
		cert.ValidBefore = now - 60
		_, err := holder(t, ca, "coder", cert.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused, "that it has expired is said of good ones only")
	})
	t.Run("authority is a certificate", func(t *testing.T) {
		middle := newEd25519(t)
		chained := certify(t, middle, func(c *ssh.Certificate) {})
		chained.SignatureKey = certify(t, key, func(c *ssh.Certificate) { c.Key = middle.PublicKey() })
		_, err := holder(t, ca, "coder", chained.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused)
	})
}

func TestCertificatesExpireByTheSecond(t *testing.T) {
	key := newEd25519(t)
	asked := 0
	ca := authority(t, sshkeys.CAConfig{Principal: func(*ssh.Certificate, *identity.Principal) error { asked++; return nil }}, key)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Truncate(time.Second).Add(time.Minute)
		cert := certify(t, key, func(c *ssh.Certificate) {
			c.ValidAfter, c.ValidBefore = uint64(start.Unix()), uint64(start.Add(time.Minute).Unix())
		})
		at := func(when time.Time) error {
			time.Sleep(time.Until(when))
			_, err := holder(t, ca, "coder", cert.Marshal(), home)
			return err
		}
		require.ErrorIs(t, at(start.Add(-1)), identity.ErrRefused)
		require.NoError(t, at(start))
		require.NoError(t, at(start.Add(time.Minute-1)))
		require.ErrorIs(t, at(start.Add(time.Minute)), identity.ErrExpired)
		require.ErrorIs(t, at(start.Add(time.Hour)), identity.ErrExpired)
		require.Equal(t, 2, asked, "the configuration is asked only about good ones")
	})
}

func TestEndsThatNoRecordCouldHold(t *testing.T) {
	key := newEd25519(t)
	ca := authority(t, sshkeys.CAConfig{}, key)
	for before, want := range map[uint64]int{ssh.CertTimeInfinity: 1, math.MaxInt64: 9999, 253402300800: 9999, 253402300799: 9999, 4102444800: 2100} {
		cert := certify(t, key, func(c *ssh.Certificate) { c.ValidBefore = before })
		p, err := holder(t, ca, "coder", cert.Marshal(), home)
		require.NoError(t, err)
		require.Equal(t, want, p.Principal.Expires.UTC().Year())
		require.Equal(t, before == ssh.CertTimeInfinity, p.Principal.Expires.IsZero())
	}
}

func TestExtensionsAndIDsAreTamed(t *testing.T) {
	key := newEd25519(t)
	ca := authority(t, sshkeys.CAConfig{}, key)
	for _, tt := range []struct {
		extensions []string
		want       string
	}{
		{nil, ""},
		{[]string{"permit-pty", "no-touch-required", "login@example.com"}, "login@example.com,no-touch-required,permit-pty"},
		{[]string{"x,permit-pty", "a b", "é", "\n", "", strings.Repeat("x", 65)}, ""},
	} {
		cert := certify(t, key, func(c *ssh.Certificate) {
			c.Extensions = map[string]string{}
			for _, name := range tt.extensions {
				c.Extensions[name] = ""
			}
			c.KeyId = "a\n\x1b[31m\u202e\"" + strings.Repeat("é", 100)
		})
		p, err := holder(t, ca, "coder", cert.Marshal(), home)
		require.NoError(t, err)
		got, ok := p.Principal.Attributes[sshkeys.AttributeExtensions]
		require.True(t, ok)
		require.Equal(t, tt.want, got)
		require.Regexp(t, `^[ -~]{100,500}$`, p.Credential)
	}
}

func TestPrincipalOfTheConfiguration(t *testing.T) {
	key := newEd25519(t)
	late := time.Now().Add(24 * time.Hour)
	soon := time.Now().Add(time.Minute)
	var change func(*ssh.Certificate, *identity.Principal) error
	ca := authority(t, sshkeys.CAConfig{Principal: func(c *ssh.Certificate, p *identity.Principal) error { return change(c, p) }}, key)
	cert := certify(t, key, nil)
	ask := func() (identity.Principal, error) {
		p, err := holder(t, ca, "coder", cert.Marshal(), home)
		return p.Principal, err
	}
	shared := map[string]string{"team": "shop", sshkeys.AttributeExtensions: "everything"}
	change = func(c *ssh.Certificate, p *identity.Principal) error {
		assert.Equal(t, identity.Principal{Issuer: "ssh-ca", Subject: "coder", Name: "coder", Expires: time.Unix(int64(cert.ValidBefore), 0)}, *p)
		*p = identity.Principal{Issuer: "forged", Subject: c.KeyId, Groups: []string{"agents"}, OnBehalfOf: "alice", Attributes: shared, Expires: late}
		return nil
	}
	p, err := ask()
	require.NoError(t, err)
	assert.Equal(t, identity.Principal{
		Issuer: "ssh-ca", Subject: "coder@laptop", Groups: []string{"agents"}, OnBehalfOf: "alice", Expires: time.Unix(int64(cert.ValidBefore), 0),
		Attributes: map[string]string{"team": "shop", "ssh.extensions": "permit-port-forwarding,permit-pty"},
	}, p)
	assert.Equal(t, "everything", shared[sshkeys.AttributeExtensions], "the map is the configuration's own")

	change = func(_ *ssh.Certificate, p *identity.Principal) error { p.Expires = soon; return nil }
	p, err = ask()
	require.NoError(t, err)
	assert.True(t, soon.Equal(p.Expires))
	change = func(_ *ssh.Certificate, p *identity.Principal) error { p.Expires = time.Time{}; return nil }
	p, err = ask()
	require.NoError(t, err)
	assert.False(t, p.Expires.IsZero())

	change = func(_ *ssh.Certificate, p *identity.Principal) error { p.Expires = time.Now(); return nil }
	_, err = ask()
	require.ErrorIs(t, err, identity.ErrExpired)
	change = func(_ *ssh.Certificate, p *identity.Principal) error { p.Subject = ""; return nil }
	_, err = ask()
	require.ErrorIs(t, err, identity.ErrRefused)
	unknown := errors.New("nobody of that name")
	change = func(*ssh.Certificate, *identity.Principal) error { return unknown }
	_, err = ask()
	require.ErrorIs(t, err, identity.ErrRefused)
	require.ErrorIs(t, err, unknown)
}

func TestRevocation(t *testing.T) {
	key := newEd25519(t)
	cert := certify(t, key, nil)
	for name, list := range map[string]sshkeys.Revoked{
		"serial":    {Serials: []uint64{1, 7}},
		"id":        {KeyIDs: []string{"x", "coder@laptop"}},
		"key":       {Fingerprints: []string{ssh.FingerprintSHA256(cert.Key)}},
		"authority": {Fingerprints: []string{ssh.FingerprintSHA256(key.PublicKey())}},
	} {
		t.Run(name, func(t *testing.T) {
			ca := authority(t, sshkeys.CAConfig{Revoked: list}, key)
			_, err := holder(t, ca, "coder", cert.Marshal(), home)
			require.ErrorIs(t, err, identity.ErrRefused)
			require.ErrorContains(t, err, "revoked")

			ca = authority(t, sshkeys.CAConfig{}, key)
			v, err := ca.Verifier(t.Context(), identity.SchemeSSHKey, "coder")
			require.NoError(t, err)
			ask := func() error {
				_, err := v.(identity.KeyVerifier).Holder(t.Context(), cert.Marshal(), home)
				return err
			}
			require.NoError(t, ask())
			require.NoError(t, ca.Revoke(list))
			require.NoError(t, ca.Revoke(sshkeys.Revoked{Serials: []uint64{99}}))
			require.ErrorIs(t, ask(), identity.ErrRefused, "what was revoked before stays so")
			require.Error(t, ca.Replace(sshkeys.CAConfig{}))
			require.ErrorIs(t, ask(), identity.ErrRefused, "after an error nothing has changed")
			require.NoError(t, ca.Replace(sshkeys.CAConfig{Authorities: []string{line(key.PublicKey())}}))
			require.NoError(t, ask())
			require.NoError(t, ca.Replace(sshkeys.CAConfig{Authorities: []string{line(newEd25519(t).PublicKey())}}))
			require.ErrorIs(t, ask(), identity.ErrRefused)
		})
	}
	many := sshkeys.Revoked{Serials: make([]uint64, 20000)} // so that it takes a while
	for i := range many.Serials {
		many.Serials[i] = uint64(1000 + i)
	}
	ca := authority(t, sshkeys.CAConfig{Revoked: many}, key)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { assert.NoError(t, ca.Revoke(sshkeys.Revoked{Serials: []uint64{uint64(100 + i)}})) })
		all.Go(func() { _, _ = holder(t, ca, "coder", cert.Marshal(), home) })
	}
	all.Wait()
	for i := range 50 {
		c := certify(t, key, func(c *ssh.Certificate) { c.Serial = uint64(100 + i) })
		_, err := holder(t, ca, "coder", c.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrRefused, "none was lost")
	}
}

func TestMistakesInTheAuthority(t *testing.T) {
	key := newEd25519(t)
	_, err := sshkeys.NewCA("", sshkeys.CAConfig{
		Authorities: []string{
			"", "garbage", line(newRSA(t, 1024).PublicKey()), asLine(weakDSA()), line(certify(t, key, nil)),
			"cert-authority " + line(key.PublicKey()),
		},
		Revoked: sshkeys.Revoked{Fingerprints: []string{"MD5:00:11", "SHA256:abc", strings.TrimPrefix(ssh.FingerprintSHA256(key.PublicKey()), "SHA256:")}},
	})
	require.Error(t, err)
	for _, part := range []string{
		"no issuer name", "SSH key 1: there is no key", "SSH key 2: it is not a line", "SSH key 3: an RSA key", "SSH key 4: a DSA key", "SSH key 5: it is a certificate",
		"SSH key 6: options", `"MD5:00:11" is not a fingerprint`, `"SHA256:abc" is not`,
	} {
		assert.ErrorContains(t, err, part)
	}
	_, err = sshkeys.NewCA("x", sshkeys.CAConfig{})
	require.ErrorContains(t, err, "Authorities is empty")
	ca := authority(t, sshkeys.CAConfig{}, key)
	require.Error(t, ca.Revoke(sshkeys.Revoked{Serials: []uint64{7}, Fingerprints: []string{"x"}}))
	_, err = holder(t, ca, "coder", certify(t, key, nil).Marshal(), home)
	require.NoError(t, err, "a bad list changes nothing")
}

// Certificates that OpenSSH makes are read as OpenSSH means them.
func TestCertificatesOfSSHKeygen(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("ssh-keygen", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(b)
	}
	run("-q", "-t", "ed25519", "-N", "", "-f", "ca")
	run("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsaca")
	run("-q", "-t", "ed25519", "-N", "", "-f", "user")
	run("-q", "-t", "ecdsa", "-b", "521", "-N", "", "-f", "curve")
	run("-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", "rsa")
	ca, err := sshkeys.NewCA("ssh-ca", sshkeys.CAConfig{Authorities: []string{read("ca.pub"), read("rsaca.pub")}})
	require.NoError(t, err)
	const all = "permit-X11-forwarding,permit-agent-forwarding,permit-port-forwarding,permit-pty,permit-user-rc"
	for name, tt := range map[string]struct {
		ca, key string
		args    []string
		want    error
		text    string // the extensions, or in the error
	}{
		"plain":             {"ca", "user", []string{"-n", "coder,ops"}, nil, all},
		"curve":             {"ca", "curve", []string{"-n", "coder"}, nil, all},
		"RSA":               {"ca", "rsa", []string{"-n", "coder"}, nil, all},
		"RSA authority":     {"rsaca", "user", []string{"-n", "coder"}, nil, all},
		"RSA and SHA-1":     {"rsaca", "user", []string{"-n", "coder", "-t", "ssh-rsa"}, identity.ErrRefused, "too weak"},
		"within its time":   {"ca", "user", []string{"-n", "coder", "-V", "-1m:+5m"}, nil, all},
		"over":              {"ca", "user", []string{"-n", "coder", "-V", "-2h:-1h"}, identity.ErrExpired, ""},
		"to come":           {"ca", "user", []string{"-n", "coder", "-V", "+1h:+2h"}, identity.ErrRefused, "time has not come"},
		"cleared":           {"ca", "user", []string{"-n", "coder", "-O", "clear"}, nil, ""},
		"pty only":          {"ca", "user", []string{"-n", "coder", "-O", "clear", "-O", "permit-pty"}, nil, "permit-pty"},
		"from here":         {"ca", "user", []string{"-n", "coder", "-O", "source-address=192.0.2.0/24,10.0.0.1"}, nil, all},
		"from elsewhere":    {"ca", "user", []string{"-n", "coder", "-O", "source-address=10.0.0.0/8"}, identity.ErrRefused, "client's address"},
		"forced command":    {"ca", "user", []string{"-n", "coder", "-O", "force-command=/bin/true"}, identity.ErrRefused, "critical option"},
		"verified holder":   {"ca", "user", []string{"-n", "coder", "-O", "verify-required"}, identity.ErrRefused, "critical option"},
		"unknown option":    {"ca", "user", []string{"-n", "coder", "-O", "critical:x@example.com=1"}, identity.ErrRefused, "critical option"},
		"unknown extension": {"ca", "user", []string{"-n", "coder", "-O", "clear", "-O", "extension:x@example.com=1"}, nil, "x@example.com"},
		"nobody's":          {"ca", "user", nil, identity.ErrRefused, "not for this name"},
		"host":              {"ca", "user", []string{"-h", "-n", "coder"}, identity.ErrRefused, "not a user's"},
	} {
		t.Run(name, func(t *testing.T) {
			run(append(append([]string{"-q", "-s", tt.ca, "-I", "coder@laptop", "-z", "7"}, tt.args...), tt.key+".pub")...)
			key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(read(tt.key + "-cert.pub")))
			require.NoError(t, err)
			p, err := holder(t, ca, "coder", key.Marshal(), home)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
				require.ErrorContains(t, err, tt.text)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.text, p.Principal.Attributes[sshkeys.AttributeExtensions])
			require.Contains(t, p.Credential, `ID "coder@laptop" (serial 7) CA SHA256:`)
		})
	}
}

// Whatever the bytes are, nobody is proven but by the listed key and by the
// certificate that the authority signed, unchanged.
func FuzzHolder(f *testing.F) {
	caKey := newEd25519(f)
	listed := newECDSA(f, elliptic.P256()).PublicKey()
	keys, err := sshkeys.New("keys", sshkeys.Key{Name: "coder", Line: line(listed)})
	require.NoError(f, err)
	both := identity.Any(keys, authority(f, sshkeys.CAConfig{}, caKey))
	cert := certify(f, caKey, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "192.0.2.0/24"} })
	for _, wire := range [][]byte{
		listed.Marshal(), cert.Marshal(), newRSA(f, 1024).PublicKey().Marshal(), newRSA(f, 2048).PublicKey().Marshal(), weakDSA(), hardware(f),
		certify(f, newEd25519(f), nil).Marshal(), certify(f, newRSA(f, 2048), nil).Marshal(),
	} {
		f.Add(wire)
	}
	good := map[string]bool{string(listed.Marshal()): true, string(cert.Marshal()): true}
	f.Fuzz(func(t *testing.T, wire []byte) {
		_, err := holder(t, both, "coder", wire, home)
		if good[string(wire)] {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, identity.ErrRefused)
		}
		_, err = holder(t, both, "nobody", wire, home)
		require.ErrorIs(t, err, identity.ErrRefused)
	})
}

func ExampleNewCA() {
	ca, err := sshkeys.NewCA("ssh-ca", sshkeys.CAConfig{
		Authorities: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBeiw2mCUGFB5Z9PkTGNSmTTmYFHIAWT2DWDjdTPWfrS agents' authority"},
		Principal: func(cert *ssh.Certificate, p *identity.Principal) error {
			p.OnBehalfOf = cert.KeyId
			p.Groups = []string{"agents"}
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	err = ca.Revoke(sshkeys.Revoked{Serials: []uint64{17}})
	fmt.Println(err)
	// Output: <nil>
}
