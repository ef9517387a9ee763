package proxytest

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/identity"
)

// Issuer is the issuer of a [Mint]'s principals.
const Issuer = "proxytest"

// Mint makes tokens and is the authenticator that takes them: those of
// [identity.SchemeToken] and, as the password of the principal's subject, of
// [identity.SchemeSCRAMSHA256].
type Mint struct {
	mu     sync.Mutex
	tokens map[string]identity.Proven // by token
	scram  map[string]*identity.Tokens
}

// NewMint returns a mint that has made no token yet.
func NewMint() *Mint {
	return &Mint{tokens: map[string]identity.Proven{}, scram: map[string]*identity.Tokens{}}
}

// Token makes a token for a principal with that subject and these groups.
func (m *Mint) Token(subject string, groups ...string) string {
	return m.For(identity.Principal{Subject: subject, Groups: groups})
}

// For makes a token for p, whose issuer becomes [Issuer].
func (m *Mint) For(p identity.Principal) string {
	token := "token-" + rand.Text()
	p.Issuer = Issuer
	verifier, err := identity.HashToken(token)
	if err != nil {
		panic(fmt.Sprintf("proxytest: %v", err))
	}
	list, err := identity.NewTokens(Issuer, identity.Token{
		Name: p.Subject, Verifier: verifier, Groups: p.Groups, Attributes: p.Attributes, OnBehalfOf: p.OnBehalfOf, Expires: p.Expires,
	})
	if err != nil {
		panic(fmt.Sprintf("proxytest: %v", err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[token] = identity.Proven{Principal: p, Scheme: identity.SchemeToken, Credential: "minted-" + strconv.Itoa(len(m.tokens)+1)}
	m.scram[p.Subject] = list
	return token
}

// Revoke makes the mint refuse a token that it made. Sessions that are open
// stay so.
func (m *Mint) Revoke(token string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.scram, m.tokens[token].Principal.Subject)
	delete(m.tokens, token)
}

// Verifier implements identity.Authenticator.
func (m *Mint) Verifier(ctx context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	switch scheme {
	case identity.SchemeToken:
		return tokens{m}, nil
	case identity.SchemeSCRAMSHA256:
		m.mu.Lock()
		list := m.scram[name]
		m.mu.Unlock()
		if list == nil {
			var err error
			if list, err = identity.NewTokens(Issuer); err != nil {
				return nil, err
			}
		}
		return list.Verifier(ctx, scheme, name)
	}
	return nil, fmt.Errorf("%w: %s", identity.ErrSchemeUnsupported, scheme)
}

type tokens struct{ m *Mint }

func (tokens) Scheme() identity.Scheme { return identity.SchemeToken }

func (v tokens) VerifyToken(_ context.Context, token string) (identity.Proven, error) {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	for known, p := range v.m.tokens {
		if subtle.ConstantTimeCompare([]byte(known), []byte(token)) != 1 {
			continue
		}
		if p.Principal.Expired(time.Now()) {
			return identity.Proven{}, identity.ErrExpired
		}
		return p, nil
	}
	return identity.Proven{}, identity.ErrRefused
}
