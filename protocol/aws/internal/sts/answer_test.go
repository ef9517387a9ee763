package sts

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
)

func wellFormed(t testing.TB, b []byte) {
	t.Helper()
	require.True(t, utf8.Valid(b))
	d := xml.NewDecoder(strings.NewReader(string(b)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

func newIssuer(t testing.TB) *awskeys.Issuer {
	t.Helper()
	random := make([]byte, 32)
	rand.Read(random)
	key, err := awskeys.NewKey(random)
	require.NoError(t, err)
	i, err := awskeys.New(key)
	require.NoError(t, err)
	return i
}

func TestWebIdentityAnswer(t *testing.T) {
	r, err := Parse(form())
	require.NoError(t, err)
	p := identity.Principal{Issuer: "https://id.example.com", Subject: "coder <&>\x00"}
	c, err := newIssuer(t).Issue(identity.Proven{Principal: p, Scheme: identity.SchemeToken}, 0)
	require.NoError(t, err)
	b := WebIdentityAnswer(r.(*AssumeRoleWithWebIdentity), c, p, "request-1")
	wellFormed(t, b)
	assert.Equal(t, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>`+
		"<SubjectFromWebIdentityToken>coder &lt;&amp;&gt;\ufffd</SubjectFromWebIdentityToken>"+
		"<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/agents/coder@laptop</Arn><AssumedRoleId>AROACTUTTQ46UEEWMM4GQ:coder@laptop</AssumedRoleId></AssumedRoleUser>"+
		"<Credentials><AccessKeyId>"+c.AccessKeyID+"</AccessKeyId><SecretAccessKey>"+c.SecretAccessKey()+"</SecretAccessKey><SessionToken>"+c.SessionToken()+
		"</SessionToken><Expiration>"+c.Expires.Format("2006-01-02T15:04:05Z")+"</Expiration></Credentials><Provider>https://id.example.com</Provider>"+
		`</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`, string(b))
}

func TestCallerAnswer(t *testing.T) {
	assert.Equal(t, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>a</Arn><UserId>u</UserId>`+
		`<Account>1</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		string(CallerAnswer(Caller{"1", "a", "u"}, "r")))
}

func TestCallerOf(t *testing.T) {
	r, err := Parse(form())
	require.NoError(t, err)
	p := identity.Principal{Subject: "7", Name: "coder", Attributes: map[string]string{"team": "shop"}}
	remembered := Remember(p, r.(*AssumeRoleWithWebIdentity))
	assert.Len(t, p.Attributes, 1, "the caller's map is left alone")
	got := CallerOf(remembered, "999999999999")
	assert.Equal(t, "123456789012", got.Account)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/agents/coder@laptop", got.ARN)
	assert.Regexp(t, `^AROA[A-Z2-7]{17}:coder@laptop$`, got.UserID)

	for _, tt := range []struct{ name, account, want string }{
		{"coder", "", "arn:aws:sts::000000000000:assumed-role/sallyport/coder"},
		{"coder", "123456789012", "arn:aws:sts::123456789012:assumed-role/sallyport/coder"},
		{"coder", "1234", "arn:aws:sts::000000000000:assumed-role/sallyport/coder"},
		{"Ann Q. <ann@example.com>", "", "arn:aws:sts::000000000000:assumed-role/sallyport/Ann-Q.--ann@example.com-"},
		{"ñ\xff/\n", "", "arn:aws:sts::000000000000:assumed-role/sallyport/----"},
		{"x", "", "arn:aws:sts::000000000000:assumed-role/sallyport/x-"},
		{strings.Repeat("é", 500), "", "arn:aws:sts::000000000000:assumed-role/sallyport/" + strings.Repeat("-", 64)},
	} {
		assert.Equal(t, tt.want, CallerOf(identity.Principal{Name: tt.name}, tt.account).ARN)
	}
	// What is not ours is not believed.
	for _, a := range []map[string]string{
		{AttributeRole: "x", AttributeSession: "ab"}, {AttributeRole: role, AttributeSession: "a b"}, {AttributeRole: role},
	} {
		assert.Contains(t, CallerOf(identity.Principal{Name: "coder", Attributes: a}, "").ARN, "/sallyport/coder")
	}
}

func TestErrors(t *testing.T) {
	assert.Equal(t, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>`+
		`<Message>no &lt;b&gt;</Message></Error><RequestId>r</RequestId></ErrorResponse>`, string(AccessDenied("no <b>").XML("r")))
	assert.Contains(t, string((&Error{503, "X", "y"}).XML("r")), "<Type>Receiver</Type>")

	own := Validation("x")
	secret := errors.New("hush")
	for want, err := range map[*Error]error{
		own:                    fmt.Errorf("it was %w", own),
		ExpiredToken():         fmt.Errorf("%w: %w", identity.ErrExpired, secret),
		Rejected():             fmt.Errorf("%w: %w", identity.ErrRefused, secret),
		IDPCommunication():     fmt.Errorf("%w: %w", identity.ErrUnavailable, secret),
		PackedPolicyTooLarge(): fmt.Errorf("%w: %w", awskeys.ErrTooLarge, secret),
		AccessDenied("This gateway could not issue credentials; its log says why."): fmt.Errorf("%w: %w", context.Canceled, secret),
	} {
		assert.Equal(t, want, Refusal(err))
		assert.NotContains(t, Refusal(err).Error(), "hush")
	}
}

func FuzzCaller(f *testing.F) {
	f.Add("coder", role, "session")
	f.Add("\xff\u202e", "arn:aws:iam::123456789012:role/x", "\n")
	f.Fuzz(func(t *testing.T, name, role, session string) {
		c := CallerOf(identity.Principal{Name: name, Attributes: map[string]string{AttributeRole: role, AttributeSession: session}}, "")
		require.True(t, visible(c.ARN) && visible(c.UserID) && ValidAccount(c.Account), c)
		require.LessOrEqual(t, len(c.UserID), 193)
		wellFormed(t, CallerAnswer(c, session))
	})
}
