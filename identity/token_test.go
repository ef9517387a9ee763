package identity

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
)

func hashed(t testing.TB, secret string) string {
	t.Helper()
	v, err := HashToken(secret)
	require.NoError(t, err)
	return v
}

func list(t testing.TB, tokens ...Token) *Tokens {
	t.Helper()
	l, err := NewTokens("static", tokens...)
	require.NoError(t, err)
	return l
}

// converse runs a SCRAM exchange; the client proves secret, and checks the server.
func converse(t testing.TB, a Authenticator, name, secret string) (Proven, error) {
	t.Helper()
	v, err := a.Verifier(t.Context(), SchemeSCRAMSHA256, name)
	require.NoError(t, err)
	client, err := scram.SHA256.NewClient("", secret, "")
	require.NoError(t, err)
	cc, sc := client.NewConversation(), v.(SCRAMVerifier).Start()
	message := ""
	for !cc.Done() {
		if message, err = cc.Step(message); err != nil {
			return Proven{}, fmt.Errorf("client: %w", err)
		}
		if cc.Done() {
			break
		}
		_, err = sc.Proven()
		require.ErrorIs(t, err, ErrRefused, "nothing is proven before the end")
		answer, err := sc.Step([]byte(message))
		if err != nil {
			_, again := sc.Proven()
			require.Equal(t, err, again)
			return Proven{}, err
		}
		message = string(answer)
	}
	require.True(t, cc.Valid(), "the server proved that it knows the verifier")
	return sc.Proven()
}

func bearer(t testing.TB, a Authenticator, name, secret string) (Proven, error) {
	t.Helper()
	v, err := a.Verifier(t.Context(), SchemeToken, name)
	require.NoError(t, err)
	assert.Equal(t, SchemeToken, v.Scheme())
	return v.(TokenVerifier).VerifyToken(t.Context(), secret)
}

func TestBothSchemes(t *testing.T) {
	good, late := NewToken(), NewToken()
	end := time.Now().Add(time.Hour)
	l := list(t,
		Token{Name: "coder", Verifier: hashed(t, good), ID: "t1", Subject: "agent-7", Groups: []string{"agents"}, Attributes: map[string]string{"team": "shop"}, OnBehalfOf: "ann", Expires: end},
		Token{Name: "plain", Verifier: hashed(t, late)},
		Token{Name: "old", Verifier: hashed(t, late), Expires: time.Now().Add(-time.Second)},
	)
	for scheme, check := range map[Scheme]func(testing.TB, Authenticator, string, string) (Proven, error){
		SchemeSCRAMSHA256: converse, SchemeToken: bearer,
	} {
		t.Run(string(scheme), func(t *testing.T) {
			p, err := check(t, l, "coder", good)
			require.NoError(t, err)
			assert.Equal(t, Proven{Principal: Principal{
				Issuer: "static", Subject: "agent-7", Name: "coder", Groups: []string{"agents"},
				Attributes: map[string]string{"team": "shop"}, OnBehalfOf: "ann", Expires: end,
			}, Scheme: scheme, Credential: "t1"}, p)
			p, err = check(t, l, "plain", late)
			require.NoError(t, err)
			assert.Equal(t, Proven{Principal: Principal{Issuer: "static", Subject: "plain", Name: "plain"}, Scheme: scheme, Credential: "plain"}, p)

			for name, secret := range map[string]string{"coder": late, "plain": good, "nobody": good, "": good, "old": good} {
				_, err = check(t, l, name, secret)
				assert.ErrorIs(t, err, ErrRefused, name)
				assert.NotErrorIs(t, err, ErrExpired, name)
			}
			_, err = check(t, l, "old", late)
			assert.ErrorIs(t, err, ErrExpired)
		})
	}
	for _, secret := range []string{"", "x", strings.Repeat("x", 1<<20), good + " ", good[:len(good)-1]} {
		_, err := bearer(t, l, "coder", secret)
		assert.ErrorIs(t, err, ErrRefused)
	}
	_, err := l.Verifier(t.Context(), "kerberos", "coder")
	assert.ErrorIs(t, err, ErrSchemeUnsupported)
}

