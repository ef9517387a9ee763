package aws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

func TestHTTP2(t *testing.T) {
	b, client := secure(t, nil, nil)
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	do := func(method, path string, body []byte, hash string) (*http.Response, []byte) {
		r := b.signed(method, path, "s3", body, hash)
		r.URL.Scheme = "https"
		resp, err := client.RoundTrip(r)
		require.NoError(t, err)
		require.Equal(t, 2, resp.ProtoMajor)
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, got
	}
	resp, text := do("PUT", "/shop/key", content, "")
	require.Equal(t, 200, resp.StatusCode, string(text))
	resp, got := do("GET", "/shop/key", nil, "")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, content, got)
	resp, text = do("DELETE", "/shop/key", nil, "")
	require.Equal(t, 204, resp.StatusCode, string(text))
	require.Equal(t, protocol.OK, b.operation("s3:DeleteObject").Outcome.Result)
	resp, text = do("PUT", "/shop/bad", content, hexOf([]byte("other")))
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, string(text), "XAmzContentSHA256Mismatch")
	require.Nil(t, b.cloud.object("/shop/bad"))
}

// Two agents on one connection are two sessions: what ends one leaves the other.
func TestTwoPrincipalsOnOneConnection(t *testing.T) {
	b, client := secure(t, nil, nil)
	b.cloud.keep("/shop/key", []byte("content"))
	ann, bob := b.creds, b.signIn("bob")
	get := func(who document) (int, string) {
		b.creds = who
		r := b.signed("GET", "/shop/key", "s3", nil, "")
		r.URL.Scheme = "https"
		resp, err := client.RoundTrip(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	for _, who := range []document{ann, bob, ann} {
		status, text := get(who)
		require.Equal(t, 200, status, text)
	}
	ops := b.Record.Operations()
	require.Len(t, ops, 3)
	require.NotEqual(t, ops[0].Session, ops[1].Session)
	require.Equal(t, ops[0].Session, ops[2].Session)
	require.True(t, b.End(ops[0].Session, "enough"))
	status, text := get(ann)
	require.Equal(t, 403, status)
	require.Contains(t, text, "operator ended")
	status, _ = get(bob)
	require.Equal(t, 200, status)
}

// A stream that its client resets is a client that has left, though its
// connection stays.
func TestStreamThatIsReset(t *testing.T) {
	people := proxytest.NewPeople("ann")
	b, client := secure(t, func(c *aws.Config) { c.Patience = 20 * time.Millisecond }, asking(people))
	ctx, leave := context.WithCancel(context.Background())
	r := b.signed("PUT", "/shop/key", "s3", make([]byte, 2<<20), "UNSIGNED-PAYLOAD").WithContext(ctx)
	r.URL.Scheme = "https"
	var done sync.WaitGroup
	done.Go(func() {
		_, err := client.RoundTrip(r)
		assert.ErrorIs(t, err, context.Canceled)
	})
	people.WaitAsked(t, 1)
	leave()
	people.WaitWithdrawn(t, 1)
	done.Wait()
	require.Empty(t, b.cloud.requests())
	require.Equal(t, protocol.Refused, b.Record.Operation(t, "PutObject").Outcome.Result)
}

// Answers without a body, on both versions of HTTP.
func TestNothingBehindTheHead(t *testing.T) {
	b, h2 := secure(t, nil, nil)
	b.cloud.say(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		status, _ := strconv.Atoi(r.URL.Path[len("/shop/"):])
		w.WriteHeader(status)
		return true
	})
	for _, status := range []int{200, 204, 304, 412, 500} {
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			for _, via := range []*http.Transport{h2, {DisableKeepAlives: true}} {
				r := b.signed(method, fmt.Sprintf("/shop/%d", status), "s3", nil, "")
				if via == h2 {
					r.URL.Scheme = "https"
				} else {
					b.ago += 2 * time.Second
					r = b.signed(method, fmt.Sprintf("/shop/%d", status), "s3", nil, "")
				}
				resp, err := via.RoundTrip(r)
				require.NoError(t, err)
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				require.NoError(t, err, "%s %d", method, status)
				require.Equal(t, status, resp.StatusCode, "%s %d: %s", method, status, text)
				op := b.last()
				require.Equal(t, status < 300, op.Outcome.Result == protocol.OK)
			}
		}
	}
}
