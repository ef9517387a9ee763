package hostkey

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"
)

// ErrUnknown means that nothing is known about a host.
var ErrUnknown = errors.New("no host key is known")

// ErrMismatch means that a host offers another key than the known ones.
var ErrMismatch = errors.New("the host key is not the known one")

// ErrRevoked means that the key, or the authority that signed it, is revoked.
var ErrRevoked = errors.New("the host key is revoked")

// ErrCertificate means that a known authority signed a certificate that is not
// good for the host, or not now.
var ErrCertificate = errors.New("the host certificate is not good")

// ErrWeak means that a host's key is too weak to prove anything.
var ErrWeak = errors.New("the host key is too weak")

// known is what is known about one host.
type known struct {
	checker    *Checker
	host, name string // name as known_hosts writes it
	entries    []*entry
}

// check is an xssh.HostKeyCallback.
func (h *known) check(_ string, _ net.Addr, offered xssh.PublicKey) error {
	if offered == nil {
		return fmt.Errorf("hostkey: %w: %s offers none", ErrUnknown, h.name)
	}
	key := plain(offered)
	if h.checker.revoked[string(key.Marshal())] {
		return fmt.Errorf("hostkey: %w: %s offers %s", ErrRevoked, h.name, describe(key))
	}
	if weak(key) {
		return fmt.Errorf("hostkey: %w: %s offers %s; Ed25519, ECDSA, and RSA from 2048 bits on are taken", ErrWeak, h.name, describe(key))
	}
	for _, e := range h.entries {
		if !e.authority && same(e.key, key) {
			return nil
		}
	}
	cert, ok := offered.(*xssh.Certificate)
	if !ok {
		return h.refuse(key)
	}
	for _, e := range h.entries {
		if e.authority && same(e.key, cert.SignatureKey) {
			return h.checkCertificate(cert)
		}
	}
	return fmt.Errorf("%w; its certificate is signed by %s", h.refuse(key), describe(cert.SignatureKey))
}

func same(a, b xssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// checkCertificate checks a certificate whose authority is known.
func (h *known) checkCertificate(cert *xssh.Certificate) error {
	wrong := func(why string) error {
		return fmt.Errorf("hostkey: %w: that of %s (%s, serial %d): %s", ErrCertificate, h.name, describe(cert.Key), cert.Serial, why)
	}
	switch {
	case h.checker.revoked[string(cert.SignatureKey.Marshal())]:
		return fmt.Errorf("hostkey: %w: %s signed the certificate of %s", ErrRevoked, describe(cert.SignatureKey), h.name)
	case cert.CertType != xssh.HostCert:
		return wrong("it is not a host's")
	case weak(cert.SignatureKey) || cert.Signature.Format == xssh.KeyAlgoRSA:
		return wrong("its authority's key, or how it signs, is too weak")
	}
	i := slices.IndexFunc(cert.ValidPrincipals, func(p string) bool { return wild(strings.ToLower(p), h.host) })
	if i < 0 {
		return wrong("it is not for this host; sign it with ssh-keygen -h -n " + h.host)
	}
	if err := new(xssh.CertChecker).CheckCert(cert.ValidPrincipals[i], cert); err != nil {
		why := err.Error()
		return wrong(fmt.Sprintf("%.100q", strings.TrimPrefix(why, "ssh: ")))
	}
	return nil
}

// refuse says what is offered, what is known, and what to do.
func (h *known) refuse(key xssh.PublicKey) error {
	line := h.name + " " + strings.TrimSpace(string(xssh.MarshalAuthorizedKey(key)))
	if len(line) > 1000 {
		line = fmt.Sprintf("ssh-keyscan prints for %s", h.name)
	}
	if len(h.entries) == 0 {
		where := "the configured lines"
		if len(h.checker.places) > 0 {
			where = h.checker.places[len(h.checker.places)-1]
		}
		return fmt.Errorf("hostkey: %w for %s, which offers %s; if ssh-keygen -l shows the same on the host itself, add to %s the line: %s",
			ErrUnknown, h.name, describe(key), where, line)
	}
	const most = 4
	var have []string
	for _, e := range h.entries[:min(len(h.entries), most)] {
		what := describe(e.key)
		if e.authority {
			what = "the authority " + what
		}
		have = append(have, fmt.Sprintf("%s (%s)", what, e.place))
	}
	if n := len(h.entries) - most; n > 0 {
		have = append(have, fmt.Sprintf("and %d more", n))
	}
	return fmt.Errorf("hostkey: %w: %s offers %s, and known are %s; someone may be in between, or the host has a new key",
		ErrMismatch, h.name, describe(key), strings.Join(have, ", "))
}

// describe names a key as ssh-keygen -l does.
func describe(key xssh.PublicKey) string { return key.Type() + " " + xssh.FingerprintSHA256(key) }

func weak(key xssh.PublicKey) bool {
	switch key.Type() {
	case xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521, xssh.KeyAlgoSKED25519, xssh.KeyAlgoSKECDSA256:
		return false
	}
	k, ok := key.(xssh.CryptoPublicKey)
	if !ok {
		return true
	}
	pub, ok := k.CryptoPublicKey().(*rsa.PublicKey)
	return !ok || pub.N.BitLen() < 2048
}

// algorithms returns what to offer: certificates where an authority is known,
// then the kinds of the known keys, then the others, so that a host with another
// key can be told about.
func (h *known) algorithms() []string {
	var list []string
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	if slices.ContainsFunc(h.entries, func(e *entry) bool { return e.authority }) {
		add(xssh.CertAlgoED25519v01, xssh.CertAlgoECDSA256v01, xssh.CertAlgoECDSA384v01, xssh.CertAlgoECDSA521v01, xssh.CertAlgoRSASHA512v01, xssh.CertAlgoRSASHA256v01)
	}
	for _, e := range h.entries {
		if !e.authority {
			add(signing(e.key.Type())...)
		}
	}
	for _, kind := range []string{xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521, xssh.KeyAlgoRSA} {
		add(signing(kind)...)
	}
	return list
}

// signing returns the algorithms that a kind of key signs with, without SHA-1.
func signing(kind string) []string {
	switch kind {
	case xssh.KeyAlgoRSA:
		return []string{xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSASHA256}
	case xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521:
		return []string{kind}
	}
	return nil
}
