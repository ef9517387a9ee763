package aws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// Calls whose clients have left leave room for others on a connection of HTTP/2.
func TestLeftCallsFreeTheConnection(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b, h2 := secure(t, func(c *aws.Config) { c.Patience = 3 * time.Second }, asking(people))
	b.cloud.keep("/shop/key", []byte("content"))
	get := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		r := b.signed("GET", "/shop/key", "s3", nil, "").WithContext(ctx)
		r.URL.Scheme = "https"
		resp, err := h2.RoundTrip(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	require.NoError(t, get(5*time.Second))
	ctx, leave := context.WithCancel(context.Background())
	var done sync.WaitGroup
	const n = 100 // what the gateway says it takes at once
	for i := range n {
		r := b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"t%d"}`, i), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10).WithContext(ctx)
		r.URL.Scheme = "https"
		done.Go(func() {
			if resp, err := h2.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		})
	}
	people.WaitAsked(t, n)
	leave()
	done.Wait()
	start := time.Now()
	require.NoError(t, get(4*time.Second), "a read, on the same connection")
	require.Less(t, time.Since(start), time.Second)
}

// A retry joins the call that waits, also where the body is large.
func TestLeftCallsFreeTheMemory(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newBed(t, func(c *aws.Config) { c.Patience, c.MaxBody = 4*time.Second, 200<<10 }, asking(people))
	body := func(i int) []byte { return fmt.Appendf(nil, `{"TableName":"t%d","x":"%0195000d"}`, i, i) }
	send := func(ctx context.Context, i int) error {
		r := b.signed("POST", "/", "dynamodb", body(i), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10).WithContext(ctx)
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%d %s", resp.StatusCode, text)
	}
	ctx, leave := context.WithCancel(context.Background())
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() { _ = send(ctx, i) })
	}
	people.WaitAsked(t, 8)
	leave()
	done.Wait()
	time.Sleep(50 * time.Millisecond)
	another, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// Denied by validation, asked, whatever: but it is looked at.
	done.Go(func() { _ = send(another, 99) })
	asked := func() bool { return len(people.Asked()) >= 9 }
	require.Eventually(t, asked, 2*time.Second, 10*time.Millisecond, "clients that have left hold all the memory for bodies")
	cancel()
	done.Wait()
}

// Connections of clients that have left do not count.
func TestLeftCallsFreeTheirConnections(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newBed(t, func(c *aws.Config) { c.Patience = 3 * time.Second }, func(p *proxy.Builder) *proxy.Builder {
		return asking(people)(p).Limits(proxy.Limits{Connections: 5})
	})
	b.cloud.keep("/shop/key", []byte("content"))
	ctx, leave := context.WithCancel(context.Background())
	var done sync.WaitGroup
	time.Sleep(300 * time.Millisecond) // the one that signed in is gone
	for i := range 5 {
		r := b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"t%d"}`, i), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10).WithContext(ctx)
		done.Go(func() {
			if resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		})
	}
	people.WaitAsked(t, 5)
	leave()
	done.Wait()
	time.Sleep(200 * time.Millisecond)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/key", "s3", nil, ""))
	require.NoError(t, err, "all connections are taken by clients that have left")
	resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
}

// A client that lost patience with all its calls and sends them again, on its one
// connection, joins those that wait: people are asked once.
func TestRetriesJoinByHTTP2(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b, h2 := secure(t, func(c *aws.Config) { c.Patience = time.Second }, asking(people))
	const n = 100
	send := func(ctx context.Context, i int, done *sync.WaitGroup) {
		r := b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"t%d"}`, i), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10).WithContext(ctx)
		r.URL.Scheme = "https"
		done.Go(func() {
			if resp, err := h2.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		})
	}
	var first, second sync.WaitGroup
	ctx, leave := context.WithCancel(context.Background())
	for i := range n {
		send(ctx, i, &first)
	}
	people.WaitAsked(t, n)
	leave()
	first.Wait()
	b.ago = 3 * time.Second
	ctx, leave = context.WithTimeout(context.Background(), 10*time.Second)
	defer leave()
	for i := range n {
		send(ctx, i, &second)
	}
	time.Sleep(2 * time.Second) // longer than Patience: those that joined are still here
	withdrawn := people.Withdrawn()
	asked := len(people.Asked())
	leave()
	second.Wait()
	require.Zero(t, withdrawn, "withdrawn although their clients are here; %d asked", asked)
	require.Equal(t, n, asked)
}
