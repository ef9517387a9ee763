package identity

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holders is an authenticator of keys: what it says of each.
type holders map[string]error

func (h holders) Verifier(_ context.Context, scheme Scheme, _ string) (Verifier, error) {
	if scheme != SchemeSSHKey {
		return nil, ErrSchemeUnsupported
	}
	return h, nil
}

func (holders) Scheme() Scheme { return SchemeSSHKey }

func (h holders) Holder(_ context.Context, key []byte, from netip.Addr) (Proven, error) {
	if err, known := h[string(key)]; !known || err != nil {
		return Proven{}, orRefused(err)
	}
	return Proven{Scheme: SchemeSSHKey, Credential: string(key) + " from " + from.String()}, nil
}

func orRefused(err error) error {
	if err == nil {
		return ErrRefused
	}
	return err
}

func TestAnyJoinsKeys(t *testing.T) {
	one, two := holders{"a": nil, "old": ErrExpired, "late": ErrExpired}, holders{"b": nil, "old": nil, "away": ErrUnavailable}
	from := netip.MustParseAddr("192.0.2.7")
	for _, tt := range []struct {
		list []Authenticator
		key  string
		want error
	}{
		{[]Authenticator{one}, "a", nil},
		{[]Authenticator{one}, "b", ErrRefused},
		{[]Authenticator{list(t), one, two}, "a", nil},
		{[]Authenticator{one, fixed{}, two}, "b", nil},
		{[]Authenticator{one, two}, "old", nil},
		{[]Authenticator{one, two}, "late", ErrExpired},
		{[]Authenticator{two, one}, "late", ErrExpired},
		{[]Authenticator{one, two}, "away", ErrUnavailable},
		{[]Authenticator{two, one}, "away", ErrUnavailable},
		{[]Authenticator{one, two}, "nobody's", ErrRefused},
	} {
		v, err := Any(tt.list...).Verifier(t.Context(), SchemeSSHKey, "x")
		require.NoError(t, err)
		assert.Equal(t, SchemeSSHKey, v.Scheme())
		got, err := v.(KeyVerifier).Holder(t.Context(), []byte(tt.key), from)
		if tt.want != nil {
			assert.ErrorIs(t, err, tt.want, tt.key)
			assert.Equal(t, Proven{}, got)
			continue
		}
		require.NoError(t, err, tt.key)
		assert.Equal(t, tt.key+" from 192.0.2.7", got.Credential)
	}
	_, err := Any(fixed{}, list(t)).Verifier(t.Context(), SchemeSSHKey, "x")
	assert.ErrorIs(t, err, ErrSchemeUnsupported)
}

// signers is an authenticator of access keys: what it says of each session token.
type signers map[string]error

func (s signers) Verifier(_ context.Context, scheme Scheme, _ string) (Verifier, error) {
	if scheme != SchemeSigV4 {
		return nil, ErrSchemeUnsupported
	}
	return s, nil
}

func (signers) Scheme() Scheme { return SchemeSigV4 }

func (s signers) Secret(_ context.Context, token string) (string, Proven, error) {
	if err, known := s[token]; !known || err != nil {
		return "of the refused", Proven{Credential: "the refused"}, orRefused(err)
	}
	return "secret of " + token, Proven{Scheme: SchemeSigV4, Credential: token}, nil
}

func TestAnyJoinsSigning(t *testing.T) {
	one, two := signers{"a": nil, "old": ErrExpired}, signers{"b": nil, "old": nil, "away": ErrUnavailable}
	for _, tt := range []struct {
		list  []Authenticator
		token string
		want  error
	}{
		{[]Authenticator{one}, "a", nil},
		{[]Authenticator{one}, "b", ErrRefused},
		{[]Authenticator{list(t), one, holders{}, two}, "b", nil},
		{[]Authenticator{one, two}, "old", nil},
		{[]Authenticator{one, signers{}}, "old", ErrExpired},
		{[]Authenticator{one, two}, "away", ErrUnavailable},
		{[]Authenticator{one, two}, "nobody's", ErrRefused},
	} {
		v, err := Any(tt.list...).Verifier(t.Context(), SchemeSigV4, "ASIAX")
		require.NoError(t, err)
		assert.Equal(t, SchemeSigV4, v.Scheme())
		secret, who, err := v.(SigningVerifier).Secret(t.Context(), tt.token)
		if tt.want != nil {
			assert.ErrorIs(t, err, tt.want, tt.token)
			if len(tt.list) > 1 {
				assert.Empty(t, secret)
				assert.Equal(t, Proven{}, who)
			}
			continue
		}
		require.NoError(t, err, tt.token)
		assert.Equal(t, "secret of "+tt.token, secret)
		assert.Equal(t, tt.token, who.Credential)
	}
	_, err := Any(fixed{}, list(t), holders{}).Verifier(t.Context(), SchemeSigV4, "x")
	assert.ErrorIs(t, err, ErrSchemeUnsupported)
}