// PostgreSQL 15 made this verifier for the password "sallyport-token-1".
func TestVerifierOfPostgreSQL(t *testing.T) {
	l := list(t, Token{Name: "x", Verifier: "SCRAM-SHA-256$4096:5TtoXD96r6LX5OfbEvCcrQ==$oefjCFzrj09BzHO+5W6xgEgW4cxZte30jZZxdoJ86v0=:oCx7Tu8+g6Ak3OJVZyN2PKveE6sEh+Kn13K5AdvSZIc="})
	_, err := converse(t, l, "x", "sallyport-token-1")
	require.NoError(t, err)
	_, err = bearer(t, l, "x", "sallyport-token-1")
	require.NoError(t, err)
	_, err = bearer(t, l, "x", "sallyport-token-2")
	require.ErrorIs(t, err, ErrRefused)
}

func TestSCRAMIsStrict(t *testing.T) {
	secret := NewToken()
	l := list(t, Token{Name: "coder", Verifier: hashed(t, secret)})
	start := func() SCRAMConversation {
		v, err := l.Verifier(t.Context(), SchemeSCRAMSHA256, "coder")
		require.NoError(t, err)
		return v.(SCRAMVerifier).Start()
	}
	for name, messages := range map[string][]string{
		"empty": {""}, "garbage": {"\x00\xff"}, "too long": {"n,,n=,r=" + strings.Repeat("a", 5000)},
		"plus": {"p=tls-server-end-point,,n=,r=abc"}, "other identity": {"n,a=root,n=,r=abc"},
		"final first": {"c=biws,r=abc,p=AAAA"}, "bad proof": {"n,,n=,r=abc", "c=biws,r=abc,p=AAAA"},
		"step after the end": {"x", "n,,n=,r=abc"},
	} {
		t.Run(name, func(t *testing.T) {
			c := start()
			var err error
			for _, m := range messages {
				_, err = c.Step([]byte(m))
			}
			require.ErrorIs(t, err, ErrRefused)
			_, err = c.Proven()
			require.ErrorIs(t, err, ErrRefused)
		})
	}
}

func TestUnknownNamesLookLikeKnownOnes(t *testing.T) {
	verifier := hashed(t, NewToken())
	l := list(t, Token{Name: "a", Verifier: verifier}, Token{Name: "b", Verifier: strings.Replace(verifier, "$4096:", "$9000:", 1)})
	first := func(name string) string {
		v, err := l.Verifier(t.Context(), SchemeSCRAMSHA256, name)
		require.NoError(t, err)
		answer, err := v.(SCRAMVerifier).Start().Step([]byte("n,,n=,r=abc"))
		require.NoError(t, err)
		_, salt, _ := strings.Cut(string(answer), ",")
		return salt
	}
	seen := map[string]bool{}
	for i := range 50 {
		name := fmt.Sprint("nobody", i)
		assert.Equal(t, first(name), first(name))
		assert.Len(t, first(name), len(first("a")))
		_, iterations, _ := strings.Cut(first(name), ",")
		seen[iterations] = true
	}
	assert.Equal(t, map[string]bool{"i=4096": true, "i=9000": true}, seen)
	assert.NotEqual(t, first("x"), first("y"))

	v, err := l.Verifier(t.Context(), SchemeSCRAMSHA256, "a")
	require.NoError(t, err)
	assert.True(t, v.(KnownVerifier).Known())
	v, err = l.Verifier(t.Context(), SchemeSCRAMSHA256, "c")
	require.NoError(t, err)
	assert.False(t, v.(KnownVerifier).Known())
	require.NoError(t, l.Replace(), "an empty list is a list")
	assert.Contains(t, first("a"), "i=4096")
}

