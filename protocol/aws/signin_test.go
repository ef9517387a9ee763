package aws_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// asAgent is who a client learns to be.
const asAgent = "arn:aws:sts::123456789012:assumed-role/sallyport/agent"

// The CLI gets its credentials from the gateway in the ways that it knows.
func TestCLISignsIn(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	token, dir := b.mint.Token("agent"), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "get.py"), fmt.Appendf(nil, `import urllib.request
print(urllib.request.urlopen(urllib.request.Request("%s%s", headers={"Authorization": "Bearer %s"})).read().decode())`, b.url(), aws.CredentialsPath, token), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte("[default]\ncredential_process = /usr/bin/python3 "+dir+"/get.py\n"), 0o600))
	stdout, stderr, err := b.cli(`unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
		me() { aws $E sts get-caller-identity --query Arn --output text; }
		export AWS_CONTAINER_CREDENTIALS_FULL_URI=$ENDPOINT`+aws.CredentialsPath+`
		AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer $TOKEN" me && AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic $BASIC" me || exit
		unset AWS_CONTAINER_CREDENTIALS_FULL_URI
		AWS_CONFIG_FILE=$DIR/config me`,
		"TOKEN="+token, "BASIC="+base64.StdEncoding.EncodeToString([]byte("agent:"+token)), "DIR="+dir)
	require.NoError(t, err, stderr)
	assert.Equal(t, strings.Join([]string{asAgent, asAgent, asAgent}, "\n"), stdout)
	assert.Empty(t, stderr)
	assert.Equal(t, 3, verbs(b.Gateway)["sts:GetCallerIdentity"])
	assert.False(t, b.Record.Holds([]byte(token)))
	assert.False(t, b.Log.Contains(token))
}

// load is the Go SDK's configuration by environment.
func load(t *testing.T, env map[string]string) sdk.Config {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	return c
}

func TestGoSignsIn(t *testing.T) {
	b := newBed(t, nil, nil)
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) { require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600)) }
	write(b.mint.Token("coder", "agents"))
	base := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": b.url(), "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
	with := func(more map[string]string) sdk.Config {
		env := map[string]string{"AWS_ROLE_ARN": "", "AWS_ROLE_SESSION_NAME": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ENDPOINT_URL_STS": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_AUTHORIZATION_TOKEN": ""}
		for name, value := range base {
			env[name] = value
		}
		for name, value := range more {
			env[name] = value
		}
		return load(t, env)
	}
	web := map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/agents", "AWS_ROLE_SESSION_NAME": "nightly", "AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ENDPOINT_URL_STS": b.url()}

	me, err := sts.NewFromConfig(with(web)).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Contains(t, *me.Arn, ":assumed-role/agents/")
	container := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": b.url() + aws.CredentialsPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer " + b.mint.Token("agent")}
	me, err = sts.NewFromConfig(with(container)).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, asAgent, *me.Arn)

	write("wrong")
	_, err = sts.NewFromConfig(with(web)).GetCallerIdentity(t.Context(), nil)
	require.ErrorContains(t, err, "not accepted by this gateway")
	before := refusals(b.Gateway)
	container["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer wrong"
	_, err = sts.NewFromConfig(with(container)).GetCallerIdentity(t.Context(), nil)
	require.ErrorContains(t, err, "the token was refused")
	assert.Equal(t, before+1, refusals(b.Gateway), "one attempt, and it is in the record")
}

// refusals counts the clients that were turned away before a session was open.
func refusals(g *proxytest.Gateway) int {
	n := 0
	for _, e := range g.Record.Events() {
		if e.Kind == recorder.KindRefused {
			n++
		}
	}
	return n
}

// issuerOf has newBed show the issuer.
func issuerOf(to **awskeys.Issuer) func(*aws.Config) {
	return func(c *aws.Config) { *to = c.Issuer }
}

