package aws_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/proxy"
)

// narrow is a client whose connection takes little, and a way to cut it.
func (b *proxyBed) narrow(conns chan net.Conn) *s3.Client {
	proxyURL := &url.URL{Scheme: "http", Host: b.at}
	tr := &http.Transport{Proxy: http.ProxyURL(proxyURL), TLSClientConfig: &tls.Config{RootCAs: b.roots},
		DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, n, a)
			if err == nil {
				_ = c.(*net.TCPConn).SetReadBuffer(4096)
				if conns != nil {
					conns <- c
				}
			}
			return c, err
		}}
	b.t.Cleanup(tr.CloseIdleConnections)
	c := b.config()
	c.BaseEndpoint, c.HTTPClient, c.RetryMaxAttempts = nil, &http.Client{Transport: tr}, 1
	c.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
	return s3.NewFromConfig(c)
}

// Limits.Stall ends the session of a client that does not take a download.
func TestBulkStallEndsSessionOfClientThatTakesNothing(t *testing.T) {
	b := newProxyBed(t, func(p *proxy.Builder) *proxy.Builder {
		return p.AllowAll().Limits(proxy.Limits{Stall: time.Second})
	})
	const size = 64 << 20
	broke := make(chan time.Duration, 1)
	b.amazon.be(func(w http.ResponseWriter, _ *http.Request) {
		start := time.Now()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		piece := make([]byte, 100_000)
		for left := size; left > 0; left -= len(piece) {
			time.Sleep(time.Millisecond)
			if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
				break
			}
		}
		broke <- time.Since(start)
	})
	get, err := b.narrow(nil).GetObject(t.Context(), &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k")})
	require.NoError(t, err)
	defer get.Body.Close()
	_, _ = io.CopyN(io.Discard, get.Body, 1000)
	select {
	case d := <-broke:
		t.Log("ended after", d)
	case <-time.After(8 * time.Second):
		t.Fatal("Limits.Stall is 1 s; after 8 s the download still stands")
	}
}
