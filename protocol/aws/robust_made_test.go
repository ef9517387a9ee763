package aws_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
)

// A call that was made, but whose answer finds no room, is not answered with
// what has SDKs make it again.
func TestMadeAndNotToldIsNotMadeTwice(t *testing.T) {
	var plugin *aws.Plugin
	b := newBed(t, nil, nil, func(p *aws.Plugin) {
		plugin = p
		p.WaitForAnswers(100 * time.Millisecond)
	})
	require.NoError(t, plugin.FillAnswers(b.creds.AccessKeyID))
	b.cloud.always(json10, `{"TableDescription":{}}`)
	r := b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
	resp, text := b.do(r)
	require.Len(t, b.cloud.requests(), 1)
	require.Equal(t, http.StatusForbidden, resp.StatusCode, text)
	require.NotContains(t, text, "Throttling")
	require.Contains(t, text, "was made")
	require.Equal(t, protocol.OK, b.operation("dynamodb:DeleteTable").Outcome.Result)
}

// A token that is signed into a call, where none belongs, is not recorded.
func TestTokensInSignedCalls(t *testing.T) {
	b := newBed(t, nil, nil)
	const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwZXJzb24ifQ.QUJDREVGR0hJSktMTU5PUA"
	for _, form := range []string{
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=s&WebIdentityToken=" + token,
		"Action=AssumeRoleWithSAML&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&PrincipalArn=p&SAMLAssertion=" + token,
	} {
		resp, _ := b.do(b.signed("POST", "/", "sts", []byte(form), "", "Content-Type", "application/x-www-form-urlencoded"))
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		resp, _ = b.do(b.signed("GET", "/?"+form, "sts", nil, ""))
		require.GreaterOrEqual(t, resp.StatusCode, 400)
	}
	require.NotEmpty(t, b.Record.Operations())
	b.noSecrets(t, token)
}
