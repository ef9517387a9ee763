package sshkeys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
)

var home = netip.MustParseAddr("192.0.2.7")

func signer(t testing.TB, key crypto.Signer, err error) ssh.Signer {
	t.Helper()
	require.NoError(t, err)
	s, err := ssh.NewSignerFromSigner(key)
	require.NoError(t, err)
	return s
}

func newEd25519(t testing.TB) ssh.Signer {
	_, key, err := ed25519.GenerateKey(nil)
	return signer(t, key, err)
}

func newRSA(t testing.TB, bits int) ssh.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	return signer(t, key, err)
}

func newECDSA(t testing.TB, curve elliptic.Curve) ssh.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	return signer(t, key, err)
}

func line(key ssh.PublicKey) string { return string(ssh.MarshalAuthorizedKey(key)) }

// blob puts strings in SSH's wire format one behind the other.
func blob(fields ...[]byte) []byte {
	var b []byte
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}

func asLine(wire []byte) string {
	kind := wire[4 : 4+binary.BigEndian.Uint32(wire)]
	return string(kind) + " " + base64.StdEncoding.EncodeToString(wire)
}

// hardware is an Ed25519 key as a security key has it.
func hardware(t testing.TB) []byte {
	pub, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return blob([]byte("sk-ssh-ed25519@openssh.com"), pub, []byte("ssh:"))
}

// weakDSA is of 1024 bits, as all DSA keys are in SSH.
func weakDSA() []byte {
	p, q := new(big.Int).Lsh(big.NewInt(1), 1023), new(big.Int).Lsh(big.NewInt(1), 159)
	p, q = p.SetBit(p, 0, 1), q.SetBit(q, 0, 1)
	positive := func(n *big.Int) []byte { return append([]byte{0}, n.Bytes()...) }
	return blob([]byte("ssh-dss"), positive(p), positive(q), []byte{2}, []byte{3})
}

func holder(t testing.TB, a identity.Authenticator, name string, key []byte, from netip.Addr) (identity.Proven, error) {
	t.Helper()
	v, err := a.Verifier(t.Context(), identity.SchemeSSHKey, name)
	require.NoError(t, err)
	require.Equal(t, identity.SchemeSSHKey, v.Scheme())
	p, err := v.(identity.KeyVerifier).Holder(t.Context(), key, from)
	if err != nil {
		require.Equal(t, identity.Proven{}, p)
		require.Less(t, len(err.Error()), 200)
	}
	return p, err
}

func TestKeysProveWhomTheyAreListedFor(t *testing.T) {
	a, b, stranger := newEd25519(t).PublicKey(), newEd25519(t).PublicKey(), newEd25519(t).PublicKey()
	keys, err := sshkeys.New("keys",
		sshkeys.Key{
			Name: "coder", Line: line(a), Subject: "agent-7", Groups: []string{"agents"}, OnBehalfOf: "alice",
			Attributes: map[string]string{"team": "shop", sshkeys.AttributeExtensions: "permit-pty"},
		},
		sshkeys.Key{Name: "coder", Line: line(b)},
		sshkeys.Key{Name: "other", Line: strings.TrimSpace(line(b)) + " a comment = fine\r\n"},
	)
	require.NoError(t, err)
	got, err := holder(t, keys, "coder", a.Marshal(), netip.Addr{})
	require.NoError(t, err)
	want := identity.Proven{
		Principal: identity.Principal{
			Issuer: "keys", Subject: "agent-7", Name: "coder", Groups: []string{"agents"}, OnBehalfOf: "alice",
			Attributes: map[string]string{"team": "shop", "ssh.extensions": "permit-pty"},
		},
		Scheme: "ssh-publickey", Credential: ssh.FingerprintSHA256(a),
	}
	assert.Equal(t, want, got)
	got.Principal.Attributes["team"], got.Principal.Groups[0] = "root", "root"
	again, err := holder(t, keys, "coder", a.Marshal(), home)
	require.NoError(t, err)
	assert.Equal(t, want, again, "what one caller changes is the caller's")

	for _, name := range []string{"coder", "other"} {
		got, err = holder(t, keys, name, b.Marshal(), home)
		require.NoError(t, err)
		assert.Equal(t, identity.Principal{Issuer: "keys", Subject: name, Name: name}, got.Principal)
	}
	unlisted := []error{}
	for name, key := range map[string]ssh.PublicKey{"other": a, "": a, "Coder": a, "coder\x00": a, "nobody": a, "coder": stranger} {
		_, err := holder(t, keys, name, key.Marshal(), home)
		assert.ErrorIs(t, err, identity.ErrRefused, name)
		unlisted = append(unlisted, err)
	}
	for _, err := range unlisted {
		assert.Equal(t, unlisted[0].Error(), err.Error(), "an unknown name looks like a known one with another key")
	}
	_, err = keys.Verifier(t.Context(), identity.SchemeToken, "coder")
	assert.ErrorIs(t, err, identity.ErrSchemeUnsupported)
}

