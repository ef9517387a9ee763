package aws_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/sallyport/sallyport/proxy"
)

// newTLSBed is newBed with a certificate: clients come by TLS, also the one that newBed
// signs in with. It is not for parallel tests.
func newTLSBed(t testing.TB, more ...func(*proxy.Builder) *proxy.Builder) *bed {
	shown, _, _ := selfSigned(t)
	old := http.DefaultClient.Transport
	http.DefaultClient.Transport = &http.Transport{DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
		return tls.Dial(n, a, &tls.Config{InsecureSkipVerify: true})
	}}
	defer func() { http.DefaultClient.CloseIdleConnections(); http.DefaultClient.Transport = old }()
	return newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		p = p.Certificate(shown)
		for _, f := range more {
			return f(p)
		}
		return p.AllowAll()
	})
}
