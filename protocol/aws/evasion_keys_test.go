package aws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity/awskeys"
)

// An access key and its token are two things: what is moved from the one to
// the other is a forgery, also while the gateway remembers the pair. Else a
// revoked key had as many other names as its token has letters.
func TestAccessKeyAndTokenAreNotOneText(t *testing.T) {
	t.Parallel()
	var issuer *awskeys.Issuer
	b := newBed(t, issuerOf(&issuer), nil)
	b.cloud.amazon()
	list := func() int {
		resp, _ := b.do(b.signed("POST", "/", "dynamodb", []byte(`{}`), "", "X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", json10))
		return resp.StatusCode
	}
	require.Equal(t, 200, list())
	whole := b.creds
	b.creds.AccessKeyID, b.creds.SessionToken = whole.AccessKeyID+whole.SessionToken[:5], whole.SessionToken[5:]
	assert.Equal(t, 403, list(), "the key has letters of the token")

	require.NoError(t, issuer.Revoke(awskeys.Revocation{AccessKeyID: whole.AccessKeyID}))
	assert.Equal(t, 403, list(), "revoked under its own name")
	require.NoError(t, issuer.Revoke())
	for _, s := range b.Sessions() {
		require.True(t, b.End(s.ID, "lunch"))
	}
	assert.Equal(t, 403, list(), "ended under its own name")
	assert.Len(t, b.cloud.requests(), 1)
}
