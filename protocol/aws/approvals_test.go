package aws_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// asking is a gateway where people are asked about what writes.
func asking(people *proxytest.People) func(*proxy.Builder) *proxy.Builder {
	return func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{
			{Name: "reads", Verdict: protocol.Allow, Effects: protocol.Read},
			{Name: "writes", Verdict: protocol.Ask, Effects: protocol.Write, Reason: "it writes"},
		}, people)
	}
}

// often makes the gateway say often that a call still waits.
func often(p *aws.Plugin) { p.TellEvery(20 * time.Millisecond) }

// onContinue has f called for every 100 Continue.
func onContinue(ctx context.Context, f func()) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		if code != http.StatusContinue {
			return fmt.Errorf("status %d", code)
		}
		f()
		return nil
	}})
}

// later is an answer that is given when it is told to.
func later(people *proxytest.People, approved bool) (answer func()) {
	told := make(chan struct{})
	people.Next(func(ctx context.Context, q approve.Request) (approve.Answer, error) {
		select {
		case <-told:
			return approve.Answer{Digest: q.Digest, Approved: approved, By: "ann", Reason: "because"}, nil
		case <-ctx.Done():
			return approve.Answer{}, ctx.Err()
		}
	})
	return func() { close(told) }
}

func (b *bed) dynamodb(retries int) *dynamodb.Client {
	return dynamodb.NewFromConfig(b.config(), func(o *dynamodb.Options) { o.RetryMaxAttempts = retries })
}

func (b *bed) putItem(retries int, id string) error {
	_, err := b.dynamodb(retries).PutItem(context.Background(), &dynamodb.PutItemInput{
		TableName: sdk.String("orders"), Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
	})
	return err
}

// count returns how many requests of a method or target the cloud got.
func (c *cloud) count(what string) (n int) {
	for _, r := range c.requests() {
		if r.method == what || strings.HasSuffix(r.target, "."+what) {
			n++
		}
	}
	return n
}

const json10 = "application/x-amz-json-1.0"

