package aws_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// A read that the target had, and then could not be asked again, was not "not sent".
func TestNotSentAlthoughItWas(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var had atomic.Int32
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if had.Add(1) == 2 {
				ln.Close() // the target goes down with the call in its hands
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	b := newBedBefore(t, protocol.Target{Name: "cloud", Address: ln.Addr().String(), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}, nil, nil)
	resp, text := b.do(b.signed("GET", "/shop/one", "s3", nil, ""))
	require.Equal(t, 200, resp.StatusCode, text)
	resp, text = b.do(b.signed("GET", "/shop/two", "s3", nil, ""))
	require.Equal(t, 502, resp.StatusCode, text)
	require.EqualValues(t, 2, had.Load())
	ops := b.Record.Operations()
	o := ops[len(ops)-1].Outcome
	require.NotNil(t, o)
	require.NotEqual(t, protocol.NotSent, o.Result, "the target had the whole call: %+v", *o)
}

// A target behind a dialer of its own keeps its connections in use.
func TestOwnDialer(t *testing.T) {
	t.Parallel()
	cloud := newCloud(t)
	var dials atomic.Int32
	target := protocol.Target{Name: "cloud", Address: cloud.Listener.Addr().String(), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return struct{ net.Conn }{conn}, err // what counts, traces or tunnels
		}}
	b := newBedBefore(t, target, nil, nil)
	b.cloud = cloud
	cloud.always(json10, `{}`)
	for range 20 {
		resp, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DescribeTable", "Content-Type", json10))
		require.Equal(t, 200, resp.StatusCode, text)
	}
	require.Less(t, dials.Load(), int32(3), "connections for 20 calls one after the other")
}

// Who leaves while the call is recorded, no person being asked: the record says why.
func TestWhyNotSent(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		entered, release := make(chan struct{}, 1), make(chan struct{})
		b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
			return p.AllowAll().Use(func(next proxy.Admitter) proxy.Admitter {
				return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
					entered <- struct{}{}
					<-release
					return next.Admit(ctx, a)
				})
			})
		})
		ctx, leave := context.WithCancel(context.Background())
		r := b.signed("GET", "/shop/key", "s3", nil, "").WithContext(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		}()
		<-entered
		leave()
		<-done
		time.Sleep(50 * time.Millisecond)
		close(release)
		require.Eventually(t, func() bool {
			ops := b.Record.Operations()
			return len(ops) == 1 && ops[0].Outcome != nil
		}, 5*time.Second, 5*time.Millisecond)
		o := b.Record.Operations()[0].Outcome
		require.Equal(t, protocol.NotSent, o.Result)
		require.NotContains(t, o.Text, "credentials", "run %d: the client has left, that is why", i)
	}
}

type explosive struct {
	slog.Handler
}

func (e explosive) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "operation approved" || r.Message == "operation denied" {
		panic("the operator's log handler")
	}
	return e.Handler.Handle(ctx, r)
}
func (e explosive) WithAttrs(a []slog.Attr) slog.Handler { return explosive{e.Handler.WithAttrs(a)} }
func (e explosive) WithGroup(n string) slog.Handler      { return explosive{e.Handler.WithGroup(n)} }

func (e explosive) Enabled(context.Context, slog.Level) bool { return true }

// A panic while the operator's own code decides costs one call, and no more.
func TestPanicInBegin(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("ann")
	b, h2 := secure(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return asking(people)(p).Logger(slog.New(explosive{slog.DiscardHandler}))
	}, func(p *aws.Plugin) { p.TellEvery(20 * time.Microsecond) })
	for i := range 20 {
		people.Approve()
		r := b.signed("POST", "/", "dynamodb", fmt.Appendf(nil, `{"TableName":"t%d"}`, i), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10)
		var via http.RoundTripper = &http.Transport{DisableKeepAlives: true}
		if i%2 == 0 {
			r.URL.Scheme, via = "https", h2
		}
		resp, err := via.RoundTrip(r)
		require.NoError(t, err)
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.Equal(t, http.StatusForbidden, resp.StatusCode, string(text))
		require.NotContains(t, string(text), "log handler", "what went wrong inside is not for clients")
	}
	require.Empty(t, b.cloud.requests())
}
