package awskeys

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
)

func TestIssueAndProve(t *testing.T) {
	key := newKey(t)
	c := issue(t, issuer(t, key), coder())
	assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, c.AccessKeyID)
	assert.Regexp(t, `^[A-Za-z0-9+/]{40}$`, c.SecretAccessKey())
	assert.Regexp(t, `^[A-Za-z0-9_-]+$`, c.SessionToken())
	assert.Less(t, len(c.SessionToken()), 500)

	// Another gateway with the same key, that has never heard of it.
	secret, who, err := ask(t, issuer(t, key), c.AccessKeyID, c.SessionToken())
	require.NoError(t, err)
	assert.Equal(t, c.SecretAccessKey(), secret)
	want := coder().Principal
	want.Attributes[AttributeProof] = "token t-1"
	want.Expires = c.Expires
	assert.Equal(t, identity.Proven{Principal: want, Scheme: identity.SchemeSigV4, Credential: c.AccessKeyID}, who)

	// The least there can be.
	c = issue(t, issuer(t, key), identity.Proven{Principal: identity.Principal{Issuer: "i", Subject: "s"}, Scheme: "x"})
	_, who, err = ask(t, issuer(t, key), c.AccessKeyID, c.SessionToken())
	require.NoError(t, err)
	assert.Equal(t, identity.Principal{
		Issuer: "i", Subject: "s", Attributes: map[string]string{AttributeProof: "x"}, Expires: c.Expires,
	}, who.Principal)
}

func TestEachIsAnother(t *testing.T) {
	i, seen := issuer(t, newKey(t)), map[string]bool{}
	for range 100 {
		c := issue(t, i, coder())
		seen[c.AccessKeyID], seen[c.SecretAccessKey()], seen[c.SessionToken()] = true, true, true
	}
	assert.Len(t, seen, 300)
}

// What the issuer of the principal says cannot stand in for what we say.
func TestProofIsOurs(t *testing.T) {
	who := coder()
	who.Principal.Attributes[AttributeProof] = "forged"
	i := issuer(t, newKey(t))
	c := issue(t, i, who)
	_, got, err := ask(t, i, c.AccessKeyID, c.SessionToken())
	require.NoError(t, err)
	assert.Equal(t, "token t-1", got.Principal.Attributes[AttributeProof])
	assert.Equal(t, "forged", who.Principal.Attributes[AttributeProof], "the caller's map is left alone")
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer(t, newKey(t))
		time.Sleep(300 * time.Millisecond)
		for _, tt := range []struct{ asked, proof, want time.Duration }{
			{0, 0, time.Hour},
			{-time.Second, 0, time.Hour},
			{time.Second, 0, 15 * time.Minute},
			{20 * time.Minute, 0, 20 * time.Minute},
			{100 * time.Hour, 0, 12 * time.Hour},
			{time.Hour, 90 * time.Second, 90 * time.Second},
			{time.Hour, 2 * time.Hour, time.Hour},
		} {
			who, now := coder(), time.Now()
			if tt.proof > 0 {
				who.Principal.Expires = now.Add(tt.proof)
			}
			c, err := i.Issue(who, tt.asked)
			require.NoError(t, err)
			assert.Equal(t, now.Add(tt.want).UTC().Truncate(time.Second), c.Expires)

			time.Sleep(c.Expires.Sub(now) - 1)
			_, got, err := ask(t, i, c.AccessKeyID, c.SessionToken())
			require.NoError(t, err, "until the last nanosecond")
			assert.Equal(t, c.Expires, got.Principal.Expires)
			time.Sleep(time.Nanosecond)
			_, _, err = ask(t, i, c.AccessKeyID, c.SessionToken())
			require.ErrorIs(t, err, identity.ErrExpired)
			require.NoError(t, i.Revoke(Revocation{AccessKeyID: c.AccessKeyID}))
			_, _, err = ask(t, i, c.AccessKeyID, c.SessionToken())
			require.ErrorIs(t, err, identity.ErrRefused)
		}
	})
}

