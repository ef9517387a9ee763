package aws_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

func inUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Target connections that are idle after a download keep no block.
func TestBulkIdleTargetConnectionsKeepNoBlock(t *testing.T) {
	b := newProxyBed(t, nil)
	const n, size = 20, 1 << 20
	var all sync.WaitGroup
	all.Add(n)
	b.amazon.be(func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(make([]byte, size))
	})
	client := s3.NewFromConfig(b.proxied("http", false))
	before := inUse()
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			get, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k")})
			if err == nil {
				_, _ = io.Copy(io.Discard, get.Body)
				get.Body.Close()
			}
		})
	}
	done.Wait()
	time.Sleep(500 * time.Millisecond)
	grown := inUse() - before
	t.Logf("%d KiB for each idle pair of connections", grown>>10/n)
	require.Less(t, grown, int64(n*512<<10))
}

// What 40 clients hold that announce 70 kB and send 1 kB of it.
func TestBulkSlowUploadsHoldLittle(t *testing.T) {
	b := newProxyBed(t, nil)
	b.amazon.be(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	const n = 40
	before := inUse()
	for i := range n {
		raw, err := net.Dial("tcp", b.at)
		require.NoError(t, err)
		defer raw.Close()
		fmt.Fprint(raw, "CONNECT s3.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: s3.eu-west-1.amazonaws.com:443\r\n\r\n")
		_, err = http.ReadResponse(bufio.NewReaderSize(raw, 16), nil)
		require.NoError(t, err)
		conn := tls.Client(raw, &tls.Config{RootCAs: b.roots, ServerName: "s3.eu-west-1.amazonaws.com"})
		r, err := http.NewRequest("PUT", fmt.Sprintf("https://s3.eu-west-1.amazonaws.com/shop/k%d", i), nil)
		require.NoError(t, err)
		r.ContentLength = 70_000
		b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
		fmt.Fprintf(conn, "PUT /shop/k%d HTTP/1.1\r\nHost: %s\r\nContent-Length: 70000\r\n", i, r.Host)
		_ = r.Header.Write(conn)
		fmt.Fprintf(conn, "\r\n%s", make([]byte, 1000))
	}
	time.Sleep(3 * time.Second)
	grown := inUse() - before
	t.Logf("%d KiB for each slow upload", grown>>10/n)
	require.Less(t, grown, int64(n*512<<10))
}
