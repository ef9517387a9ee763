package aws_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// In proxy mode the host says which bucket it is: what was approved for one
// is not carried out on another.
func TestApprovedForOneHost(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newProxyBed(t, asking(people))
	answer := later(people, true)
	people.Deny("not that one")
	remove := func(bucket string) (int, string) {
		host := bucket + ".s3.eu-west-1.amazonaws.com"
		return send(t, b.tunnel(host, false), b.signedFor("DELETE", "https://"+host+"/key", "", "s3", "eu-west-1"))
	}
	var done sync.WaitGroup
	done.Go(func() {
		status, _ := remove("scratch")
		assert.Equal(t, 204, status)
	})
	people.WaitAsked(t, 1)
	done.Go(func() {
		status, _ := remove("production")
		assert.Equal(t, 403, status)
	})
	people.WaitAsked(t, 2)
	time.Sleep(50 * time.Millisecond)
	answer()
	done.Wait()
	require.Equal(t, []string{"scratch.s3.eu-west-1.amazonaws.com"}, b.hosts())
}

// Who is revoked while people think has nothing carried out any more.
func TestRevokedWhileItWaits(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	var issuer *awskeys.Issuer
	b := newBed(t, issuerOf(&issuer), asking(people))
	answer := later(people, true)
	var done sync.WaitGroup
	done.Go(func() {
		resp, text := b.do(b.signed("DELETE", "/shop/key", "s3", nil, ""))
		assert.Equal(t, 403, resp.StatusCode, text)
	})
	people.WaitAsked(t, 1)
	require.NoError(t, issuer.Revoke(awskeys.Revocation{AccessKeyID: b.creds.AccessKeyID}))
	answer()
	done.Wait()
	require.Empty(t, b.cloud.requests())
	require.Equal(t, protocol.NotSent, b.operation("s3:DeleteObject").Outcome.Result)
}
