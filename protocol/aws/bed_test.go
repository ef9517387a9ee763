package aws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4/strict"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the gateway signs with, and no client has.
const (
	realKey    = "AKIAREALREALREALREAL"
	realSecret = "realsecretrealsecretrealsecretrealsecre"
)

// cloud is a target that verifies every signature strictly before it answers.
type cloud struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	objects map[string][]byte
	seen    []seen
	answer  func(w http.ResponseWriter, r *http.Request, body []byte) bool // first; false goes on
	rude    func(w http.ResponseWriter, r *http.Request)                   // in place of all that, nothing is checked
}

// seen is a request as the target got it.
type seen struct {
	method, path, target, host string
	body                       []byte
	header                     http.Header
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{t: t, objects: map[string][]byte{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	rude := c.rude
	c.mu.Unlock()
	if rude != nil {
		rude(w, r)
		return
	}
	body, err := strict.Check(r, strict.One(realKey, realSecret, ""), time.Now())
	if err != nil {
		if r.Context().Err() == nil && !strings.Contains(err.Error(), "EOF") {
			assert.NoError(c.t, err, "%s %s", r.Method, r.URL)
		}
		http.Error(w, "signature", http.StatusForbidden)
		return
	}
	for name, values := range r.Header {
		for _, v := range values {
			assert.NotContains(c.t, v, "ASIA", "%s of the client's credentials", name)
		}
	}
	c.mu.Lock()
	c.seen = append(c.seen, seen{r.Method, r.URL.EscapedPath(), r.Header.Get("X-Amz-Target"), r.Host, body, r.Header.Clone()})
	answer := c.answer
	c.mu.Unlock()
	if answer != nil && answer(w, r, body) {
		return
	}
	c.store(w, r, body)
}

// be makes the cloud answer by rude alone.
func (c *cloud) be(rude func(w http.ResponseWriter, r *http.Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rude = rude
}

// say makes the cloud ask answer first.
func (c *cloud) say(answer func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// keep stores an object.
func (c *cloud) keep(path string, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects[path] = content
}

// store is a little S3.
func (c *cloud) store(w http.ResponseWriter, r *http.Request, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := r.URL.Path
	switch r.Method {
	case http.MethodPut:
		c.objects[key] = body
		w.Header().Set("ETag", `"0123"`)
	case http.MethodGet, http.MethodHead:
		object, ok := c.objects[key]
		if !ok {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(object))
	case http.MethodDelete:
		delete(c.objects, key)
		w.WriteHeader(http.StatusNoContent)
	}
}

// requests returns what the target got so far.
func (c *cloud) requests() []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]seen(nil), c.seen...)
}

// object returns what is stored under a path.
func (c *cloud) object(path string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects[path]
}

// always answers every call with one JSON document.
func (c *cloud) always(kind, document string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, document)
		return true
	}
}

// bed is a gateway in front of a cloud.
type bed struct {
	*proxytest.Gateway
	t     testing.TB
	cloud *cloud
	mint  *proxytest.Mint
	creds document

	ago time.Duration // for which requests that are signed by hand seem to be on their way
}

// document is what the credentials endpoint answers.
type document struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

func newBed(t testing.TB, change func(*aws.Config), build func(*proxy.Builder) *proxy.Builder, before ...func(*aws.Plugin)) *bed {
	t.Helper()
	cloud := newCloud(t)
	b := newBedBefore(t, protocol.Target{Name: "cloud", Address: strings.TrimPrefix(cloud.URL, "http://"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}, change, build, before...)
	b.cloud = cloud
	return b
}

// newBedBefore is newBed in front of a target of the caller's.
func newBedBefore(t testing.TB, target protocol.Target, change func(*aws.Config), build func(*proxy.Builder) *proxy.Builder, before ...func(*aws.Plugin)) *bed {
	t.Helper()
	b := &bed{t: t, mint: proxytest.NewMint()}
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	key, err := awskeys.NewKey(random)
	require.NoError(t, err)
	issuer, err := awskeys.New(key)
	require.NoError(t, err)
	config := aws.Config{
		Issuer: issuer, Account: "123456789012",
		Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: realKey, SecretAccessKey: aws.NewSecret(realSecret)}}),
	}
	if change != nil {
		change(&config)
	}
	plugin := aws.New(config)
	for _, f := range before {
		f(plugin)
	}
	b.Gateway = proxytest.Start(t, func(p *proxy.Builder) *proxy.Builder {
		p = p.Identify(b.mint, issuer).Listen("127.0.0.1:0", plugin, target)
		if build == nil {
			return p.AllowAll()
		}
		return build(p)
	})
	b.creds = b.signIn("agent")
	return b
}

func (b *bed) url() string { return "http://" + b.Addr() }

// signIn gets credentials for a principal by a token.
func (b *bed) signIn(subject string) document {
	b.t.Helper()
	return b.signInWith(b.mint.Token(subject, "agents"), subject)
}

func (b *bed) signInWith(token, subject string) document {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.url()+aws.CredentialsPath, nil)
	require.NoError(b.t, err)
	r.SetBasicAuth(subject, token)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var d document
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, resp.StatusCode, string(body))
	require.NoError(b.t, json.Unmarshal(body, &d))
	return d
}

// config is the Go SDK's, for the bed's agent.
func (b *bed) config() sdk.Config {
	transport := &http.Transport{}
	b.t.Cleanup(transport.CloseIdleConnections)
	return sdk.Config{
		Region: "eu-west-1", BaseEndpoint: sdk.String(b.url()), HTTPClient: &http.Client{Transport: transport},
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: b.creds.AccessKeyID, SecretAccessKey: b.creds.SecretAccessKey, SessionToken: b.creds.SessionToken}, nil
		}),
	}
}

// env is the environment of clients that are processes.
func (b *bed) env(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.t.TempDir(), "AWS_ACCESS_KEY_ID=" + b.creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + b.creds.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + b.creds.SessionToken, "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_PROXY=*",
		"AWS_ENDPOINT_URL=" + b.url(),
	}, more...)
}

// operation returns the one operation with a verb.
func (b *bed) operation(verb string) proxytest.Operation {
	b.t.Helper()
	var found []proxytest.Operation
	for _, op := range b.Record.Operations() {
		if op.Verb == verb {
			found = append(found, op)
		}
	}
	require.Len(b.t, found, 1, "operations %s", verb)
	return found[0]
}

func params(op proxytest.Operation) url.Values {
	v := url.Values{}
	for _, p := range op.Params {
		v.Add(p.Name, p.Value)
	}
	return v
}

func names(op proxytest.Operation) []string {
	var list []string
	for _, o := range op.Objects {
		list = append(list, fmt.Sprintf("%s %s", o.Kind, o.Name))
	}
	return list
}