func TestReplace(t *testing.T) {
	one, two := NewToken(), NewToken()
	l := list(t, Token{Name: "coder", Verifier: hashed(t, one)})
	require.Error(t, l.Replace(Token{Name: "coder", Verifier: hashed(t, two)}, Token{Name: "bad"}))
	_, err := converse(t, l, "coder", one)
	require.NoError(t, err, "a bad list changes nothing")

	v, err := l.Verifier(t.Context(), SchemeSCRAMSHA256, "coder")
	require.NoError(t, err)
	client, err := scram.SHA256.NewClient("", one, "")
	require.NoError(t, err)
	cc, sc := client.NewConversation(), v.(SCRAMVerifier).Start()
	message, err := cc.Step("")
	require.NoError(t, err)
	answer, err := sc.Step([]byte(message))
	require.NoError(t, err)
	message, err = cc.Step(string(answer))
	require.NoError(t, err)
	require.NoError(t, l.Replace(Token{Name: "coder", Verifier: hashed(t, two)}))
	_, err = sc.Step([]byte(message))
	require.ErrorIs(t, err, ErrRefused, "taken away in the middle of the exchange")

	_, err = bearer(t, l, "coder", two)
	require.NoError(t, err)
	_, err = bearer(t, l, "coder", one)
	require.ErrorIs(t, err, ErrRefused)
}

func TestMistakesInTokens(t *testing.T) {
	good := hashed(t, NewToken())
	parts := strings.Split(good, "$")
	_, err := NewTokens("",
		Token{Verifier: good}, Token{Name: "twice", Verifier: good}, Token{Name: "twice", Verifier: good},
		Token{Name: "none"}, Token{Name: "plain", Verifier: "hunter2hunter2hunter2"},
		Token{Name: "few", Verifier: strings.Replace(good, "$4096:", "$4095:", 1)},
		Token{Name: "many", Verifier: strings.Replace(good, "$4096:", "$99999999999999999999:", 1)},
		Token{Name: "salt", Verifier: "SCRAM-SHA-256$4096:!$" + parts[2]},
		Token{Name: "stored", Verifier: parts[0] + "$" + parts[1] + "$AAAA:AAAA"},
		Token{Name: "server", Verifier: good[:len(good)-4]},
	)
	require.Error(t, err)
	for _, part := range []string{
		"no issuer name", "token 1: it has no name", `token "twice": another`, `token "none": Verifier is not`, `token "plain": Verifier is not`,
		`token "few": Verifier: iterations`, `token "many": Verifier: iterations`, `token "salt": Verifier: the salt`, `token "stored": Verifier: the StoredKey`,
		`token "server": Verifier: the ServerKey`,
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "hunter2")
	assert.NotContains(t, err.Error(), parts[2])
}

func TestSecretsDoNotPrint(t *testing.T) {
	good := hashed(t, NewToken())
	token := Token{Name: "coder", Verifier: good}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token, "pointer", &token)
	for _, s := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, &token, token, []Token{token}), log.String()} {
		assert.Contains(t, s, "coder")
		assert.NotContains(t, s, good[20:40])
	}
}

func TestHashToken(t *testing.T) {
	for _, bad := range []string{"", "short", strings.Repeat("x", 257), "with a space in the middle", "sixteen bytes é é", "0123456789abcdef\n"} {
		_, err := HashToken(bad)
		require.Error(t, err)
		if bad != "" {
			assert.NotContains(t, err.Error(), bad)
		}
	}
	secret := NewToken()
	assert.NotEqual(t, hashed(t, secret), hashed(t, secret), "salted")
}

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 200 {
		token := NewToken()
		require.Regexp(t, `^sp_[0-9A-Za-z]{49}$`, token)
		sum := uint32(0)
		for _, c := range token[46:] {
			sum = sum*62 + uint32(strings.IndexRune(alphabet, c))
		}
		require.Equal(t, crc32.ChecksumIEEE([]byte(token[:46])), sum)
		seen[token] = true
		for _, c := range token[3:46] {
			letters[c]++
		}
	}
	assert.Len(t, seen, 200)
	assert.Len(t, letters, 62)
}

