package aws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signed is a request by hand, signed by AWS's own code. A hash that is empty
// is the body's.
func (b *bed) signed(method, path, service string, body []byte, hash string, header ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.url()+path, bytes.NewReader(body))
	require.NoError(b.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b.sign(r, service, hash, body)
	return r
}

func (b *bed) sign(r *http.Request, service, hash string, body []byte) {
	if hash == "" {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	r.Header.Set("X-Amz-Content-Sha256", hash)
	creds := sdk.Credentials{AccessKeyID: b.creds.AccessKeyID, SecretAccessKey: b.creds.SecretAccessKey, SessionToken: b.creds.SessionToken}
	err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(context.Background(), creds, r, hash, service, "eu-west-1", time.Now().Add(-b.ago))
	require.NoError(b.t, err)
}

// do sends a request on a connection of its own.
func (b *bed) do(r *http.Request) (*http.Response, string) {
	b.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}
	resp, err := transport.RoundTrip(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp, string(body)
}

func (b *bed) s3() *s3.Client {
	return s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// minio is a client that signs chunks.
func (b *bed) minio(trailers bool) *minio.Client {
	b.t.Helper()
	transport := &http.Transport{}
	b.t.Cleanup(transport.CloseIdleConnections)
	c, err := minio.New(b.Addr(), &minio.Options{
		Creds: credentials.NewStaticV4(b.creds.AccessKeyID, b.creds.SecretAccessKey, b.creds.SessionToken), Region: "eu-west-1", Transport: transport,
		BucketLookup: minio.BucketLookupPath, TrailingHeaders: trailers,
	})
	require.NoError(b.t, err)
	return c
}

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// secure is a gateway that shows a certificate, and a client that speaks
// HTTP/2 with it.
func secure(t testing.TB, change func(*aws.Config), build func(*proxy.Builder) *proxy.Builder, before ...func(*aws.Plugin)) (*bed, *http.Transport) {
	other := httptest.NewTLSServer(nil)
	client := other.Client().Transport.(*http.Transport).Clone()
	cert := other.TLS.Certificates[0]
	other.Close()
	client.ForceAttemptHTTP2 = true
	t.Cleanup(client.CloseIdleConnections)
	return newBed(t, change, func(p *proxy.Builder) *proxy.Builder {
		p = p.Certificate(cert)
		if build == nil {
			return p.AllowAll()
		}
		return build(p)
	}, before...), client
}
