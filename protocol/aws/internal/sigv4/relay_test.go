package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4/strict"
)

const (
	clientKey, clientSecret, clientToken = "AKIACLIENT", "client-secret", "client/token+=="
	gatewayKey, gatewaySecret            = "AKIAGATEWAY", "gateway-secret"
	gatewayToken                         = "gateway-token"
)

// relay is the smallest gateway there can be: it verifies what clients send with one credential and sends it on signed
// with another, to a target that verifies strictly and answers enough to satisfy the clients.
type relay struct {
	t      *testing.T
	front  *httptest.Server
	target *httptest.Server

	mu      sync.Mutex
	calls   []call
	problem []string
}

// call is what the target has got.
type call struct {
	claim            sigv4.Claim // of the client
	method, uri, key string
	header           http.Header
	body             []byte
}

func newRelay(t *testing.T, tls bool) *relay {
	g := &relay{t: t}
	g.target = httptest.NewServer(http.HandlerFunc(g.serveTarget))
	t.Cleanup(g.target.Close)
	g.front = httptest.NewUnstartedServer(http.HandlerFunc(g.serveFront))
	if tls {
		g.front.EnableHTTP2 = true
		g.front.StartTLS()
	} else {
		g.front.Start()
	}
	t.Cleanup(g.front.Close)
	return g
}

func (g *relay) fail(w http.ResponseWriter, err error) {
	g.mu.Lock()
	g.problem = append(g.problem, err.Error())
	g.mu.Unlock()
	w.Header().Set("Connection", "close")
	http.Error(w, err.Error(), http.StatusForbidden)
}

// done gives the calls so far, and fails the test where one was refused.
func (g *relay) done() []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	require.Empty(g.t, g.problem)
	calls := g.calls
	g.calls = nil
	return calls
}

func (g *relay) serveFront(w http.ResponseWriter, r *http.Request) {
	if err := g.forward(w, r); err != nil {
		g.fail(w, fmt.Errorf("%s %s: %w (%v)", r.Method, r.RequestURI, err, r.Header))
	}
}

func (g *relay) forward(w http.ResponseWriter, r *http.Request) error {
	c, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if c.AccessKeyID != clientKey || c.SessionToken != clientToken {
		return fmt.Errorf("another credential: %v", c)
	}
	var hash []byte
	body := io.Reader(r.Body)
	payload := c.Payload.String()
	switch c.Payload {
	case sigv4.Hashed:
		payload = hex.EncodeToString(c.PayloadHash[:])
	case sigv4.Undeclared:
		whole, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(whole)
		hash, payload, body = sum[:], hex.EncodeToString(sum[:]), bytes.NewReader(whole)
	}
	if err := c.Verify(r, clientSecret, time.Now(), hash, sigv4.Options{}); err != nil {
		return err
	}

	out := r.Clone(r.Context())
	sigv4.Strip(out)
	if err := sigv4.Normalise(out, c.Service); err != nil {
		return err
	}
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", g.target.Listener.Addr().String()
	out.Host = "service.example.amazonaws.com"
	now := time.Now()
	seed, err := sigv4.Sign(out, sigv4.Credentials{AccessKeyID: gatewayKey, SecretAccessKey: gatewaySecret, SessionToken: gatewayToken},
		c.Service, c.Region, payload, now)
	if err != nil {
		return err
	}
	if c.Payload != sigv4.Undeclared {
		body = wireReader(sigv4.NewReader(body, c, clientSecret,
			&sigv4.Resign{SecretAccessKey: gatewaySecret, Region: c.Region, Service: c.Service, Time: now, Seed: seed}))
	}
	out.Body = io.NopCloser(body)
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	g.mu.Lock()
	g.calls = append(g.calls, call{claim: c})
	g.mu.Unlock()
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return err
}

func wireReader(r *sigv4.Reader) io.Reader {
	pr, pw := io.Pipe()
	go func() {
		for {
			p, err := r.Next()
			if err == nil {
				_, err = pw.Write(p.Wire)
			}
			if err != nil {
				_ = pw.CloseWithError(err)
				return
			}
		}
	}()
	return pr
}

func (g *relay) serveTarget(w http.ResponseWriter, r *http.Request) {
	body, err := strict.Check(r, strict.One(gatewayKey, gatewaySecret, gatewayToken), time.Now())
	if err != nil {
		g.fail(w, err)
		return
	}
	g.mu.Lock()
	last := &g.calls[len(g.calls)-1]
	last.method, last.uri, last.key, last.header, last.body = r.Method, r.RequestURI, r.URL.Path, r.Header, body
	service := last.claim.Service
	g.mu.Unlock()
	answer(w, r, service)
}

// answer is what satisfies a client of the service.
func answer(w http.ResponseWriter, r *http.Request, service string) {
	query := r.URL.Query()
	switch {
	case service == "dynamodb":
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		_, _ = w.Write([]byte{0xa0})
	case service == "lambda":
		_, _ = io.WriteString(w, "{}")
	case !sigv4.SingleEncoded(service):
		action := "ListUsers"
		if service == "sts" {
			action = "GetCallerIdentity"
		} else if service == "monitoring" {
			action = "ListMetrics"
		}
		_, _ = fmt.Fprintf(w, "<%sResponse><%sResult></%sResult></%sResponse>", action, action, action, action)
	case r.Method == "POST" && query.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
	case r.Method == "POST" && query.Has("uploadId"):
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>parts</Key><ETag>\"x-1\"</ETag></CompleteMultipartUploadResult>")
	case r.Method == "GET" && query.Has("location"):
		_, _ = io.WriteString(w, "<LocationConstraint>eu-west-1</LocationConstraint>")
	case r.Method == "GET" && (query.Has("list-type") || query.Has("prefix")):
		_, _ = io.WriteString(w, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
	case r.Method == "GET" && r.URL.Path == "/":
		_, _ = io.WriteString(w, "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>")
	case r.Method == "DELETE":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		if r.Method == "GET" {
			_, _ = io.WriteString(w, "content")
		}
	}
}

// oddKeys are object names that clients, gateways and targets are apt to encode in different ways.
var oddKeys = []string{"plain.txt", "a b+c/ü(1)!*';:@&=$,?#[]~//x", "a//b", "/lead", "trail/", "percent%2Fsign%", "dots/../up", "./dot",
	"q?x=1&y", "tab\there", `back\slash`, "日本語", "semi;colon", "~tilde_-."}

func payloads(calls []call) (seen []sigv4.Payload) {
	for _, c := range calls {
		if !slices.Contains(seen, c.claim.Payload) {
			seen = append(seen, c.claim.Payload)
		}
	}
	return seen
}

func requireKeys(t *testing.T, calls []call, method string, keys []string) {
	var got []string
	for _, c := range calls {
		if c.method == method {
			got = append(got, strings.TrimPrefix(c.key, "/bucket/"))
		}
	}
	assert.Equal(t, keys, got)
}