// fixed is an authenticator of tokens that always says the same.
type fixed struct{ err error }

func (f fixed) Verifier(_ context.Context, scheme Scheme, _ string) (Verifier, error) {
	if scheme != SchemeToken {
		return nil, ErrSchemeUnsupported
	}
	return f, nil
}
func (f fixed) Scheme() Scheme { return SchemeToken }
func (f fixed) VerifyToken(context.Context, string) (Proven, error) {
	return Proven{Credential: "fixed"}, f.err
}

type broken struct{ error }

func (b broken) Verifier(context.Context, Scheme, string) (Verifier, error) { return nil, b.error }

func TestAny(t *testing.T) {
	one, two := NewToken(), NewToken()
	a, b := list(t, Token{Name: "a", Verifier: hashed(t, one)}), list(t, Token{Name: "b", Verifier: hashed(t, two)})
	both := Any(fixed{ErrRefused}, a, b)
	for name, secret := range map[string]string{"a": one, "b": two} {
		_, err := converse(t, both, name, secret)
		require.NoError(t, err, name)
		_, err = bearer(t, both, name, secret)
		require.NoError(t, err, name)
	}
	_, err := converse(t, both, "c", one)
	assert.ErrorIs(t, err, ErrRefused)

	tests := []struct {
		list []Authenticator
		want error
	}{
		{[]Authenticator{fixed{ErrRefused}, fixed{nil}}, nil},
		{[]Authenticator{fixed{ErrRefused}, fixed{ErrExpired}, fixed{ErrRefused}}, ErrExpired},
		{[]Authenticator{fixed{ErrUnavailable}, fixed{ErrRefused}}, ErrUnavailable},
		{[]Authenticator{fixed{ErrRefused}}, ErrRefused},
	}
	for _, tt := range tests {
		_, err := bearer(t, Any(tt.list...), "x", one)
		assert.ErrorIs(t, err, tt.want)
	}
	_, err = Any().Verifier(t.Context(), SchemeToken, "x")
	assert.ErrorIs(t, err, ErrSchemeUnsupported)
	_, err = Any(fixed{}, a).Verifier(t.Context(), "kerberos", "x")
	assert.ErrorIs(t, err, ErrSchemeUnsupported)
	down := errors.New("down")
	_, err = Any(broken{down}, a).Verifier(t.Context(), SchemeToken, "a")
	assert.ErrorIs(t, err, down)
}

func FuzzSCRAM(f *testing.F) {
	l := list(f, Token{Name: "coder", Verifier: hashed(f, NewToken())})
	f.Add("n,,n=,r=abc", "c=biws,r=abc,p=AAAA")
	f.Add("y,a=x,n=user,r=abc", "c=eSws,r=,p=")
	f.Fuzz(func(t *testing.T, first, final string) {
		v, err := l.Verifier(t.Context(), SchemeSCRAMSHA256, "coder")
		require.NoError(t, err)
		c := v.(SCRAMVerifier).Start()
		if answer, err := c.Step([]byte(first)); err == nil {
			nonce := strings.TrimPrefix(strings.Split(string(answer), ",")[0], "r=")
			_, err = c.Step([]byte(strings.Replace(final, "abc", nonce, 1)))
			require.ErrorIs(t, err, ErrRefused)
		}
		_, err = c.Proven()
		require.ErrorIs(t, err, ErrRefused)
	})
}

func ExampleNewTokens() {
	token := NewToken() // for the agent; say it once
	verifier, err := HashToken(token)
	if err != nil {
		panic(err)
	}
	tokens, err := NewTokens("static", Token{Name: "coder", Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		panic(err)
	}
	v, err := tokens.Verifier(context.Background(), SchemeToken, "coder")
	if err != nil {
		panic(err)
	}
	proven, err := v.(TokenVerifier).VerifyToken(context.Background(), token)
	fmt.Println(proven.Principal.ID(), proven.Principal.Groups, err)
	// Output: static|coder [agents] <nil>
}
