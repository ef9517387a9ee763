package aws_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestRepeatedSignatures(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.always(json10, `{}`)
	send := func(target string, times int) (statuses []int, text string) {
		r := b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810."+target, "Content-Type", json10)
		for range times {
			again := r.Clone(context.Background())
			again.Body, _ = r.GetBody()
			var resp *http.Response
			resp, text = b.do(again)
			statuses = append(statuses, resp.StatusCode)
		}
		return statuses, text
	}
	statuses, text := send("DeleteTable", 2)
	require.Equal(t, []int{200, 400}, statuses)
	require.Contains(t, text, "ThrottlingException")
	require.Contains(t, text, "signature was used")
	require.Equal(t, 1, b.cloud.count("DeleteTable"))
	ops := b.Record.Operations()
	require.Len(t, ops, 2)
	require.Equal(t, protocol.Refused, ops[1].Outcome.Result)
	require.Contains(t, ops[1].Decision.Reason, "signature was used")

	statuses, _ = send("DescribeTable", 3)
	require.Equal(t, []int{200, 200, 200}, statuses)
	require.Equal(t, 3, b.cloud.count("DescribeTable"))
}

// Clients that make one call twice within a second sign it alike.
func TestEqualWritesInALoopSucceed(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.always(json10, `{}`)
	for range 4 {
		require.NoError(t, b.putItem(5, "same"))
	}
	require.Equal(t, 4, b.cloud.count("PutItem"))
}

// A target that breaks off when it has a call may have carried it out: the
// gateway does not send it again by itself, whatever the client says of it.
func TestNothingIsSentTwice(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.keep("/shop/key", []byte("content"))
	for _, r := range []*http.Request{
		b.signed("DELETE", "/shop/key", "s3", nil, "", "Idempotency-Key", "1"),
		b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10, "X-Idempotency-Key", "1"),
	} {
		resp, text := b.do(b.signed("GET", "/shop/key", "s3", nil, "")) // there is a connection to use again
		require.Equal(t, 200, resp.StatusCode, text)
		var got atomic.Int32
		b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			got.Add(1)
			panic(http.ErrAbortHandler)
		})
		resp, _ = b.do(r)
		require.Equal(t, 502, resp.StatusCode)
		require.EqualValues(t, 1, got.Load())
		require.Equal(t, protocol.Unknown, b.last().Outcome.Result)
		b.cloud.be(nil)
	}
}
