package awskeys

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
)

func TestEachByteCounts(t *testing.T) {
	i := issuer(t, newKey(t))
	c := issue(t, i, coder())
	token := c.SessionToken()
	for at := range len(token) {
		for _, b := range []byte{'A', 'B', '=', '\n'} {
			if token[at] == b {
				continue
			}
			changed := []byte(token)
			changed[at] = b
			_, _, err := ask(t, i, c.AccessKeyID, string(changed))
			require.ErrorIs(t, err, identity.ErrRefused)
		}
		for _, changed := range []string{token[:at], token[:at] + "\n" + token[at:], token[:at] + "A" + token[at:]} {
			_, _, err := ask(t, i, c.AccessKeyID, changed)
			require.ErrorIs(t, err, identity.ErrRefused)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	for at := range raw {
		for _, bit := range []int{0, 3, 7} {
			raw[at] ^= 1 << bit
			_, _, err := ask(t, i, c.AccessKeyID, base64.RawURLEncoding.EncodeToString(raw))
			require.ErrorIs(t, err, identity.ErrRefused)
			raw[at] ^= 1 << bit
		}
	}
	for at := range len(c.AccessKeyID) {
		changed := []byte(c.AccessKeyID)
		changed[at]++
		_, _, err := ask(t, i, string(changed), token)
		require.ErrorIs(t, err, identity.ErrRefused)
	}
}

// A token has one spelling: the bits that its last character has to spare are
// none that anyone may choose.
func TestOneSpelling(t *testing.T) {
	i := issuer(t, newKey(t))
	for _, name := range []string{"a", "ab", "abc"} {
		who := coder()
		who.Principal.Name = name
		c := issue(t, i, who)
		token, good := c.SessionToken(), 0
		for _, b := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if _, _, err := ask(t, i, c.AccessKeyID, token[:len(token)-1]+string(b)); err == nil {
				good++
			}
		}
		assert.Equal(t, 1, good, name)
	}
}

// Two tokens of one access key, which no issuer makes, have two secrets.
func TestSecretIsTheTokens(t *testing.T) {
	i, id := issuer(t, newKey(t)), newAccessKeyID()
	plain := []byte(`{"i":"x","s":"y","m":"z","e":99999999999}`)
	one, _, err := ask(t, i, id, i.keys[0].seal(id, plain))
	require.NoError(t, err)
	two, _, err := ask(t, i, id, i.keys[0].seal(id, plain))
	require.NoError(t, err)
	assert.NotEqual(t, one, two)
}

func TestRefused(t *testing.T) {
	i := issuer(t, newKey(t))
	c, other := issue(t, i, coder()), issue(t, i, coder())
	token := c.SessionToken()
	for name, tt := range map[string]struct{ id, token, says string }{
		"no token":          {c.AccessKeyID, "", "missing"},
		"another's token":   {other.AccessKeyID, token, "belongs to another"},
		"small letters":     {strings.ToLower(c.AccessKeyID), token, "not issued by a gateway"},
		"no id":             {"", token, "not issued by a gateway"},
		"a user's key":      {"AKIA" + c.AccessKeyID[4:], token, "not issued by a gateway"},
		"longer id":         {c.AccessKeyID + "A", token, "not issued by a gateway"},
		"too long":          {c.AccessKeyID, strings.Repeat("A", maxToken+1), "too long"},
		"padded":            {c.AccessKeyID, token + "=", "malformed"},
		"line end":          {c.AccessKeyID, token + "\n", "malformed"},
		"AWS's own":         {c.AccessKeyID, "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJIMEYCIQ", "malformed"},
		"version":           {c.AccessKeyID, "AAAA" + token[4:], "not a gateway's"},
		"short":             {c.AccessKeyID, token[:48], "malformed"},
		"another's key":     {c.AccessKeyID, issue(t, issuer(t, newKey(t)), coder()).SessionToken(), "not listed"},
		"twice":             {c.AccessKeyID, token + token, ""},
		"key without token": {other.AccessKeyID, "", "missing"},
	} {
		_, _, err := ask(t, i, tt.id, tt.token)
		require.ErrorIs(t, err, identity.ErrRefused, name)
		assert.ErrorContains(t, err, tt.says, name)
		if len(tt.token) > 20 {
			assert.NotContains(t, err.Error(), tt.token[10:20], name)
		}
	}
}

func TestSealedContentIsNotReadable(t *testing.T) {
	c := issue(t, issuer(t, newKey(t)), coder())
	raw, err := base64.RawURLEncoding.DecodeString(c.SessionToken())
	require.NoError(t, err)
	for _, s := range []string{"coder", "ann@", "id.example", c.AccessKeyID, c.SecretAccessKey()} {
		assert.NotContains(t, string(raw), s)
	}
}

// A content that another version sealed with our key is refused, not guessed at.
func TestForeignContent(t *testing.T) {
	i := issuer(t, newKey(t))
	for _, plain := range []string{"", "{", "[]", "{}", `{"i":"x"}`, `{"i":1,"s":"x"}`, `{"i":"x","s":"y","e":1e99}`} {
		id := newAccessKeyID()
		_, _, err := ask(t, i, id, i.keys[0].seal(id, []byte(plain)))
		require.ErrorIs(t, err, identity.ErrRefused, plain)
	}
	id := newAccessKeyID()
	_, _, err := ask(t, i, id, i.keys[0].seal(id, []byte(`{"i":"x","s":"y"}`)))
	require.ErrorIs(t, err, identity.ErrExpired, "no end is long ago")
}

func FuzzToken(f *testing.F) {
	i := issuer(f, newKey(f))
	c := issue(f, i, coder())
	f.Add(c.AccessKeyID, c.SessionToken()[:60])
	f.Add(c.AccessKeyID, "")
	f.Add("ASIA", strings.Repeat("AQ", 100))
	f.Add(c.AccessKeyID, base64.RawURLEncoding.EncodeToString(append(append([]byte{version}, i.keys[0].id[:]...), make([]byte, 64)...)))
	f.Fuzz(func(t *testing.T, id, token string) {
		secret, who, err := ask(t, i, id, token)
		require.ErrorIs(t, err, identity.ErrRefused)
		require.Empty(t, secret)
		require.Empty(t, who.Credential)
	})
}

// FuzzPrincipal: what is issued comes back as it went in, whatever it is.
func FuzzPrincipal(f *testing.F) {
	f.Add("i", "s", "n", "g", "k", "v", "o", "c")
	f.Add("https://id", "\u2028", "\x00", "<&>", "", "\"", "\ufffd", "\xff")
	i := issuer(f, newKey(f))
	f.Fuzz(func(t *testing.T, iss, sub, name, group, key, value, behalf, credential string) {
		p := identity.Principal{
			Issuer: iss, Subject: sub, Name: name, Groups: []string{group}, Attributes: map[string]string{key: value}, OnBehalfOf: behalf,
		}
		c, err := i.Issue(identity.Proven{Principal: p, Scheme: identity.SchemeToken, Credential: credential}, 0)
		if err != nil {
			require.Equal(t, Credentials{}, c)
			return
		}
		require.LessOrEqual(t, len(c.SessionToken()), maxToken)
		secret, who, err := ask(t, i, c.AccessKeyID, c.SessionToken())
		require.NoError(t, err)
		require.Equal(t, c.SecretAccessKey(), secret)
		p.Expires = c.Expires
		p.Attributes[AttributeProof] = who.Principal.Attributes[AttributeProof]
		require.Equal(t, p, who.Principal)
	})
}