func TestKindsOfKeys(t *testing.T) {
	for name, tt := range map[string]struct {
		wire []byte
		want string // in the error; empty: taken
	}{
		"ed25519":    {newEd25519(t).PublicKey().Marshal(), ""},
		"p256":       {newECDSA(t, elliptic.P256()).PublicKey().Marshal(), ""},
		"p384":       {newECDSA(t, elliptic.P384()).PublicKey().Marshal(), ""},
		"p521":       {newECDSA(t, elliptic.P521()).PublicKey().Marshal(), ""},
		"rsa 2048":   {newRSA(t, 2048).PublicKey().Marshal(), ""},
		"sk ed25519": {hardware(t), ""},
		"rsa 1024":   {newRSA(t, 1024).PublicKey().Marshal(), "less than 2048 bits"},
		"rsa 2047":   {rsaOf(2047), "less than 2048 bits"},
		"rsa 16385":  {rsaOf(16385), "not a line"},
		"dsa":        {weakDSA(), "DSA"},
		"unknown":    {blob([]byte("ssh-unknown"), []byte("x")), "not a line"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := sshkeys.New("keys", sshkeys.Key{Name: "x", Line: asLine(tt.wire)})
			if tt.want == "" {
				require.NoError(t, err)
				_, err = holder(t, keys, "x", tt.wire, home)
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			keys, err = sshkeys.New("keys")
			require.NoError(t, err)
			_, err = holder(t, keys, "x", tt.wire, home)
			require.ErrorIs(t, err, identity.ErrRefused)
			if tt.want != "not a line" {
				require.ErrorContains(t, err, tt.want, "at the proof too")
			}
		})
	}
}

func rsaOf(bits uint) []byte {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	n.SetBit(n, 0, 1)
	b := n.Bytes()
	if b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return blob([]byte("ssh-rsa"), []byte{1, 0, 1}, b)
}

func TestKeyBytesAreStrict(t *testing.T) {
	key := newRSA(t, 2048).PublicKey()
	keys, err := sshkeys.New("keys", sshkeys.Key{Name: "x", Line: line(key)})
	require.NoError(t, err)
	good := key.Marshal()
	_, err = holder(t, keys, "x", good, home)
	require.NoError(t, err)
	padded := blob([]byte("ssh-rsa"), []byte{0, 1, 0, 1}, good[len("ssh-rsa")+4+3+8:])
	for name, wire := range map[string][]byte{
		"nothing": nil, "empty": {}, "cut": good[:len(good)-1], "trailing": append(good[:len(good):len(good)], 0),
		"padded": padded, "lying length": {0xff, 0xff, 0xff, 0xff, 's'}, "huge": make([]byte, 1<<20),
	} {
		_, err := holder(t, keys, "x", wire, home)
		assert.ErrorIs(t, err, identity.ErrRefused, name)
		assert.NotContains(t, err.Error(), "listed", name)
	}
}

func TestFrom(t *testing.T) {
	key := newEd25519(t).PublicKey()
	keys, err := sshkeys.New("keys", sshkeys.Key{Name: "x", Line: line(key), From: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fe80::/10"),
	}})
	require.NoError(t, err)
	for from, good := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "2001:db8::1": true, "fe80::1%eth0": true,
		"10.2.0.1": false, "::ffff:10.2.0.1": false, "2001:db9::1": false, "::1": false, "": false,
	} {
		var a netip.Addr
		if from != "" {
			a = netip.MustParseAddr(from)
		}
		_, err := holder(t, keys, "x", key.Marshal(), a)
		if good {
			assert.NoError(t, err, from)
		} else {
			assert.ErrorIs(t, err, identity.ErrRefused, from)
		}
	}
}

