package awskeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/secret"
)

// How long credentials live, as with AWS's own STS.
const (
	DefaultLife = time.Hour
	MinLife     = 15 * time.Minute
	MaxLife     = 12 * time.Hour
)

// AttributeProof is the attribute of a principal that says how it was proven
// when the credentials were issued: the scheme, and behind a space what
// [identity.Proven].Credential was, such as "token t-1". So the record leads from
// an access key back to the token that it was issued for.
const AttributeProof = "aws.proof"

// ErrTooLarge means that a principal, with its groups and attributes, does not
// fit into a session token of 8 KiB.
var ErrTooLarge = errors.New("the principal is too large for a session token")

// Issuer issues credentials, and knows again those that any Issuer with one of
// its keys has issued.
type Issuer struct {
	keys    []*sealer
	revoked atomic.Pointer[revocation]
	opened  func() *cache // behind a function, as what it holds is secret
}

// New returns an issuer. The first key seals what is issued, each opens what
// comes. At least one; the error joins all mistakes and holds nothing secret.
func New(keys ...Key) (*Issuer, error) {
	known := &cache{}
	i := &Issuer{opened: func() *cache { return known }}
	var errs []error
	if len(keys) == 0 {
		errs = append(errs, errors.New("there is no key to seal AWS credentials with"))
	}
	for n, k := range keys {
		s, err := newSealer(k)
		if err != nil {
			errs = append(errs, fmt.Errorf("AWS key %d: %w", n+1, err))
			continue
		}
		if slices.ContainsFunc(i.keys, func(o *sealer) bool { return o.id == s.id }) {
			errs = append(errs, fmt.Errorf("AWS key %d: it is in the list already", n+1))
		}
		i.keys = append(i.keys, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	i.revoked.Store(&revocation{})
	return i, nil
}

// Issue returns new credentials for a principal. They live for life, at least
// [MinLife] and at most [MaxLife], and [DefaultLife] where it is zero or less;
// but never longer than the principal's proof, by the second.
//
// The error wraps [identity.ErrExpired] where the proof has ended, and
// [identity.ErrRefused] where the principal is revoked or was itself proven by
// [identity.SchemeSigV4]: else credentials could outlive their revocation in
// others made from them. It wraps [ErrTooLarge], and names the largest part, where
// the principal does not fit into a session token. Other errors name what of
// the principal is missing or is not text.
func (i *Issuer) Issue(who identity.Proven, life time.Duration) (Credentials, error) {
	now, p := time.Now(), who.Principal
	switch {
	case p.Issuer == "" || p.Subject == "" || who.Scheme == "":
		return Credentials{}, errors.New("the principal is not proven: Issuer, Subject or Scheme is empty")
	case who.Scheme == identity.SchemeSigV4:
		return Credentials{}, refused("issued credentials do not get others")
	case i.revoked.Load().principal(p.Issuer, p.Subject, now):
		return Credentials{}, refused("the principal is revoked")
	}
	expires := now.Add(clip(life))
	if !p.Expires.IsZero() && p.Expires.Before(expires) {
		expires = p.Expires
	}
	expires = expires.UTC().Truncate(time.Second) // that is what clients are told
	if !now.Before(expires) {
		return Credentials{}, identity.ErrExpired
	}
	c := content{
		Issuer: p.Issuer, Subject: p.Subject, Name: p.Name, Groups: p.Groups, Attributes: p.Attributes, OnBehalfOf: p.OnBehalfOf,
		Scheme: who.Scheme, Credential: who.Credential, Issued: now.UnixMilli(), Expires: expires.Unix(),
	}
	plain, err := c.encode()
	if err != nil {
		return Credentials{}, err
	}
	id, key := newAccessKeyID(), i.keys[0]
	token := key.seal(id, plain)
	return Credentials{
		AccessKeyID: id, Expires: expires,
		secretAccessKey: secret.New(key.secret(id, token)), sessionToken: secret.New(token),
	}, nil
}

func clip(life time.Duration) time.Duration {
	if life <= 0 {
		return DefaultLife
	}
	return min(max(life, MinLife), MaxLife)
}

// Verifier implements [identity.Authenticator]. The verifier is an
// [identity.SigningVerifier], for any access key id.
func (i *Issuer) Verifier(_ context.Context, scheme identity.Scheme, accessKeyID string) (identity.Verifier, error) {
	if scheme != identity.SchemeSigV4 {
		return nil, fmt.Errorf("%w: issued AWS credentials serve %s, not %s", identity.ErrSchemeUnsupported, identity.SchemeSigV4, scheme)
	}
	return verifier{i, accessKeyID}, nil
}

type verifier struct {
	issuer      *Issuer
	accessKeyID string
}

var _ identity.SigningVerifier = verifier{}

func (v verifier) Scheme() identity.Scheme { return identity.SchemeSigV4 }

// Secret implements [identity.SigningVerifier]. The principal ends with the
// credentials; the credential's name is the access key id. It goes by the
// revocations of this moment.
func (v verifier) Secret(_ context.Context, sessionToken string) (string, identity.Proven, error) {
	known := v.issuer.opened()
	o, ok := known.get(v.accessKeyID, sessionToken)
	if !ok {
		c, key, err := open(v.issuer.keys, v.accessKeyID, sessionToken)
		if err != nil {
			return "", identity.Proven{}, err
		}
		o = opened{c, secret.New(key.secret(v.accessKeyID, sessionToken))}
		known.put(v.accessKeyID, sessionToken, o)
	}
	c := o.content
	p := identity.Principal{
		Issuer: c.Issuer, Subject: c.Subject, Name: c.Name, Groups: slices.Clone(c.Groups), Attributes: maps.Clone(c.Attributes),
		OnBehalfOf: c.OnBehalfOf, Expires: c.expires(),
	}
	if p.Attributes == nil {
		p.Attributes = make(map[string]string, 1)
	}
	p.Attributes[AttributeProof] = proof(c)
	switch {
	case v.issuer.revoked.Load().holds(v.accessKeyID, c):
		return "", identity.Proven{}, refused("the credentials are revoked")
	case p.Expired(time.Now()):
		return "", identity.Proven{}, identity.ErrExpired
	}
	return o.secret.Reveal(), identity.Proven{
		Principal: p, Scheme: identity.SchemeSigV4, Credential: v.accessKeyID,
	}, nil
}

func proof(c *content) string {
	if c.Credential == "" {
		return string(c.Scheme)
	}
	return string(c.Scheme) + " " + c.Credential
}
