package identity

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/xdg-go/scram"
)

// Token is one static token: a verifier, and whom it proves. The token itself
// is not kept anywhere. A Token prints as its name alone.
type Token struct {
	// Name is the user name that a client gives with the token, and how
	// people and rules know the principal. Required; unique in a list.
	Name string
	// Verifier is what [HashToken] made of the token; PostgreSQL's own
	// SCRAM-SHA-256 verifiers serve too. Required.
	Verifier string
	// ID names the token in the record; empty means Name.
	ID string
	// Subject is the principal's subject; empty means Name. Two tokens of one
	// subject, under two names, let one be replaced while the other is in use.
	Subject string
	// Groups, Attributes and OnBehalfOf are the principal's.
	Groups     []string
	Attributes map[string]string
	OnBehalfOf string
	// Expires is when the token ends; zero means that it does not.
	Expires time.Time
}

// String returns the token's name.
func (t Token) String() string { return "token " + t.Name }

// GoString returns the token's name.
func (t Token) GoString() string { return t.String() }

// LogValue implements slog.LogValuer.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", t.Name), slog.String("id", t.ID), slog.Time("expires", t.Expires))
}

// Tokens is an [Authenticator] over a list of static tokens. It serves
// [SchemeSCRAMSHA256] and [SchemeToken]; the claimed name selects the token in
// both, so a check costs the same however long the list is.
//
// For a name that is not listed it goes through the same motions, with a salt
// that is the same each time for as long as the Tokens lives, and refuses at
// the end. Whether it knows a name shows only in [KnownVerifier].
//
// It is safe for concurrent use.
type Tokens struct {
	issuer string
	secret []byte // for the salts of unknown names
	list   atomic.Pointer[tokenList]
}

type tokenList struct {
	byName map[string]*listedToken
	all    []*listedToken
}

type listedToken struct {
	Token
	stored scram.StoredCredentials
}

// NewTokens returns an authenticator over tokens. issuer becomes the Issuer of
// the principals and must not be empty. The error joins all mistakes, and
// holds nothing of the verifiers.
func NewTokens(issuer string, tokens ...Token) (*Tokens, error) {
	list, err := listTokens(tokens)
	if issuer == "" {
		err = errors.Join(errors.New("the token list has no issuer name; rules and the record need one"), err)
	}
	if err != nil {
		return nil, err
	}
	t := &Tokens{issuer: issuer, secret: make([]byte, 32)}
	rand.Read(t.secret)
	t.list.Store(list)
	return t, nil
}

// Replace puts other tokens in place of all there are, at once. After an error
// nothing has changed. A proof under way when its token is taken away, or
// given another verifier, is refused; a session that is open stays open.
func (t *Tokens) Replace(tokens ...Token) error {
	list, err := listTokens(tokens)
	if err != nil {
		return err
	}
	t.list.Store(list)
	return nil
}

func listTokens(tokens []Token) (*tokenList, error) {
	list := &tokenList{byName: make(map[string]*listedToken, len(tokens))}
	var errs []error
	for i, from := range tokens {
		title := fmt.Sprintf("token %q", from.Name)
		if from.Name == "" {
			title = fmt.Sprintf("token %d", i+1)
			errs = append(errs, fmt.Errorf("%s: it has no name", title))
		}
		stored, err := parseVerifier(from.Verifier)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", title, err))
		}
		if list.byName[from.Name] != nil && from.Name != "" {
			errs = append(errs, fmt.Errorf("%s: another token has the same name", title))
		}
		l := &listedToken{Token: from, stored: stored}
		l.Groups, l.Attributes = slices.Clone(from.Groups), maps.Clone(from.Attributes)
		list.byName[from.Name] = l
		list.all = append(list.all, l)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return list, nil
}

// Verifier implements [Authenticator]. The verifier for SCRAM is a
// [KnownVerifier].
func (t *Tokens) Verifier(_ context.Context, scheme Scheme, name string) (Verifier, error) {
	switch scheme {
	case SchemeSCRAMSHA256:
		return scramVerifier{claim{t, name}}, nil
	case SchemeToken:
		return tokenVerifier{claim{t, name}}, nil
	}
	return nil, fmt.Errorf("%w: static tokens serve %s and %s, not %s", ErrSchemeUnsupported, SchemeSCRAMSHA256, SchemeToken, scheme)
}

// claim is a name that a client claims, before any proof.
type claim struct {
	tokens *Tokens
	name   string
}

// look returns the listed token of the name and what to check a proof with.
// For a name that is not listed the token is nil, and no proof fits.
func (c claim) look() (*listedToken, scram.StoredCredentials) {
	list := c.tokens.list.Load()
	if l := list.byName[c.name]; l != nil {
		return l, l.stored
	}
	mock := func(what string) []byte { return keyed(c.tokens.secret, what, c.name) }
	iterations, length := hashIterations, saltLength
	if n := len(list.all); n > 0 {
		// Iterations and length of the salt are as those of a token that is
		// listed, lest they tell.
		like := list.all[binary.BigEndian.Uint64(mock("like"))%uint64(n)]
		iterations, length = like.stored.Iters, len(like.stored.Salt)
	}
	salt := append(mock("salt 1"), mock("salt 2")...)[:length]
	return nil, scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(salt), Iters: iterations},
		StoredKey:  mock("stored"), ServerKey: mock("server"),
	}
}

// prove returns whom a token proves once its proof was right: it must still be
// listed, and not have ended.
func (c claim) prove(l *listedToken, scheme Scheme) (Proven, error) {
	now := c.tokens.list.Load().byName[c.name]
	if l == nil || now == nil || now.Verifier != l.Verifier {
		return Proven{}, ErrRefused
	}
	p := Principal{
		Issuer: c.tokens.issuer, Subject: now.Subject, Name: now.Name, Groups: slices.Clone(now.Groups),
		Attributes: maps.Clone(now.Attributes), OnBehalfOf: now.OnBehalfOf, Expires: now.Expires,
	}
	if p.Subject == "" {
		p.Subject = now.Name
	}
	if p.Expired(time.Now()) {
		return Proven{}, ErrExpired
	}
	id := now.ID
	if id == "" {
		id = now.Name
	}
	return Proven{Principal: p, Scheme: scheme, Credential: id}, nil
}
