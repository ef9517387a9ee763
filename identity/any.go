package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Any returns an Authenticator that asks each of list in order and takes the
// first that serves the scheme; of several [KnownVerifier]s the first that
// knows the name. For [SchemeToken], [SchemeSSHKey] and [SchemeSigV4] it goes on
// to the next where a token or a key is refused, so that static tokens and
// several issuers, or listed keys and several certificate authorities, stand
// side by side; an expired credential, or an issuer that cannot be asked, is
// reported when no other accepts it.
func Any(list ...Authenticator) Authenticator { return anyOf(list) }

type anyOf []Authenticator

func (a anyOf) Verifier(ctx context.Context, scheme Scheme, name string) (Verifier, error) {
	var tokens anyToken
	var keys anyKey
	var signing anySigning
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
		if kv, ok := v.(KeyVerifier); ok {
			keys = append(keys, kv)
			continue
		}
		if sv, ok := v.(SigningVerifier); ok {
			signing = append(signing, sv)
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
	switch {
	case len(tokens) == 1:
		return tokens[0], nil
	case len(tokens) > 1:
		return tokens, nil
	case len(keys) == 1:
		return keys[0], nil
	case len(keys) > 1:
		return keys, nil
	case len(signing) == 1:
		return signing[0], nil
	case len(signing) > 1:
		return signing, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrSchemeUnsupported, scheme)
}

type anyToken []TokenVerifier

func (t anyToken) Scheme() Scheme { return SchemeToken }

func (t anyToken) VerifyToken(ctx context.Context, token string) (Proven, error) {
	return firstOf(t, func(v TokenVerifier) (Proven, error) { return v.VerifyToken(ctx, token) })
}

type anyKey []KeyVerifier

func (k anyKey) Scheme() Scheme { return SchemeSSHKey }

func (k anyKey) Holder(ctx context.Context, key []byte, from netip.Addr) (Proven, error) {
	return firstOf(k, func(v KeyVerifier) (Proven, error) { return v.Holder(ctx, key, from) })
}

type anySigning []SigningVerifier

func (s anySigning) Scheme() Scheme { return SchemeSigV4 }

func (s anySigning) Secret(ctx context.Context, sessionToken string) (string, Proven, error) {
	var secret string
	who, err := firstOf(s, func(v SigningVerifier) (p Proven, err error) {
		secret, p, err = v.Secret(ctx, sessionToken)
		return p, err
	})
	if err != nil {
		return "", Proven{}, err
	}
	return secret, who, nil
}

// firstOf returns what the first of list that accepts says, or else the
// refusal that says most.
func firstOf[V any](list []V, ask func(V) (Proven, error)) (Proven, error) {
	var telling error
	for _, v := range list {
		p, err := ask(v)
		if err == nil {
			return p, nil
		}
		if telling == nil || errors.Is(telling, ErrRefused) {
			telling = err
		}
	}
	return Proven{}, telling
}
