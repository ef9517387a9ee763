package leaf

import (
	"bytes"
	"container/list"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	life      = 24 * time.Hour
	backdate  = 5 * time.Minute // for clients whose clocks are behind
	maxCached = 1024            // certificates; about 2 MiB
	minRSA    = 2048
)

// Maker makes certificates and keeps those it has made.
type Maker struct {
	ca    *x509.Certificate
	chain [][]byte // what follows a leaf: the authorities up to the root, without it
	roots *x509.CertPool
	// signer is a function lest fmt print the key.
	signer func() crypto.Signer

	mu     sync.Mutex
	byHost map[string]*list.Element // of *entry
	recent *list.List               // the one used last in front
}

// entry is a certificate that is there, or is being made.
type entry struct {
	host  string
	renew time.Time
	leaf  func() (*tls.Certificate, error) // waits for the one who makes it
}

// New returns a maker that signs with an authority, which must be one now: a CA
// certificate within its time that may sign certificates, with its own key of
// ECDSA, Ed25519, or RSA of at least 2048 bits. Certificates behind the first
// are those that it was signed by.
func New(ca tls.Certificate) (*Maker, error) {
	if len(ca.Certificate) == 0 {
		return nil, errors.New("the authority has no certificate")
	}
	cert, err := x509.ParseCertificate(ca.Certificate[0])
	if err != nil {
		return nil, errors.New("the authority's certificate cannot be read")
	}
	signer, ok := ca.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the authority has no private key that signs")
	}
	if err := check(cert, signer.Public(), time.Now()); err != nil {
		return nil, fmt.Errorf("the authority %q: %w", cert.Subject.CommonName, err)
	}
	m := &Maker{
		ca: cert, roots: x509.NewCertPool(), signer: func() crypto.Signer { return signer },
		byHost: make(map[string]*list.Element), recent: list.New(),
	}
	m.roots.AddCert(cert)
	for _, der := range ca.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("a certificate of the authority's chain cannot be read")
		}
		if !bytes.Equal(c.RawIssuer, c.RawSubject) { // clients have the root, or else do not trust it
			m.chain = append(m.chain, der)
		}
	}
	return m, nil
}

func check(cert *x509.Certificate, public crypto.PublicKey, now time.Time) error {
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA:
		return errors.New("its certificate is not one of an authority (CA:TRUE)")
	case cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("its certificate does not permit signing certificates (keyCertSign)")
	case now.Before(cert.NotBefore):
		return fmt.Errorf("its certificate is not valid before %s", cert.NotBefore.UTC().Format(time.RFC3339))
	case !now.Before(cert.NotAfter):
		return fmt.Errorf("its certificate has expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny):
		return errors.New("its certificate does not permit certificates of servers (serverAuth)")
	}
	own, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(public) {
		return errors.New("its private key does not belong to its certificate")
	}
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() {
			return errors.New("keys on P-224 are not taken; use P-256")
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return fmt.Errorf("its RSA key has %d bits and needs at least %d", k.N.BitLen(), minRSA)
		}
	default:
		return errors.New("keys of this kind are not taken; use ECDSA, Ed25519 or RSA")
	}
	return nil
}

// Certificate returns a certificate for host and for nothing else, a DNS name
// in any case without a dot at its end. It is a server's, with a key of its own
// on P-256, and lives for 24 hours at most, never longer than its authority.
//
// It is kept for half of its life, if it is among the 1,024 hosts asked for last.
// Those who ask for one host at the same time share one. Callers do not change
// what they get. An error says that host is no DNS name, that the authority does not
// vouch for it, or that it has expired.
func (m *Maker) Certificate(host string) (*tls.Certificate, error) {
	host, err := normal(host)
	if err != nil {
		return nil, err
	}
	e := m.entry(host, time.Now())
	c, err := e.leaf()
	if err != nil {
		m.drop(e)
		return nil, err
	}
	return c, nil
}

// entry returns what is kept for host, or puts there what will be.
func (m *Maker) entry(host string, now time.Time) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byHost[host]; at != nil {
		if e := at.Value.(*entry); now.Before(e.renew) {
			m.recent.MoveToFront(at)
			return e
		}
		m.remove(at)
	}
	end := earlier(now.Add(life), m.ca.NotAfter)
	e := &entry{host: host, renew: now.Add(end.Sub(now) / 2), leaf: sync.OnceValues(func() (*tls.Certificate, error) {
		return m.sign(host, now, end)
	})}
	m.byHost[host] = m.recent.PushFront(e)
	for m.recent.Len() > maxCached {
		m.remove(m.recent.Back())
	}
	return e
}

// drop forgets e, unless another has taken its place.
func (m *Maker) drop(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byHost[e.host]; at != nil && at.Value.(*entry) == e {
		m.remove(at)
	}
}

// remove is called with mu held.
func (m *Maker) remove(at *list.Element) {
	delete(m.byHost, m.recent.Remove(at).(*entry).host)
}

func (m *Maker) sign(host string, now, end time.Time) (*tls.Certificate, error) {
	if !now.Before(end) {
		return nil, fmt.Errorf("the authority %q has expired at %s; give the gateway another", m.ca.Subject.CommonName, end.UTC().Format(time.RFC3339))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{ // with a random serial number
		DNSNames: []string{host}, NotBefore: later(now.Add(-backdate), m.ca.NotBefore), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}, m.ca, key.Public(), m.signer())
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", host, err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", host, err)
	}
	// A client that trusts the authority must take it: else say so here, where
	// the operator sees it.
	if _, err := made.Verify(x509.VerifyOptions{Roots: m.roots, DNSName: host, CurrentTime: now}); err != nil {
		return nil, fmt.Errorf("the authority %q does not vouch for %s: %w", m.ca.Subject.CommonName, host, err)
	}
	return &tls.Certificate{Certificate: append([][]byte{der}, m.chain...), PrivateKey: key, Leaf: made}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