func TestNotIssued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer(t, newKey(t))
		for name, tt := range map[string]struct {
			change func(*identity.Proven)
			is     error
			says   string
		}{
			"expired":          {func(w *identity.Proven) { w.Principal.Expires = time.Now() }, identity.ErrExpired, ""},
			"ends this second": {func(w *identity.Proven) { w.Principal.Expires = time.Now().Add(999 * time.Millisecond) }, identity.ErrExpired, ""},
			"issued ones":      {func(w *identity.Proven) { w.Scheme = identity.SchemeSigV4 }, identity.ErrRefused, "do not get others"},
			"no issuer":        {func(w *identity.Proven) { w.Principal.Issuer = "" }, nil, "not proven"},
			"no subject":       {func(w *identity.Proven) { w.Principal.Subject = "" }, nil, "not proven"},
			"no scheme":        {func(w *identity.Proven) { w.Scheme = "" }, nil, "not proven"},
			"bytes in subject": {func(w *identity.Proven) { w.Principal.Subject = "a\xff" }, nil, "Principal.Subject is not valid UTF-8"},
			"bytes in a value": {func(w *identity.Proven) { w.Principal.Attributes["x"] = "\xc0" }, nil, "Principal.Attributes is not valid UTF-8"},
			"long name": {func(w *identity.Proven) { w.Principal.Name = strings.Repeat("n", 7000) }, ErrTooLarge,
				"the largest part is Principal.Name with 7003"},
			"many groups": {func(w *identity.Proven) { w.Principal.Groups = strings.Split(strings.Repeat("abcd ", 1000), " ") }, ErrTooLarge,
				"the largest part is Principal.Groups with 7003 in 1001 texts"},
			"grows when written": {func(w *identity.Proven) { w.Principal.OnBehalfOf = strings.Repeat("\x01", 5000) }, ErrTooLarge,
				"the largest part is Principal.OnBehalfOf"},
		} {
			who := coder()
			tt.change(&who)
			c, err := i.Issue(who, 0)
			require.Error(t, err, name)
			assert.Equal(t, Credentials{}, c, name)
			assert.ErrorContains(t, err, tt.says, name)
			if tt.is != nil {
				assert.ErrorIs(t, err, tt.is, name)
			}
		}
	})
}

// What is issued can be taken: the bound is the same on both sides.
func TestLargest(t *testing.T) {
	i := issuer(t, newKey(t))
	last := 0
	for n := 5830; n < 6144; n++ {
		who := coder()
		who.Principal.Name = strings.Repeat("n", n)
		c, err := i.Issue(who, 0)
		if err != nil {
			break
		}
		last = len(c.SessionToken())
		_, _, err = ask(t, i, c.AccessKeyID, c.SessionToken())
		require.NoError(t, err)
	}
	assert.InDelta(t, maxToken, last, 3)
}

func TestRotation(t *testing.T) {
	old, young := newKey(t), newKey(t)
	before, during, after, done := issuer(t, old), issuer(t, old, young), issuer(t, young, old), issuer(t, young)
	for _, tt := range []struct {
		from *Issuer
		good []*Issuer
		bad  []*Issuer
	}{
		{before, []*Issuer{before, during, after}, []*Issuer{done}},
		{during, []*Issuer{before, during, after}, []*Issuer{done}},
		{after, []*Issuer{during, after, done}, []*Issuer{before}},
		{done, []*Issuer{during, after, done}, []*Issuer{before}},
	} {
		c := issue(t, tt.from, coder())
		for _, i := range tt.good {
			secret, _, err := ask(t, i, c.AccessKeyID, c.SessionToken())
			require.NoError(t, err)
			assert.Equal(t, c.SecretAccessKey(), secret)
		}
		for _, i := range tt.bad {
			_, _, err := ask(t, i, c.AccessKeyID, c.SessionToken())
			require.ErrorIs(t, err, identity.ErrRefused)
		}
	}
}

func TestOtherSchemes(t *testing.T) {
	_, err := issuer(t, newKey(t)).Verifier(t.Context(), identity.SchemeToken, "ann")
	require.ErrorIs(t, err, identity.ErrSchemeUnsupported)
}

// Issuers whose keys differ stand side by side.
func TestAny(t *testing.T) {
	one, two := issuer(t, newKey(t)), issuer(t, newKey(t))
	for _, i := range []*Issuer{one, two} {
		c := issue(t, i, coder())
		v, err := identity.Any(one, two).Verifier(t.Context(), identity.SchemeSigV4, c.AccessKeyID)
		require.NoError(t, err)
		secret, who, err := v.(identity.SigningVerifier).Secret(t.Context(), c.SessionToken())
		require.NoError(t, err)
		assert.Equal(t, c.SecretAccessKey(), secret)
		assert.Equal(t, "coder", who.Principal.Name)
		_, _, err = v.(identity.SigningVerifier).Secret(t.Context(), "x")
		require.ErrorIs(t, err, identity.ErrRefused)
	}
}

func TestOpenedAgain(t *testing.T) {
	i := issuer(t, newKey(t))
	c := issue(t, i, coder())
	for range 3 { // the second time it is known
		_, who, err := ask(t, i, c.AccessKeyID, c.SessionToken())
		require.NoError(t, err)
		who.Principal.Groups[0], who.Principal.Attributes["injected"] = "admins", "yes"
	}
	_, who, err := ask(t, i, c.AccessKeyID, c.SessionToken())
	require.NoError(t, err)
	require.NotContains(t, who.Principal.Groups, "admins", "callers have copies")
	require.NotContains(t, who.Principal.Attributes, "injected")
	for range 2 * maxOpened { // others push it out
		other := issue(t, i, coder())
		_, _, err := ask(t, i, other.AccessKeyID, other.SessionToken())
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(i.opened().tokens), maxOpened)
	require.NoError(t, i.Revoke(Revocation{AccessKeyID: c.AccessKeyID}))
	_, _, err = ask(t, i, c.AccessKeyID, c.SessionToken())
	require.ErrorIs(t, err, identity.ErrRefused)
}
