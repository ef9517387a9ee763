package sts

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const role = "arn:aws:iam::123456789012:role/team/agents"

func form(changes ...string) url.Values {
	v := url.Values{
		"Action": {ActionAssumeRoleWithWebIdentity}, "Version": {Version}, "RoleArn": {role}, "RoleSessionName": {"coder@laptop"},
		"WebIdentityToken": {"eyJ.hush-hush.x"},
	}
	for i := 0; i < len(changes); i += 2 {
		v.Del(changes[i])
		if changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	return v
}

func TestParse(t *testing.T) {
	r, err := Parse(form("DurationSeconds", "900", "ProviderId", "www.amazon.com"))
	require.NoError(t, err)
	w, ok := r.(*AssumeRoleWithWebIdentity)
	require.True(t, ok)
	assert.Equal(t, RoleARN{"aws", "123456789012", "/team/", "agents"}, w.Role)
	assert.Equal(t, []any{"coder@laptop", "eyJ.hush-hush.x", 15 * time.Minute, "www.amazon.com"}, []any{w.Session, w.Token.Reveal(), w.Duration, w.Provider})
	assert.Equal(t, ActionAssumeRoleWithWebIdentity, r.Action())
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", w, w, w, *w), "hush")

	r, err = Parse(form("WebIdentityToken", "eyJ.hush-hush.x\r\n"))
	require.NoError(t, err)
	assert.Equal(t, "eyJ.hush-hush.x", r.(*AssumeRoleWithWebIdentity).Token.Reveal())

	r, err = Parse(form())
	require.NoError(t, err)
	assert.Zero(t, r.(*AssumeRoleWithWebIdentity).Duration)

	r, err = Parse(url.Values{"Action": {"GetCallerIdentity"}, "Version": {Version}, "X-Amz-Signature": {"00"}, "X-Amz-Date": {"x"}})
	require.NoError(t, err, "presigned")
	assert.Equal(t, ActionGetCallerIdentity, r.Action())
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", 20001)
	for name, tt := range map[string]struct {
		form       url.Values
		code, says string
	}{
		"nothing":            {nil, "MissingAction", "Action"},
		"no version":         {form("Version", ""), "InvalidAction", Version},
		"other version":      {form("Version", "2011-06-16"), "InvalidAction", Version},
		"the target's":       {form("Action", "AssumeRole"), "InvalidAction", "does not answer"},
		"SAML":               {form("Action", "AssumeRoleWithSAML"), "InvalidAction", "not supported by this gateway yet"},
		"no role":            {form("RoleArn", ""), "ValidationError", "RoleArn is missing"},
		"no session":         {form("RoleSessionName", ""), "ValidationError", "RoleSessionName is missing"},
		"no token":           {form("WebIdentityToken", ""), "ValidationError", "WebIdentityToken is missing"},
		"not a role":         {form("RoleArn", "arn:aws:iam::123456789012:user/x"), "ValidationError", "RoleArn is not"},
		"session of one":     {form("RoleSessionName", "x"), "ValidationError", "RoleSessionName must"},
		"session with slash": {form("RoleSessionName", "a/b"), "ValidationError", "RoleSessionName must"},
		"session of 65":      {form("RoleSessionName", long[:65]), "ValidationError", "RoleSessionName must"},
		"session in UTF-8":   {form("RoleSessionName", "añb"), "ValidationError", "RoleSessionName must"},
		"short token":        {form("WebIdentityToken", "abc"), "ValidationError", "WebIdentityToken must"},
		"long token":         {form("WebIdentityToken", long), "ValidationError", "WebIdentityToken must"},
		"token with lines":   {form("WebIdentityToken", "hush\nhush"), "ValidationError", "WebIdentityToken must"},
		"provider":           {form("ProviderId", "a b c"), "ValidationError", "ProviderId must"},
		"policy":             {form("Policy", "{}"), "ValidationError", "Policy: this gateway cannot narrow"},
		"policy ARNs":        {form("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/X"), "ValidationError", "PolicyArns: this gateway cannot narrow"},
		"unknown":            {form("Tags.member.1.Key", "x"), "ValidationError", "Tags is not a parameter"},
		"unknown and odd":    {form("\x1b[2J", "x"), "ValidationError", "odd name"},
		"of another action":  {url.Values{"Action": {"GetCallerIdentity"}, "Version": {Version}, "RoleArn": {role}}, "ValidationError", "RoleArn is not a parameter"},
		"seconds":            {form("DurationSeconds", "899"), "ValidationError", "from 900 to 43200"},
		"more seconds":       {form("DurationSeconds", "43201"), "ValidationError", "from 900 to 43200"},
		"signed seconds":     {form("DurationSeconds", "+900"), "ValidationError", "from 900 to 43200"},
		"overflow":           {form("DurationSeconds", "66436"), "ValidationError", "from 900 to 43200"},
		"twice":              {url.Values{"Action": {"GetCallerIdentity", "GetCallerIdentity"}, "Version": {Version}}, "ValidationError", "Action is there more than once"},
	} {
		r, err := Parse(tt.form)
		require.Nil(t, r, name)
		var own *Error
		require.ErrorAs(t, err, &own, name)
		assert.Equal(t, tt.code, own.Code, name)
		assert.Equal(t, 400, own.Status, name)
		assert.Contains(t, own.Message, tt.says, name)
		assert.NotContains(t, own.Error(), "hush", name)
		assert.NotContains(t, own.Error(), "\x1b", name)
	}
}

func TestAnswered(t *testing.T) {
	for action, want := range map[string]bool{
		"AssumeRoleWithWebIdentity": true, "AssumeRoleWithSAML": true, "GetCallerIdentity": true,
		"AssumeRole": false, "GetSessionToken": false, "getcalleridentity": false, "": false,
	} {
		assert.Equal(t, want, Answered(action), action)
	}
}

func TestRoleARNs(t *testing.T) {
	for _, good := range []string{role, "arn:aws:iam::123456789012:role/x", "arn:aws-us-gov:iam::123456789012:role/a/b/c/n_+=,.@-", "arn:aws-cn:iam::000000000000:role/x"} {
		r, ok := ParseRoleARN(good)
		require.True(t, ok, good)
		assert.Equal(t, good, r.String())
	}
	for _, bad := range []string{
		"", "role", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role", "arn:aws:iam::12345678901:role/x", "arn:aws:iam::1234567890123:role/x",
		"arn:aws:iam::12345678901x:role/x", "arn:aws:iam:us-east-1:123456789012:role/x", "arn:aws:sts::123456789012:role/x", "arn:gcp:iam::123456789012:role/x",
		"arn:aws-:iam::123456789012:role/x", "arn:awsx:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/x ", "arn:aws:iam::123456789012:role//x", "arn:aws:iam::123456789012:role/a//x",
		"arn:aws:iam::123456789012:role/a b/x", "arn:aws:iam::123456789012:role/" + strings.Repeat("x", 65), "arn:aws:iam::123456789012:role/" + strings.Repeat("x", 513) + "/x",
		"arn:aws:iam::123456789012:role/x:y", "arn:aws:iam::123456789012:role/\u202e/x", strings.Repeat("x", 4000),
	} {
		_, ok := ParseRoleARN(bad)
		assert.False(t, ok, bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(form().Encode())
	f.Add(form("DurationSeconds", "900", "Policy", "{}").Encode())
	f.Add("Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Date=1")
	f.Fuzz(func(t *testing.T, body string) {
		v, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := Parse(v)
		if err != nil {
			var own *Error
			require.ErrorAs(t, err, &own)
			require.Nil(t, r)
			wellFormed(t, own.XML("id"))
			return
		}
		if w, ok := r.(*AssumeRoleWithWebIdentity); ok {
			again, ok := ParseRoleARN(w.Role.String())
			require.True(t, ok)
			require.Equal(t, w.Role, again)
			c := assumed(w.Role, w.Session)
			require.True(t, visible(c.ARN) && visible(c.UserID))
		}
	})
}
