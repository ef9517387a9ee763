package aws_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// Many clients send few different calls, leave at any time, and send again:
// the target gets exactly what the record says it may have.
func TestCrowd(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	for i := range 400 {
		people.Next(func(ctx context.Context, q approve.Request) (approve.Answer, error) {
			select {
			case <-time.After(time.Duration(rand.IntN(60)) * time.Millisecond):
				return approve.Answer{Digest: q.Digest, Approved: i%4 != 0, By: "ann", Reason: "so"}, nil
			case <-ctx.Done():
				return approve.Answer{}, ctx.Err()
			}
		})
	}
	b := newBed(t, func(c *aws.Config) { c.Patience = 20 * time.Millisecond }, asking(people), often)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range 150 {
		b.ago = time.Duration(i%100) * time.Second
		var r *http.Request
		if i%2 == 0 {
			r = b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"t%d"}`, i%5), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
		} else {
			r = b.signed("PUT", fmt.Sprintf("/shop/k%d", i%5), "s3", make([]byte, 1+i%2*400_000), "UNSIGNED-PAYLOAD")
		}
		all.Go(func() {
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
			ctx, leave := context.WithTimeout(context.Background(), time.Duration(5+rand.IntN(120))*time.Millisecond)
			defer leave()
			resp, err := transport.RoundTrip(r.WithContext(ctx))
			if err == nil {
				resp.Body.Close()
				assert.Contains(t, []int{200, 400, 403}, resp.StatusCode)
			}
		})
	}
	all.Wait()
	require.Eventually(t, func() bool {
		for _, op := range b.Record.Operations() {
			if op.Outcome == nil {
				return false
			}
		}
		return true
	}, 10*time.Second, 20*time.Millisecond, "every operation ends")
	sent := 0
	for _, op := range b.Record.Operations() {
		switch op.Outcome.Result {
		case protocol.OK:
			sent++
			require.Equal(t, protocol.Allow, op.Decision.Verdict)
		case protocol.Unknown, protocol.Aborted: // the client left when it was under way
			sent++
			require.Equal(t, protocol.Allow, op.Decision.Verdict)
		case protocol.NotSent, protocol.Refused:
		default:
			t.Errorf("outcome %s of %s", op.Outcome.Result, op.Text)
		}
	}
	require.LessOrEqual(t, len(b.cloud.requests()), sent)
	require.NotEmpty(t, b.cloud.requests())
}