func TestCredentialsEnd(t *testing.T) {
	t.Parallel()
	var issuer *awskeys.Issuer
	b := newBed(t, issuerOf(&issuer), nil)
	b.cloud.amazon()
	list := func() error {
		_, err := dynamodb.NewFromConfig(b.config()).ListTables(t.Context(), nil)
		return err
	}
	require.NoError(t, list())

	require.NoError(t, issuer.Revoke(awskeys.Revocation{AccessKeyID: b.creds.AccessKeyID}))
	require.ErrorContains(t, list(), "UnrecognizedClientException: ")
	b.creds = b.signIn("agent")
	require.NoError(t, list(), "others of the same principal hold")

	for _, s := range b.Sessions() {
		require.True(t, b.End(s.ID, "lunch"))
	}
	require.ErrorContains(t, list(), "an operator ended this session; sign in again")
	b.creds = b.signIn("agent")
	require.NoError(t, list())

	// The token ends soon, and what was issued for it ends with it.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url()+aws.CredentialsPath, nil)
	require.NoError(t, err)
	ends := time.Now().Add(2 * time.Second)
	b.creds = b.signInAs(r, b.mint.For(identity.Principal{Subject: "brief", Expires: ends}))
	assert.False(t, b.creds.Expiration.After(ends))
	require.NoError(t, list())
	time.Sleep(time.Until(b.creds.Expiration) + 20*time.Millisecond)
	require.ErrorContains(t, list(), "ExpiredTokenException")
	assert.Len(t, b.cloud.requests(), 4)
}

// signInAs gets credentials by a token of its own.
func (b *bed) signInAs(r *http.Request, token string) document {
	b.t.Helper()
	r.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, resp.StatusCode, string(body))
	return parseDocument(b.t, body)
}

// selfSigned makes a certificate for the loopback address and names, and the
// roots that trust it.
func selfSigned(t testing.TB, names ...string) (tls.Certificate, *x509.CertPool, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots, der
}

// dialTo leads every address to one, and counts.
func dialTo(address string, n *atomic.Int32) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		n.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// Two agents share one HTTP/2 connection, and are two sessions; buckets are
// names below the gateway's own.
func TestTLSAndHosts(t *testing.T) {
	t.Parallel()
	certificate, roots, _ := selfSigned(t, "gw.test", "*.gw.test")
	b := newBed(t, func(c *aws.Config) { c.Hosts = []string{"GW.test"} }, func(p *proxy.Builder) *proxy.Builder { return p.Certificate(certificate).AllowAll() })
	b.cloud.amazon()
	var dialled atomic.Int32
	for _, h2 := range []bool{true, false} {
		dialled.Store(0)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2, DialContext: dialTo(b.Addr(), &dialled)}
		t.Cleanup(transport.CloseIdleConnections)
		version := protoSeen{RoundTripper: transport}
		sessions := map[string]bool{}
		for _, who := range []string{"one", "two", "one"} {
			b.creds = b.signIn(who)
			c := b.config()
			c.BaseEndpoint, c.HTTPClient = sdk.String("https://gw.test"), &http.Client{Transport: &version}
			_, err := dynamodb.NewFromConfig(c).ListTables(t.Context(), nil)
			require.NoError(t, err)
			ops := b.Record.Operations()
			sessions[ops[len(ops)-1].Session] = true
			_, err = s3.NewFromConfig(c).PutObject(t.Context(), &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("a/../" + who), Body: strings.NewReader(who)})
			require.NoError(t, err)
			assert.Equal(t, who, string(b.cloud.object("/shop/a/../"+who)))
			ops = b.Record.Operations()
			assert.Equal(t, []string{"arn arn:aws:s3:::shop/a/../" + who, "arn arn:aws:s3:::shop/" + who}, names(ops[len(ops)-1]), "as S3 has it, and as other stores do")
		}
		assert.Len(t, sessions, 3, "credentials, not connections, make a session")
		if h2 {
			assert.Equal(t, "HTTP/2.0", version.last)
			assert.EqualValues(t, 2, dialled.Load(), "one for each name")
		} else {
			assert.Equal(t, "HTTP/1.1", version.last)
		}
	}
}

