package sshkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
)

// AttributeExtensions is the attribute of a principal that says what its
// certificate permits: the names of the certificate's extensions, such as
// "permit-pty", sorted and joined by commas. It is there, and may be empty, for
// every certificate: what it does not name is not permitted. Where a principal
// has no such attribute, as with plain keys, nothing is limited by it.
const AttributeExtensions = "ssh.extensions"

// CAConfig says which certificates a [CA] takes.
type CAConfig struct {
	// Authorities are the public keys that sign certificates, each as it
	// stands in the .pub file. At least one.
	Authorities []string
	// Revoked are certificates that are taken no more.
	Revoked Revoked
	// Principal may change whom a certificate proves. It is called with what
	// would be proven without it: Subject and Name are the claimed user name,
	// which is one of the certificate's principals. It may set anything but
	// Issuer and [AttributeExtensions], and may set Expires no later than the
	// certificate ends. An error refuses the certificate; it should hold no
	// secret, as it is logged. It is called for every key that a client asks
	// about, before the client has signed, and possibly by several goroutines
	// at once. It must not keep or change cert. The default changes nothing.
	Principal func(cert *ssh.Certificate, p *identity.Principal) error
}

// Revoked is a list of what is taken no more. The zero value is empty.
type Revoked struct {
	// Serials are serial numbers, whichever authority gave them. Zero is what
	// certificates have that were given none.
	Serials []uint64
	// KeyIDs are key ids.
	KeyIDs []string
	// Fingerprints are of keys, "SHA256:…" as ssh-keygen -l shows them: of the
	// key that a certificate is for, or of the authority that signed it.
	Fingerprints []string
}

// CA is an [identity.Authenticator] for OpenSSH's user certificates, signed by
// an authority that is listed. It serves [identity.SchemeSSHKey].
//
// A certificate must be a user's, be within its time by the second, and name
// the claimed user among its principals; one that names none is refused, where
// sshd would take it for everyone. The critical option source-address is
// honoured, each other one refuses the certificate, force-command too.
// Signatures with SHA-1 are refused. What the certificate permits is in
// [AttributeExtensions].
//
// The principal ends with the certificate. The credential names fingerprint,
// key id and serial number of the certificate, and the fingerprint of the
// authority.
type CA struct {
	issuer  string
	mu      sync.Mutex // held while trusted changes
	trusted atomic.Pointer[trust]
}

// NewCA returns an authenticator for certificates. issuer becomes the Issuer of
// the principals and must not be empty. The error joins all mistakes.
func NewCA(issuer string, config CAConfig) (*CA, error) {
	t, err := newTrust(config)
	if issuer == "" {
		err = errors.Join(errors.New("the SSH certificate authority has no issuer name; rules and the record need one"), err)
	}
	if err != nil {
		return nil, err
	}
	c := &CA{issuer: issuer}
	c.trusted.Store(t)
	return c, nil
}

// Replace puts another configuration in place of the present one, at once. After
// an error nothing has changed. What [CA.Revoke] added is gone unless config
// holds it. A session that is open stays open.
func (c *CA) Replace(config CAConfig) error {
	t, err := newTrust(config)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trusted.Store(t)
	return nil
}

// Revoke adds to what is revoked, at once. After an error nothing has changed. A
// session that is open stays open.
func (c *CA) Revoke(more Revoked) error {
	add, err := newRevocation(more)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := *c.trusted.Load()
	now.revoked = now.revoked.and(add)
	c.trusted.Store(&now)
	return nil
}

// Verifier implements [identity.Authenticator]. The verifier is an
// [identity.KeyVerifier].
func (c *CA) Verifier(_ context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	if scheme != identity.SchemeSSHKey {
		return nil, unsupported("SSH certificates", scheme)
	}
	return certVerifier{c, name}, nil
}

// trust is a configuration, read.
type trust struct {
	authorities map[string]bool // by wire format
	revoked     revocation
	principal   func(*ssh.Certificate, *identity.Principal) error
}

func newTrust(config CAConfig) (*trust, error) {
	t := &trust{authorities: make(map[string]bool, len(config.Authorities)), principal: config.Principal}
	var errs []error
	if len(config.Authorities) == 0 {
		errs = append(errs, errors.New("Authorities is empty; no certificate would be taken"))
	}
	for i, line := range config.Authorities {
		key, err := parseLine(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("Authorities: SSH key %d: %w", i+1, err))
			continue
		}
		t.authorities[string(key.Marshal())] = true
	}
	var err error
	if t.revoked, err = newRevocation(config.Revoked); err != nil {
		errs = append(errs, err)
	}
	return t, errors.Join(errs...)
}

type certVerifier struct {
	ca   *CA
	name string
}

var _ identity.KeyVerifier = certVerifier{}

func (v certVerifier) Scheme() identity.Scheme { return identity.SchemeSSHKey }

// Holder implements [identity.KeyVerifier]. It goes by the configuration of
// this moment.
func (v certVerifier) Holder(_ context.Context, wire []byte, from netip.Addr) (identity.Proven, error) {
	var none identity.Proven
	key, err := parse(wire)
	if err != nil {
		return none, err
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return none, refused("it is no certificate")
	}
	t := v.ca.trusted.Load()
	if err := t.check(cert, v.name, from, time.Now()); err != nil {
		return none, err
	}
	expires := end(cert)
	p := identity.Principal{Issuer: v.ca.issuer, Subject: v.name, Name: v.name, Expires: expires}
	if t.principal != nil {
		if err := t.principal(cert, &p); err != nil {
			return none, fmt.Errorf("%w: SSH key: %w", identity.ErrRefused, err)
		}
		if p.Subject == "" {
			return none, refused("the configuration's Principal left no subject")
		}
		p.Issuer = v.ca.issuer
		if p.Expires.IsZero() || (!expires.IsZero() && p.Expires.After(expires)) {
			p.Expires = expires
		}
	}
	p.Attributes = maps.Clone(p.Attributes)
	if p.Attributes == nil {
		p.Attributes = make(map[string]string, 1)
	}
	p.Attributes[AttributeExtensions] = permitted(cert)
	if p.Expired(time.Now()) {
		return none, identity.ErrExpired
	}
	return identity.Proven{Principal: p, Scheme: identity.SchemeSSHKey, Credential: credential(cert)}, nil
}
