package aws_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/aws/internal/leaf"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// proxyBed is a gateway that is a proxy in front of what stands in for AWS: a
// TLS server for all of its names that verifies signatures strictly.
type proxyBed struct {
	*bed
	amazon *cloud
	at     string // the proxy's address
	caFile string // what clients trust
	roots  *x509.CertPool

	mu      sync.Mutex
	dialled []string // by the gateway
}

func newProxyBed(t *testing.T, build func(*proxy.Builder) *proxy.Builder) *proxyBed {
	t.Helper()
	b := &proxyBed{amazon: &cloud{t: t, objects: map[string][]byte{}}}
	// What stands in for AWS has a certificate of its own authority.
	serverPEM, serverKey, err := aws.NewAuthority("stands in for AWS", time.Hour)
	require.NoError(t, err)
	b.amazon.Server = httptest.NewUnstartedServer(http.HandlerFunc(b.amazon.serve))
	b.amazon.Server.TLS = &tls.Config{GetCertificate: standIn(t, serverPEM, serverKey)}
	b.amazon.Server.StartTLS()
	t.Cleanup(b.amazon.Server.Close)
	b.amazon.amazon()

	certPEM, keyPEM, err := aws.NewAuthority("gateway", time.Hour)
	require.NoError(t, err)
	authority, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	dir := t.TempDir()
	b.caFile = filepath.Join(dir, "gateway.pem")
	require.NoError(t, os.WriteFile(b.caFile, certPEM, 0o600))
	serverFile := filepath.Join(dir, "server.pem")
	require.NoError(t, os.WriteFile(serverFile, serverPEM, 0o600))
	b.roots = x509.NewCertPool()
	require.True(t, b.roots.AppendCertsFromPEM(certPEM))

	target := aws.Target("account")
	target.TLS.CAFile = serverFile
	target.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		b.mu.Lock()
		b.dialled = append(b.dialled, address)
		b.mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, b.amazon.Listener.Addr().String())
	}
	shown, _, der := selfSigned(t)
	require.NoError(t, appendFile(b.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	own, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	b.roots.AddCert(own)
	var settings aws.Config
	b.bed = newBed(t, func(c *aws.Config) { c.Authority, c.Hosts = &authority, []string{"gw.test"}; settings = *c }, func(p *proxy.Builder) *proxy.Builder {
		if build != nil {
			p = build(p)
		} else {
			p = p.AllowAll()
		}
		return p.Certificate(shown).Listen("127.0.0.1:0", aws.New(settings), target)
	})
	b.at = b.Addrs()[1].String()
	return b
}

func appendFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// standIn has certificates for whatever name is asked for.
func standIn(t *testing.T, certPEM, keyPEM []byte) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	t.Helper()
	ca, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	maker, err := leaf.New(ca)
	require.NoError(t, err)
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return maker.Certificate(hello.ServerName) }
}

// proxied is the Go SDK's configuration with the gateway as HTTPS_PROXY.
func (b *proxyBed) proxied(scheme string, h2 bool) sdk.Config {
	proxy := &url.URL{Scheme: scheme, Host: b.at}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: b.roots}, ForceAttemptHTTP2: h2}
	b.t.Cleanup(transport.CloseIdleConnections)
	c := b.config()
	c.BaseEndpoint, c.HTTPClient = nil, &http.Client{Transport: transport}
	return c
}

func (b *proxyBed) hosts() []string {
	var list []string
	for _, r := range b.amazon.requests() {
		list = append(list, r.host)
	}
	return list
}

func TestGoThroughProxy(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	for i, c := range []sdk.Config{b.proxied("http", true), b.proxied("http", false), b.proxied("https", true), b.proxied("https", false)} {
		before := len(b.hosts())
		ctx := t.Context()
		_, err := dynamodb.NewFromConfig(c).ListTables(ctx, nil)
		require.NoError(t, err, i)
		_, err = cloudwatch.NewFromConfig(c).ListMetrics(ctx, nil)
		require.NoError(t, err, i)
		_, err = iam.NewFromConfig(c).ListUsers(ctx, nil)
		require.NoError(t, err, i)
		me, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
		require.NoError(t, err, i)
		assert.Equal(t, asAgent, *me.Arn)
		for _, bucket := range []string{"shop", "dotted.shop"} {
			_, err = s3.NewFromConfig(c).PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String(bucket), Key: sdk.String("a b/ü"), Body: strings.NewReader(bucket)})
			require.NoError(t, err, i)
		}
		assert.Equal(t, []string{
			"dynamodb.eu-west-1.amazonaws.com", "monitoring.eu-west-1.amazonaws.com", "iam.amazonaws.com",
			"shop.s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com",
		}, b.hosts()[before:])
	}
	var objects []string
	for _, op := range b.Record.Operations() {
		if op.Verb == "s3:PutObject" {
			objects = append(objects, names(op)...)
		}
	}
	assert.Equal(t, strings.Repeat("arn arn:aws:s3:::shop/a b/ü arn arn:aws:s3:::dotted.shop/a b/ü ", 4), strings.Join(objects, " ")+" ")
	assert.Empty(t, b.cloud.requests())
}

