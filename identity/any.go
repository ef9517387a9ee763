package identity

import (
	"context"
	"errors"
	"fmt"
)

// Any returns an Authenticator that asks each of list in order and takes the
// first that serves the scheme; of several [KnownVerifier]s the first that
// knows the name. For [SchemeToken] it goes on to the next where
// a token is refused, so that static tokens and several issuers stand side by
// side; an expired token, or an issuer that cannot be asked, is reported when
// no other accepts it.
func Any(list ...Authenticator) Authenticator { return anyOf(list) }

type anyOf []Authenticator

func (a anyOf) Verifier(ctx context.Context, scheme Scheme, name string) (Verifier, error) {
	var tokens anyToken
	var stranger Verifier // the first that serves the scheme, but not the name
	for _, one := range a {
		v, err := one.Verifier(ctx, scheme, name)
		if errors.Is(err, ErrSchemeUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if tv, ok := v.(TokenVerifier); ok {
			tokens = append(tokens, tv)
			continue
		}
		if kv, ok := v.(KnownVerifier); !ok || kv.Known() {
			return v, nil
		}
		if stranger == nil {
			stranger = v
		}
	}
	if stranger != nil {
		return stranger, nil
	}
	switch len(tokens) {
	case 0:
		return nil, fmt.Errorf("%w: %s", ErrSchemeUnsupported, scheme)
	case 1:
		return tokens[0], nil
	}
	return tokens, nil
}

type anyToken []TokenVerifier

func (t anyToken) Scheme() Scheme { return SchemeToken }

func (t anyToken) VerifyToken(ctx context.Context, token string) (Proven, error) {
	var telling error // the refusal that says most
	for _, v := range t {
		p, err := v.VerifyToken(ctx, token)
		if err == nil {
			return p, nil
		}
		if telling == nil || errors.Is(telling, ErrRefused) {
			telling = err
		}
	}
	return Proven{}, telling
}