// protoSeen remembers the protocol of the last answer.
type protoSeen struct {
	http.RoundTripper
	last string
}

func (p *protoSeen) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.RoundTripper.RoundTrip(r)
	if err == nil {
		p.last = resp.Proto
	}
	return resp, err
}

// farListener has its clients come from elsewhere.
type farListener struct{ net.Listener }

type farConn struct{ net.Conn }

func (l farListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return farConn{conn}, nil
}

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711} }

func TestPlaintext(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		far, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var settings aws.Config
		b := newBed(t, func(c *aws.Config) { c.Plaintext, settings = allowed, *c; settings.Plaintext = allowed }, func(p *proxy.Builder) *proxy.Builder {
			return p.AllowAll().ListenOn(farListener{far}, aws.New(settings), protocol.Target{Name: "far", Address: "127.0.0.1:1", TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}})
		})
		c := b.config()
		c.BaseEndpoint = sdk.String("http://" + far.Addr().String())
		_, err = sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
		if allowed {
			require.NoError(t, err)
			assert.True(t, b.Log.Contains("without TLS", "203.0.113.7"))
			continue
		}
		require.Error(t, err)
		assert.Empty(t, b.Record.Operations())
		assert.Positive(t, refusals(b.Gateway))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *c.BaseEndpoint+aws.CredentialsPath, nil)
		require.NoError(t, err)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(r)
		require.NoError(t, err)
		body, _ := io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		assert.Contains(t, string(body), "use https")
		answer := raw(t, far.Addr().String(), "CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n")
		assert.Contains(t, answer, "HTTP/1.1 405 ", "a tunnel would bring TLS of its own")
	}
}

// A path in front of the address chooses among a listener's targets, and tells
// services apart that share a name.
func TestBasePaths(t *testing.T) {
	t.Parallel()
	other := newCloud(t)
	var settings aws.Config
	b := newBed(t, func(c *aws.Config) { settings = *c }, func(p *proxy.Builder) *proxy.Builder {
		at := func(name string, c *cloud) protocol.Target {
			return protocol.Target{Name: name, Address: strings.TrimPrefix(c.URL, "http://"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
		}
		return p.AllowAll().Listen("127.0.0.1:0", aws.New(settings), at("eu test", other), at("us", other))
	})
	other.amazon()
	at := "http://" + b.Addrs()[1].String()
	config := func(base string) sdk.Config {
		c := b.config()
		c.BaseEndpoint = sdk.String(at + base)
		return c
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/.target/eu%20test"+aws.CredentialsPath, nil)
	require.NoError(t, err)
	b.creds = b.signInAs(r, b.mint.Token("agent"))
	_, err = dynamodb.NewFromConfig(config("/.target/eu%20test")).ListTables(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "/", other.requests()[0].path)
	_, err = dynamodb.NewFromConfig(config("/.target/us/.service/dynamodb")).ListTables(t.Context(), nil)
	require.NoError(t, err)
	path := s3.NewFromConfig(config("/.target/us/.service/s3"), func(o *s3.Options) { o.UsePathStyle = true })
	_, err = path.PutObject(t.Context(), &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("a b"), Body: strings.NewReader("x")})
	require.NoError(t, err)
	assert.NotNil(t, other.object("/shop/a b"))

	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, at+aws.CredentialsPath, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+b.mint.Token("agent"))
	status, words := send(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, r)
	assert.Equal(t, 403, status)
	assert.Contains(t, words, "name one of eu test, us")
	_, err = dynamodb.NewFromConfig(config("")).ListTables(t.Context(), nil)
	require.ErrorContains(t, err, "name one of eu test, us")
	_, err = dynamodb.NewFromConfig(config("/.target/none")).ListTables(t.Context(), nil)
	require.ErrorContains(t, err, `no target "none"`)
	_, err = dynamodb.NewFromConfig(config("/.target/us/.service/sqs")).ListTables(t.Context(), nil)
	require.Error(t, err, "the signature is for another service than the path")
	assert.Len(t, other.requests(), 3)
	assert.Empty(t, b.cloud.requests())
}