func TestProgramsThroughProxy(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(b.mint.Token("coder")), 0o600))
	env := []string{"HTTPS_PROXY=http://" + b.at, "NO_PROXY=", "AWS_CA_BUNDLE=" + b.caFile, "ENDPOINT=", "TOKEN=" + token}
	got := b.boto("proxied", env...)
	assert.Equal(t, "by name", got["virtual"])
	assert.Equal(t, "dots", got["dotted"])
	for call, says := range map[string]string{
		"s3": "shop", "dynamodb": "orders", "lambda": "resize", "iam": "ada", "ec2": "i-1", "sqs": "http://q/jobs", "cloudwatch": "Metrics", "sts": asAgent, "global sts": asAgent,
	} {
		assert.Contains(t, got[call].(map[string]any)["answer"], says, call)
	}
	assert.Subset(t, b.hosts(), []string{"iam.amazonaws.com", "shop.s3.eu-west-1.amazonaws.com", "123456789012.s3-control.eu-west-1.amazonaws.com"})
	assert.Equal(t, 1, verbs(b.Gateway)["s3control:GetPublicAccessBlock"])
	stdout, stderr, err := b.program(env, "/bin/sh", "-c", `set -e; aws() { /usr/bin/aws "$@"; }
		echo hello | aws s3 cp - s3://shop/by-name
		aws s3 cp s3://shop/by-name -
		unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
		export AWS_ROLE_ARN=arn:aws:iam::123456789012:role/agents AWS_ROLE_SESSION_NAME=nightly AWS_WEB_IDENTITY_TOKEN_FILE=$TOKEN
		aws sts get-caller-identity --query Arn --output text`)
	require.NoError(t, err, stderr)
	assert.Equal(t, "hello\narn:aws:sts::123456789012:assumed-role/agents/nightly", stdout)
	assert.Empty(t, b.cloud.requests())
}

// ask asks the proxy for a tunnel and returns its answer.
func (b *proxyBed) ask(request string) (net.Conn, *http.Response, string) {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.at)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, request)
	require.NoError(b.t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	require.NoError(b.t, err, request)
	if resp.StatusCode == http.StatusOK {
		return conn, resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return conn, resp, string(body)
}

func TestProxyForAWSOnly(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	asked := 0
	for _, address := range []string{
		"example.com:443", "169.254.169.254:443", "169.254.169.254:80", "[fd00:ec2::254]:443", "127.0.0.1:443", "localhost:443",
		"amazonaws.com.evil.test:443", "evilamazonaws.com:443", "amazonaws.com:443", "sts.amazonaws.com.:443", "sts.amazonaws.com:80", "sts.amazonaws.com:8443",
		"sts.amazonaws.com", "sts.amazonaws.com:443@evil.test:443", "xn--sts-.amazonaws.com\u3002evil:443", "db.cluster.eu-west-1.rds.amazonaws.com:443",
		"my-lb-1.eu-west-1.elb.amazonaws.com:443", "ec2-1-2-3-4.eu-west-1.compute.amazonaws.com:443", "shop.s3-website-eu-west-1.amazonaws.com:443",
		strings.Repeat("a.", 130) + "s3.amazonaws.com:443", "*.s3.amazonaws.com:443", "a b.s3.amazonaws.com:443", "/x:443", "",
	} {
		conn, resp, _ := b.ask(fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address))
		assert.GreaterOrEqual(t, resp.StatusCode, 400, address)
		conn.Close()
		asked++
	}
	b.Record.WaitForKind(t, recorder.KindRefused, asked)
	_, resp, body := b.ask("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
	assert.Equal(t, 403, resp.StatusCode)
	assert.Contains(t, body, "AWS's hosts only")
	assert.Empty(t, b.dialled)

	// A store is not AWS: "/k" on the host of a bucket would be a bucket to it.
	at := b.at
	b.at = b.Addr()
	_, resp, body = b.ask("CONNECT shop.s3.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: shop.s3.eu-west-1.amazonaws.com:443\r\n\r\n")
	assert.Equal(t, 403, resp.StatusCode)
	assert.Contains(t, body, "not to AWS")
	b.at = at

	// Without an authority there is no proxy.
	plain := newBed(t, nil, nil)
	b.at = plain.Addr()
	_, resp, body = b.ask("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n")
	assert.Equal(t, 405, resp.StatusCode)
	assert.Contains(t, body, "AWS_ENDPOINT_URL")
}