func TestKeysExpire(t *testing.T) {
	key := newEd25519(t).PublicKey()
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Hour)
		keys, err := sshkeys.New("keys", sshkeys.Key{Name: "x", Line: line(key), Expires: until})
		require.NoError(t, err)
		time.Sleep(time.Hour - time.Nanosecond)
		p, err := holder(t, keys, "x", key.Marshal(), home)
		require.NoError(t, err)
		require.True(t, until.Equal(p.Principal.Expires))
		time.Sleep(time.Nanosecond)
		_, err = holder(t, keys, "x", key.Marshal(), home)
		require.ErrorIs(t, err, identity.ErrExpired)
	})
}

func TestMistakesInKeys(t *testing.T) {
	a := newEd25519(t)
	cert := certify(t, newEd25519(t), nil)
	_, err := sshkeys.New("",
		sshkeys.Key{Line: line(a.PublicKey())},
		sshkeys.Key{Name: "none"},
		sshkeys.Key{Name: "garbage", Line: "hunter2"},
		sshkeys.Key{Name: "options", Line: `restrict,from="10.0.0.1" ` + line(a.PublicKey())},
		sshkeys.Key{Name: "restrict", Line: "restrict " + line(a.PublicKey())},
		sshkeys.Key{Name: "two", Line: line(a.PublicKey()) + line(a.PublicKey())},
		sshkeys.Key{Name: "cert", Line: line(cert)},
		sshkeys.Key{Name: "private", Line: "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2"},
		sshkeys.Key{Name: "net", Line: line(a.PublicKey()), From: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/16")}},
		sshkeys.Key{Name: "mapped", Line: line(a.PublicKey()), From: []netip.Prefix{netip.MustParsePrefix("::ffff:10.1.0.0/112")}},
		sshkeys.Key{Name: "no net", Line: line(a.PublicKey()), From: []netip.Prefix{{}}},
		sshkeys.Key{Name: "twice", Line: line(a.PublicKey())},
		sshkeys.Key{Name: "twice", Line: line(a.PublicKey())},
	)
	require.Error(t, err)
	for _, part := range []string{
		"no issuer name", `key 1, of "": Name is empty`, `of "none": Line: there is no key`, `of "garbage": Line: it is not a line`,
		`of "options": Line: options`, `of "restrict": Line: options`, `of "two": Line: it holds more`, `of "cert": Line: it is a certificate`,
		`of "private": Line: it is a private key`, `of "net": From: 10.1.2.3/16`, `of "mapped": From:`, `of "no net": From:`, `key 13, of "twice": the name has this key already`,
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestReplaceKeys(t *testing.T) {
	a, b := newEd25519(t).PublicKey(), newEd25519(t).PublicKey()
	keys, err := sshkeys.New("keys", sshkeys.Key{Name: "x", Line: line(a)})
	require.NoError(t, err)
	v, err := keys.Verifier(t.Context(), identity.SchemeSSHKey, "x")
	require.NoError(t, err)
	require.Error(t, keys.Replace(sshkeys.Key{Name: "x", Line: line(b)}, sshkeys.Key{Name: "bad"}))
	_, err = v.(identity.KeyVerifier).Holder(t.Context(), a.Marshal(), home)
	require.NoError(t, err, "a bad list changes nothing")
	require.NoError(t, keys.Replace(sshkeys.Key{Name: "x", Line: line(b)}))
	_, err = v.(identity.KeyVerifier).Holder(t.Context(), a.Marshal(), home)
	require.ErrorIs(t, err, identity.ErrRefused, "taken away on the way")
	_, err = v.(identity.KeyVerifier).Holder(t.Context(), b.Marshal(), home)
	require.NoError(t, err)
}

func ExampleNew() {
	keys, err := sshkeys.New("team keys", sshkeys.Key{
		Name:   "coder",
		Line:   "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBeiw2mCUGFB5Z9PkTGNSmTTmYFHIAWT2DWDjdTPWfrS coder@laptop",
		Groups: []string{"agents"},
		From:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	fmt.Println(keys != nil, err)
	// Output: true <nil>
}