func TestApproved(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b, h2 := secure(t, nil, asking(people), often)
	b.cloud.always(json10, `{}`)
	for name, tls := range map[string]bool{"HTTP/1.1": false, "h2": true} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			told := 0
			answer := later(people, true)
			r := b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"orders","Item":{"id":{"S":%q}}}`, name), "", "X-Amz-Target", "DynamoDB_20120810.PutItem", "Content-Type", json10)
			var via http.RoundTripper = &http.Transport{DisableKeepAlives: true}
			if tls {
				r.URL.Scheme, via = "https", h2
			}
			r = r.WithContext(onContinue(r.Context(), func() {
				mu.Lock()
				defer mu.Unlock()
				if told++; told == 12 { // more than HTTP clients took of them once
					answer()
				}
			}))
			resp, err := via.RoundTrip(r)
			require.NoError(t, err)
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			require.Equal(t, 200, resp.StatusCode, string(text))
			mu.Lock()
			defer mu.Unlock()
			require.GreaterOrEqual(t, told, 12)
			op := b.Record.Operation(t, name)
			require.Equal(t, "ann", op.Decision.By)
			require.Len(t, op.Decisions, 2)
		})
	}
	require.Equal(t, 2, b.cloud.count("PutItem"))
}

func TestDeniedByPerson(t *testing.T) {
	people := proxytest.NewPeople("ann")
	b := newBed(t, nil, asking(people))
	people.Deny("not today")
	err := b.putItem(5, "1")
	require.ErrorContains(t, err, "AccessDeniedException")
	require.ErrorContains(t, err, "not today")
	people.Deny("not this object")
	_, err = b.s3().PutObject(context.Background(), &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k"), Body: bytes.NewReader(make([]byte, 3<<20))})
	require.ErrorContains(t, err, "not this object")
	require.ErrorContains(t, err, "AccessDenied")
	require.Empty(t, b.cloud.requests())
	require.Len(t, people.Asked(), 2, "one attempt each")
	for _, op := range b.Record.Operations() {
		require.Equal(t, protocol.Refused, op.Outcome.Result)
	}
}

func TestWithdrawnWhenNobodyIsLeft(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newBed(t, func(c *aws.Config) { c.Patience = 50 * time.Millisecond }, asking(people))
	for i, send := range []func(ctx context.Context){
		func(ctx context.Context) {
			r := b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
			_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r.WithContext(ctx))
			assert.Error(t, err)
		},
		func(ctx context.Context) { // a body that streams, and has come whole
			r := b.signed("PUT", "/shop/small", "s3", []byte("small"), "")
			_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r.WithContext(ctx))
			assert.Error(t, err)
		},
	} {
		ctx, leave := context.WithCancel(context.Background())
		var done sync.WaitGroup
		done.Go(func() { send(ctx) })
		people.WaitAsked(t, i+1)
		time.Sleep(20 * time.Millisecond) // let the gateway have the body
		leave()
		people.WaitWithdrawn(t, i+1)
		done.Wait()
	}
	for _, text := range []string{"DeleteTable", "PutObject"} {
		op := b.Record.Operation(t, text)
		require.Equal(t, protocol.Refused, op.Outcome.Result)
		require.Contains(t, op.Decision.Reason, "client left")
	}
	require.Empty(t, b.cloud.requests())
}

// impatient sends a request and leaves after a while.
func (b *bed) impatient(t *testing.T, r *http.Request, people *proxytest.People, asked int) {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r.WithContext(ctx))
		assert.Error(t, err)
	})
	people.WaitAsked(t, asked)
	time.Sleep(30 * time.Millisecond)
	leave()
	done.Wait()
}

func TestRetryHasTheOneExecution(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(b *bed) *http.Request{
		"a call": func(b *bed) *http.Request {
			return b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
		},
		"an object": func(b *bed) *http.Request { return b.signed("PUT", "/shop/key", "s3", []byte("small"), "") },
		"an object that waits for 100 Continue": func(b *bed) *http.Request {
			return b.signed("PUT", "/shop/key", "s3", []byte("small"), "", "Expect", "100-continue")
		},
		// Larger than what is read ahead: that the first client has left is not seen.
		"a large object": func(b *bed) *http.Request {
			return b.signed("PUT", "/shop/key", "s3", make([]byte, 16<<20), "UNSIGNED-PAYLOAD")
		},
	} {
		t.Run(name, func(t *testing.T) {
			people := proxytest.NewPeople("ann")
			b := newBed(t, nil, asking(people))
			b.cloud.always(json10, `{}`)
			answer := later(people, true)
			b.impatient(t, request(b), people, 1)
			require.Empty(t, b.cloud.requests())

			b.ago = 3 * time.Second // a retry is signed anew, at another second
			var done sync.WaitGroup
			retry := request(b)
			done.Go(func() {
				resp, text := b.do(retry)
				assert.Equal(t, 200, resp.StatusCode, text)
			})
			time.Sleep(200 * time.Millisecond) // it joins
			answer()
			done.Wait()
			require.Len(t, b.cloud.requests(), 1)
			require.Len(t, people.Asked(), 1)
			ops := b.Record.Operations()
			require.Equal(t, protocol.OK, ops[0].Outcome.Result)

			// Its signature is used up, although it was another that was asked about.
			again := retry.Clone(context.Background())
			again.Body, _ = retry.GetBody()
			resp, text := b.do(again)
			require.Equal(t, 400, resp.StatusCode, text)
			require.Contains(t, text, "signature was used")
			require.Len(t, b.cloud.requests(), 1)
		})
	}
}

func TestTwoLiveCallsAreTwo(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newBed(t, nil, asking(people))
	b.cloud.always(json10, `{}`)
	first := later(people, true)
	people.Approve()
	var done sync.WaitGroup
	for range 2 {
		r := b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
		done.Go(func() {
			resp, text := b.do(r)
			assert.Equal(t, 200, resp.StatusCode, text)
		})
		people.WaitAsked(t, 1)
		b.ago += 3 * time.Second // another second, another signature
	}
	time.Sleep(100 * time.Millisecond) // the second joins
	first()
	done.Wait()
	require.Len(t, people.Asked(), 2)
	require.Len(t, b.cloud.requests(), 2)
}

func TestWhileItWaits(t *testing.T) {
	t.Parallel()
	wait := func(t *testing.T, b *bed, people *proxytest.People, meanwhile func()) (status int, text string) {
		var done sync.WaitGroup
		r := b.signed("PUT", "/shop/key", "s3", []byte("small"), "")
		done.Go(func() {
			resp, said := b.do(r)
			status, text = resp.StatusCode, said
		})
		people.WaitAsked(t, 1)
		meanwhile()
		done.Wait()
		require.Empty(t, b.cloud.requests())
		return status, text
	}
	t.Run("the session is ended", func(t *testing.T) {
		people := proxytest.NewPeople("ann")
		b := newBed(t, nil, asking(people))
		status, text := wait(t, b, people, func() { require.True(t, b.End(b.Sessions()[0].ID, "enough")) })
		require.Equal(t, 403, status)
		require.Contains(t, text, "AccessDenied")
		resp, text := b.do(b.signed("GET", "/shop/key", "s3", nil, ""))
		require.Equal(t, 403, resp.StatusCode, "and stays so")
		require.Contains(t, text, "operator ended")
	})
	t.Run("the policy changes", func(t *testing.T) {
		people := proxytest.NewPeople("ann")
		b := newBed(t, nil, asking(people))
		answer := later(people, true)
		status, text := wait(t, b, people, func() {
			require.NoError(t, b.Update(context.Background(), proxy.Change{Policy: []approve.Rule{{Name: "frozen", Verdict: protocol.Deny, Reason: "a freeze"}}}))
			answer()
		})
		require.Equal(t, 403, status)
		require.Contains(t, text, "a freeze")
	})
	t.Run("the credentials expire", func(t *testing.T) {
		people := proxytest.NewPeople("ann")
		b := newBed(t, nil, asking(people))
		b.creds = b.signInWith(b.mint.For(identity.Principal{Subject: "brief", Expires: time.Now().Add(1500 * time.Millisecond)}), "brief")
		answer := later(people, true)
		status, text := wait(t, b, people, func() {
			time.Sleep(time.Until(b.creds.Expiration) + 100*time.Millisecond)
			answer()
		})
		require.Equal(t, 403, status)
		require.Contains(t, text, "xpired")
	})
}

// The bytes of what a waiting client is told.
func TestContinueOnTheWire(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b := newBed(t, nil, asking(people), often)
	answer := later(people, false)
	r := b.signed("PUT", "/shop/key", "s3", nil, "UNSIGNED-PAYLOAD")
	r.ContentLength = 5
	b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /shop/key HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: 5\r\n", r.Host)
	_ = r.Header.Write(conn)
	fmt.Fprint(conn, "\r\n")
	in := bufio.NewReader(conn)
	for range 8 {
		line, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
		line, err = in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "\r\n", line)
	}
	fmt.Fprint(conn, "hello")
	answer()
	for {
		resp, err := http.ReadResponse(in, r)
		require.NoError(t, err)
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		require.Equal(t, 403, resp.StatusCode)
		require.Contains(t, string(text), "because")
		break
	}
	// The connection goes on.
	fmt.Fprintf(conn, "GET /shop/none HTTP/1.1\r\nHost: %s\r\n", r.Host)
	_ = b.signed("GET", "/shop/none", "s3", nil, "").Header.Write(conn)
	fmt.Fprint(conn, "\r\n")
	resp, err := http.ReadResponse(in, r)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 404, resp.StatusCode)
}
