package aws_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

// tight is a listener whose connections' kernel buffers are small.
type tight struct{ net.Listener }

func (l tight) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(4096)
	}
	return c, err
}

// A client that cuts the connection with most of a download untaken did not
// get it: the gateway has heard so before it records the end.
func TestBulkOutcomeOfWhatCouldNotBeSent(t *testing.T) {
	shown, _, _ := selfSigned(t)
	http.DefaultClient.Transport = &http.Transport{DialContext: func(_ context.Context, n, a string) (net.Conn, error) {
		return tls.Dial(n, a, &tls.Config{InsecureSkipVerify: true})
	}}
	defer func() { http.DefaultClient.CloseIdleConnections(); http.DefaultClient.Transport = nil }()
	cloud := newCloud(t)
	target := protocol.Target{Name: "cloud", Address: strings.TrimPrefix(cloud.URL, "http://"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var plugin *aws.Plugin
	b := newBedBefore(t, target, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Certificate(shown).AllowAll().ListenOn(tight{ln}, plugin, target)
	}, func(p *aws.Plugin) { plugin = p })
	const size = 700_000
	sent := make(chan struct{})
	cloud.be(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(make([]byte, 400_000))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(300 * time.Millisecond)
		_, _ = w.Write(make([]byte, 300_000))
		close(sent)
	})
	raw, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	_ = raw.(*net.TCPConn).SetReadBuffer(4096)
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, b.signed("GET", "/shop/thing", "s3", nil, "").Write(conn))
	_, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
	require.NoError(t, err)
	<-sent
	time.Sleep(500 * time.Millisecond)
	_ = raw.(*net.TCPConn).SetLinger(0)
	raw.Close()
	time.Sleep(500 * time.Millisecond)
	o := b.Record.Operation(t, "thing").Outcome
	t.Log(o)
	require.NotEqual(t, protocol.OK, o.Result, "the client got a part only")
}
