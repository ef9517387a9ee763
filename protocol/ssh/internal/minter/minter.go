// Package minter makes SSH user certificates that live as long as a login takes:
// the gateway is the authority, and each session logs in to its target with a
// key of its own.
//
// The target trusts the authority (sshd's TrustedUserCAKeys) and needs no
// account, key or list for the gateway. Its log names the session and the
// principal with each login, because sshd logs the id of the certificate.
package minter

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	defaultTTL = 5 * time.Minute
	maxTTL     = time.Hour
	// skew is how far a target's clock may be behind the gateway's.
	skew    = time.Minute
	maxUser = 256 // bytes
)

// CertRequest says what a certificate is for.
type CertRequest struct {
	// Session is the id of the gateway's session. Required.
	Session string
	// Principal is who asks, as the record names it. Required.
	Principal string
	// Users are the accounts that the certificate is good for, or the names
	// that the target's AuthorizedPrincipalsFile lists. At least one.
	Users []string
	// TTL is how long a login is possible with it, to the second; a connection
	// that is logged in stays. Zero means 5 minutes; more than an hour is an
	// error, as is a negative one.
	TTL time.Duration
	// Forward permits forwarded connections besides terminals. Nothing else is
	// permitted: no agent, no X11, no ~/.ssh/rc.
	Forward bool
	// From are the networks that the target sees the gateway in; from others
	// the certificate is no good. Empty means any.
	From []netip.Prefix
}

// Mint makes a new Ed25519 key and a certificate for it that ca signs, good
// from a minute ago on. The signer proves it to a target. What ca signs with
// must not be SHA-1, nor an RSA key of less than 2048 bits.
func Mint(ca ssh.Signer, r CertRequest) (ssh.Signer, error) {
	if err := errors.Join(r.check(), checkAuthority(ca)); err != nil {
		return nil, err
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("minter: make a key: %w", err)
	}
	key, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, fmt.Errorf("minter: make a key: %w", err)
	}
	ttl := r.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	var serial [8]byte
	rand.Read(serial[:])
	now := time.Now()
	cert := &ssh.Certificate{
		Key:             key.PublicKey(),
		Serial:          binary.BigEndian.Uint64(serial[:]),
		CertType:        ssh.UserCert,
		KeyId:           keyID(r.Session, r.Principal),
		ValidPrincipals: slices.Clone(r.Users),
		ValidAfter:      uint64(now.Add(-skew).Unix()),
		ValidBefore:     uint64(now.Add(ttl + time.Second - 1).Unix()),
		Permissions:     ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}},
	}
	if r.Forward {
		cert.Extensions["permit-port-forwarding"] = ""
	}
	if len(r.From) > 0 {
		var list []string
		for _, p := range r.From {
			list = append(list, p.String())
		}
		cert.CriticalOptions = map[string]string{"source-address": strings.Join(list, ",")}
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		return nil, fmt.Errorf("minter: sign the certificate: %w", err)
	}
	if cert.Signature.Format == ssh.KeyAlgoRSA {
		return nil, errors.New("minter: the authority signs with SHA-1, which targets refuse")
	}
	return ssh.NewCertSigner(cert, key)
}

func (r CertRequest) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("minter: "+format, args...)) }
	if r.Session == "" || r.Principal == "" {
		wrong("the certificate names no session or no principal")
	}
	if len(r.Users) == 0 { // it would be good for every account
		wrong("the certificate names no user")
	}
	for _, user := range r.Users {
		if user == "" || len(user) > maxUser || strings.ContainsFunc(user, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			wrong("the user %.40q is no account name", user)
		}
	}
	if r.TTL < 0 || r.TTL > maxTTL {
		wrong("a life of %v is not within 0 and %v", r.TTL, maxTTL)
	}
	for _, p := range r.From {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			wrong("%v is not a network such as 10.1.0.0/16", p)
		}
	}
	return errors.Join(errs...)
}

func checkAuthority(ca ssh.Signer) error {
	if ca == nil {
		return errors.New("minter: there is no authority")
	}
	key := ca.PublicKey()
	if _, ok := key.(*ssh.Certificate); ok {
		return errors.New("minter: the authority is a certificate; SSH has no chains of them")
	}
	if k, ok := key.(ssh.CryptoPublicKey); ok {
		if pub, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && pub.N.BitLen() < 2048 {
			return errors.New("minter: the authority's RSA key has less than 2048 bits")
		}
	}
	if key.Type() == "ssh-dss" {
		return errors.New("minter: the authority is a DSA key, which targets refuse")
	}
	return nil
}
